use std::time::Duration;

use crate::{sidecar::eventually, stage::Stage, worker::Behaviour};

#[test]
fn sigterm_under_load_leaves_within_five_seconds_with_everything_delivered_committed() {
    let stage = Stage::new("stopped", 8, Behaviour::after(Duration::from_millis(50)));
    let sidecar = stage.sidecar("first", &[]);
    stage.fill(5_000);
    stage.await_delivered(500, Duration::from_secs(60));
    let (status, took) = sidecar.stop();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
    let delivered = stage.worker.books().distinct() as i64;
    let committed: i64 = stage.committed().iter().sum();
    assert_eq!(committed, delivered);

    stage.worker.behave(Behaviour::instant());
    let again = stage.sidecar("second", &[]);
    stage.await_no_lag(Duration::from_secs(60));
    assert_eq!(stage.missing(), Vec::<String>::new());
    assert_eq!(stage.worker.books().duplicates(), 0);
    println!("SIGTERM with {delivered} delivered: exit 0 after {took:?}, no duplicate after the restart");
    assert!(again.stop().0.success());
}

#[test]
fn a_drain_by_post_leaves_the_group_and_stays_up() {
    let stage = Stage::new("drained", 4, Behaviour::after(Duration::from_millis(20)));
    let mut sidecar = stage.sidecar("only", &[]);
    stage.fill(2_000);
    stage.await_delivered(100, Duration::from_secs(60));
    assert_eq!(sidecar.get("/drain").unwrap().0, 405, "a GET changes nothing");
    let (status, body) = sidecar.request("POST", "/drain", "").unwrap();
    assert!((200..300).contains(&status), "{status} {body}");
    eventually("it is out of the group", Duration::from_secs(30), || {
        (sidecar.state()?["phase"] == "stopped").then_some(())
    });
    assert!(sidecar.is_running());
    assert_eq!(stage.worker.books().distinct() as i64, stage.committed().iter().sum::<i64>());
    assert_eq!(sidecar.get("/livez").unwrap().0, 200);
    assert_eq!(sidecar.get("/readyz").unwrap().0, 503);
    assert!(sidecar.stop().0.success());
}
