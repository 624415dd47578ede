//! Workers that crash, hang, drip, flood and break off.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};

use crate::{
    broken_body::Broken,
    fault_proxy::{FaultProxy, Weather},
    judge::Repeats,
    load::Load,
    protocol::is_left_out,
    stage::Stage,
    worker::{Behaviour, Entry, Reply},
};

const WITHIN: Duration = Duration::from_secs(60);

/// How a third of the answers go wrong.
type Mood = fn() -> Reply;

const MOODS: [(&str, Mood); 5] = [
    ("hangs", || Reply::Never),
    ("drips", || Reply::Broken(Broken::drip())),
    ("never ends", || Reply::Broken(Broken::Endless)),
    ("breaks off", || Reply::Broken(Broken::Cut { begun: false })),
    ("talks nonsense", || Reply::Body("<html>OK</html>".to_owned())),
];

#[test]
fn a_worker_that_hangs_drips_floods_breaks_off_and_talks_nonsense_loses_nothing_and_repeats_nothing() {
    let mut stage = Stage::new("moods", 4, Behaviour::after(Duration::from_millis(5)));
    let flags = [("INFERENCE_TIMEOUT", "1s"), ("RETRY_MAX_ATTEMPTS", "1000"), ("RETRY_BACKOFF_MAX", "500ms")];
    let sidecar = stage.sidecar("only", &flags);
    let load = Load::start(&stage, 0, 1_000);
    stage.watch_commits();
    stage.await_delivered(1_000, WITHIN);
    for (what, mood) in MOODS {
        let calls = AtomicU64::new(0);
        let reply = move |_: &[Entry]| if calls.fetch_add(1, SeqCst) % 3 == 1 { mood() } else { Reply::Done };
        stage.worker.behave(Behaviour::replying(reply));
        let requests = stage.worker.books().requests;
        stage.await_more(1_000, WITHIN);
        println!("a worker that {what}: 1000 delivered in {} calls", stage.worker.books().requests - requests);
    }
    stage.worker.behave(Behaviour::instant());
    let records = load.stop();
    stage.await_no_lag(WITHIN);
    let verdict = stage.verdict(Repeats::AtMost(0));
    verdict.holds();
    assert_eq!((verdict.produced, verdict.done), (records, records));
    assert_eq!(sidecar.metric("sluicegate_invariant_violations_total"), Some(0.0));
    println!("a worker of five bad moods: {records} records, 0 missing, 0 done twice");
    assert!(sidecar.stop().0.success());
}

#[test]
fn a_worker_that_takes_twice_the_poll_interval_costs_no_rebalance() {
    if is_left_out("the client holds max.poll.interval.ms against its own session.timeout.ms") {
        return;
    }
    let slow = Duration::from_secs(14);
    let mut stage = Stage::new("slower-than-polls", 4, Behaviour::after(slow));
    let flags = [
        ("KAFKA_CFG_MAX_POLL_INTERVAL_MS", "7000"),
        ("INFERENCE_TIMEOUT", "20s"),
        ("QUEUE_MAXSIZE", "100"),
        ("BATCH_SIZE", "10"),
        ("PAUSE_HARD_AFTER_MS", "1000"),
    ];
    let sidecar = stage.sidecar("only", &flags);
    stage.fill(1_000);
    stage.await_delivered(10, WITHIN);
    stage.worker.behave(Behaviour::instant());
    stage.await_no_lag(WITHIN);
    let verdict = stage.verdict(Repeats::AtMost(0));
    verdict.holds();
    let assigned = sidecar.events("rebalance").iter().filter(|event| event["assigned"] != 0).count();
    assert_eq!(assigned, 1, "it never left the group");
    println!("a worker that takes {} s where polls are due every 7: no rebalance, 0 twice", slow.as_secs());
    assert!(sidecar.stop().0.success());
}

#[test]
fn a_worker_that_one_record_kills_again_and_again_is_rid_of_it_and_of_nothing_else() {
    const DEADLY: u64 = 700;
    let (crash, crashes) = mpsc::channel();
    let deaths = Arc::new(AtomicU64::new(0));
    let (counted, proxy) = (Arc::clone(&deaths), FaultProxy::start());
    let reply = move |entries: &[Entry]| {
        if entries.iter().any(|entry| entry.number() == Some(DEADLY)) {
            crash.send(()).unwrap();
            return Reply::Never;
        }
        Reply::Done
    };
    let mut stage = Stage::new("deadly", 4, Behaviour::replying(reply));
    let dead = stage.dead_letters();
    proxy.towards(stage.worker.addr.port());
    let url = format!("http://{}/predict", proxy.addr);
    std::thread::spawn(move || {
        // Down for half a second, as after an OOM kill; all its connections die with it.
        while crashes.recv().is_ok() {
            counted.fetch_add(1, SeqCst);
            proxy.weather(Weather::Refused);
            proxy.reset();
            std::thread::sleep(Duration::from_millis(500));
            proxy.weather(Weather::Clear);
        }
    });
    let flags = [("WORKER_URL", url.as_str()), ("DLQ_TOPIC", &dead), ("BATCH_SIZE", "16"), ("RETRY_MAX_ATTEMPTS", "3")];
    let sidecar = stage.sidecar("only", &flags);
    stage.fill(2_000);
    stage.watch_commits();
    stage.await_no_lag(WITHIN);
    assert_eq!(stage.read_dead_letters(&dead), 1);
    // Calls of others died with the worker too, some of them with the work done.
    let failed = sidecar.metric(r#"sluicegate_worker_latency_seconds_count{answer="failed"}"#).unwrap() as u64;
    let at_once = stage.worker.books().in_flight_max as u64;
    let verdict = stage.verdict(Repeats::AtMost((failed + deaths.load(SeqCst) * at_once) * 16));
    verdict.holds();
    assert_eq!((verdict.produced, verdict.done, verdict.lettered), (2_000, 1_999, 1));
    println!(
        "a record that kills its worker: {} deaths, 1 dead letter, 1999 delivered, {} of them twice",
        deaths.load(SeqCst),
        verdict.repeats
    );
    assert!(sidecar.stop().0.success());
}
