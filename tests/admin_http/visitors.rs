//! Addresses, connections and the end.

use super::*;

#[test]
fn an_address_that_is_taken_is_known_before_anything_starts() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let any = "127.0.0.1:0".parse().unwrap();
    let addr = taken.local_addr().unwrap();
    let error = Bound::new(&AdminSettings { addr: any, probe_addr: Some(addr) }).unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot listen on PROBE_ADDR={addr}: ")), "{error}");
    let error = Bound::new(&AdminSettings { addr, probe_addr: None }).unwrap_err();
    assert!(error.to_string().starts_with("cannot listen on ADMIN_ADDR="), "{error}");
}

#[test]
fn many_at_once_all_get_an_answer() {
    let stage = Stage::running();
    std::thread::scope(|scope| {
        let paths = ["/metrics", "/state"].into_iter().cycle().take(40);
        let stage = &stage;
        let replies: Vec<_> = paths.map(|path| scope.spawn(move || stage.get(path).status)).collect();
        assert!(replies.into_iter().all(|reply| reply.join().unwrap() == 200));
    });
}

#[test]
fn visitors_that_say_little_or_nothing_make_room_at_once_and_one_that_waits_for_a_drain_stays() {
    let stage = Stage::running();
    stage.engine().poll((0..4).map(|offset| record(0, offset)));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| stage.post("/drain?wait=1m", ""));
        while stage.readiness.wished() != Wish::Drain {
            std::thread::yield_now();
        }
        let addr = stage.admin.addr();
        let mut slow: Vec<_> = (0..80).map(|_| TcpStream::connect(addr).unwrap()).collect();
        let mut sent_away = 0;
        for _ in 0..100 {
            // Those that had to leave cannot be written to any more.
            sent_away += slow.len();
            slow.retain_mut(|stream| stream.write_all(b"G").is_ok());
            sent_away -= slow.len();
            let came = std::time::Instant::now();
            assert_eq!(stage.get("/livez").status, 200);
            assert!(came.elapsed() < Duration::from_secs(5), "after {:?}", came.elapsed());
        }
        assert!(sent_away > 16, "there was room: nothing is shown");
        assert!(!waiting.is_finished());
        let mut engine = stage.engine();
        engine.answer_all(Duration::from_millis(1));
        engine.answer_commit(CommitOutcome::Applied);
        engine.step(Event::Left);
        drop(engine);
        assert_eq!(waiting.join().unwrap().status, 200);
    });
}

#[test]
fn it_ends_when_it_is_told_to_and_frees_its_address() {
    let stage = Stage::running();
    let addr = stage.admin.addr();
    // An idle connection must not hold it up.
    let idle = TcpStream::connect(addr).unwrap();
    stage.admin.stop();
    drop(idle);
    assert!(TcpStream::connect(addr).is_err());
}
