//! The switches that turn a safe default off, each one once.

use std::time::Duration;

use crate::{
    sidecar::eventually,
    stage::{Stage, wall_ms},
    worker::Behaviour,
};

const WITHIN: Duration = Duration::from_secs(60);

#[test]
fn without_manual_commits_the_clients_timer_commits_what_was_enqueued() {
    let stage = Stage::new("auto", 4, Behaviour::instant());
    let flags = [("USE_MANUAL_COMMIT", "false"), ("COMMIT_INTERVAL_MS", "200")];
    let sidecar = stage.sidecar("first", &flags);
    stage.fill(3_000);
    stage.await_delivered(3_000, WITHIN);
    stage.await_no_lag(Duration::from_secs(10));
    // The last ones are stored and not yet committed when it is told to go: leaving commits them.
    stage.fill(400);
    stage.await_delivered(3_400, WITHIN);
    let (status, took) = sidecar.stop();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(stage.committed(), stage.ends());
    let again = stage.sidecar("second", &flags);
    stage.fill(40);
    stage.await_delivered(3_440, WITHIN);
    assert_eq!(stage.worker.books().duplicates(), 0);
    assert!(again.stop().0.success());
}

#[test]
fn without_manual_commits_a_second_member_takes_over_where_the_first_had_read() {
    let stage = Stage::new("auto-two", 4, Behaviour::after(Duration::from_millis(2)));
    let flags = [("USE_MANUAL_COMMIT", "false"), ("COMMIT_INTERVAL_MS", "200")];
    let first = stage.sidecar("first", &flags);
    stage.fill(2_000);
    stage.await_delivered(200, WITHIN);
    let second = stage.sidecar("second", &flags);
    stage.await_no_lag(WITHIN);
    // It may all be over before the second is there, and one that is not cannot be asked to leave.
    eventually("the second is there", WITHIN, || second.state());
    assert!(first.stop().0.success());
    assert!(second.stop().0.success());
    assert_eq!(stage.worker.books().duplicates(), 0, "at most once is what it promises");
}

#[test]
fn without_a_record_bound_bytes_still_bound_the_queue() {
    let stage = Stage::new("unbounded", 2, Behaviour::after(Duration::from_millis(20)));
    let flags = [
        ("USE_BOUNDED_QUEUE", "false"),
        ("QUEUE_MAX_BYTES", "256KiB"),
        ("BATCH_MAX_BYTES", "64KiB"),
        ("MAX_RECORD_BYTES", "64KiB"),
    ];
    let sidecar = stage.sidecar("only", &flags);
    stage.writer.fill(2, 0, 4_000, 1_000);
    stage.await_delivered(4_000, WITHIN);
    stage.await_no_lag(Duration::from_secs(10));
    let state = sidecar.state().unwrap();
    let peak = state["queue"]["records_peak"].as_u64().unwrap();
    assert!((150..=262).contains(&peak), "{peak} records of 1000 bytes in 256 KiB");
    assert_eq!(state["queue"]["records_max"], serde_json::Value::Null);
    assert!(state["gate"]["shuts"].as_u64().unwrap() > 0);
    assert!(sidecar.stop().0.success());
}

#[test]
fn without_micro_batches_every_record_has_a_call_of_its_own() {
    let stage = Stage::new("singles", 2, Behaviour::instant());
    let sidecar = stage.sidecar("only", &[("ENABLE_MICROBATCH", "false")]);
    stage.fill(300);
    stage.await_no_lag(WITHIN);
    let books = stage.worker.books();
    assert_eq!((books.batch_max, books.requests, books.distinct()), (1, 300, 300));
    drop(books);
    assert!(sidecar.stop().0.success());
}

#[test]
fn without_ttl_a_deadline_is_only_a_header() {
    let stage = Stage::new("no-ttl", 2, Behaviour::instant());
    let sidecar = stage.sidecar("only", &[("ENABLE_TTL", "false")]);
    (0..20).for_each(|n| stage.send(n, Some(wall_ms() - 60_000)));
    stage.writer.flush();
    stage.await_no_lag(WITHIN);
    assert_eq!(stage.worker.books().distinct(), 20);
    assert_eq!(sidecar.events("ttl_expired").len(), 0);
    assert!(sidecar.stop().0.success());
}
