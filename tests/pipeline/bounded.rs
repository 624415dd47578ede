use std::time::Duration;

use crate::{stage::Stage, worker::Behaviour};

#[test]
fn a_burst_of_ten_thousand_passes_through_a_queue_of_forty() {
    let stage = Stage::new("burst", 8, Behaviour::after(Duration::from_millis(2)));
    // Set by name, so that they stay where they are.
    let watermarks = [("PAUSE_THRESHOLD_PCT", "80"), ("RESUME_THRESHOLD_PCT", "50")];
    let sidecar = stage.sidecar("only", &[&[("QUEUE_MAXSIZE", "40"), ("BATCH_SIZE", "16")], &watermarks[..]].concat());
    stage.fill(10_000);
    stage.await_delivered(10_000, Duration::from_secs(120));
    stage.await_no_lag(Duration::from_secs(10));

    let peak = sidecar.metric("sluicegate_queue_records_max").unwrap();
    assert!(peak <= 40.0, "depth reached {peak}");
    let (paused, resumed) = (sidecar.events("consumer_paused"), sidecar.events("consumer_resumed"));
    assert!(!paused.is_empty(), "the gate never shut");
    assert!(paused.iter().all(|event| event["pct"].as_f64().unwrap() >= 80.0));
    assert!(resumed.iter().all(|event| event["pct"].as_f64().unwrap() <= 50.0));
    assert!(paused.iter().all(|event| event["stage"] == "soft" && event["reason"] == "queue_full"));
    assert_eq!(stage.missing(), Vec::<String>::new());
    assert_eq!(stage.worker.books().duplicates(), 0);
    let state = sidecar.state().unwrap();
    assert_eq!(state["backlog_records"], 0, "{state}");
    assert_eq!(sidecar.metric("sluicegate_invariant_violations_total").unwrap(), 0.0);
    println!("10000 records: depth at most {peak}, {} pauses logged, lag 0", paused.len());
    assert!(sidecar.stop().0.success());
}

#[test]
fn a_gate_that_stays_shut_is_paused_in_the_client_and_comes_back_without_a_gap() {
    let stage = Stage::new("hard", 4, Behaviour::after(Duration::from_millis(700)));
    let flags = [("QUEUE_MAXSIZE", "64"), ("BATCH_SIZE", "16"), ("QUEUE_WORKERS", "1"), ("PAUSE_HARD_AFTER_MS", "200")];
    let sidecar = stage.sidecar("only", &flags);
    stage.fill(400);
    crate::sidecar::eventually("a hard pause", Duration::from_secs(30), || {
        sidecar.events("consumer_paused").iter().any(|event| event["stage"] == "hard").then_some(())
    });
    stage.worker.behave(Behaviour::instant());
    stage.await_delivered(400, Duration::from_secs(60));
    stage.await_no_lag(Duration::from_secs(10));
    assert_eq!(stage.missing(), Vec::<String>::new());
    assert_eq!(stage.worker.books().duplicates(), 0);
    assert!(sidecar.stop().0.success());
}
