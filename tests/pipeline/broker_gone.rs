//! A broker of its own, to be killed.

use std::time::Duration;

use crate::{
    judge::Repeats,
    sidecar::eventually,
    stage::Stage,
    worker::{Behaviour, Reply},
};

#[test]
fn a_broker_killed_while_two_members_pause_at_every_turn_loses_nothing() {
    let mut stage = Stage::with_broker_of_its_own("broker-flaps", 4, Behaviour::after(Duration::from_millis(4)));
    let flags = [("QUEUE_MAXSIZE", "40"), ("BATCH_SIZE", "8"), ("PAUSE_HARD_AFTER_MS", "0")];
    let first = stage.sidecar("first", &flags);
    stage.fill(6_000);
    stage.await_delivered(500, Duration::from_secs(60));
    let second = stage.sidecar("second", &flags);
    stage.await_delivered(2_000, Duration::from_secs(60));
    stage.watch_commits();
    stage.kafka().kill();
    // Nothing is taken until the judge has seen what is committed.
    stage.worker.behave(Behaviour::replying(|_| Reply::Status(503)));
    stage.kafka().start_again();
    stage.killed();
    stage.worker.behave(Behaviour::after(Duration::from_millis(4)));
    let mut poll_age_max = 0;
    eventually("the rest is delivered", Duration::from_secs(90), || {
        for sidecar in [&first, &second] {
            poll_age_max = sidecar.state()?["poll_age_ms"].as_u64()?.max(poll_age_max);
        }
        (stage.worker.books().distinct() >= 6_000).then_some(())
    });
    assert!(poll_age_max < 2_000, "the client was not polled for {poll_age_max} ms");
    stage.await_no_lag(Duration::from_secs(60));
    let verdict = stage.verdict(Repeats::Uncommitted);
    verdict.holds();
    assert_eq!((verdict.produced, verdict.done), (6_000, 6_000));
    for sidecar in [&first, &second] {
        assert_eq!(sidecar.get("/livez").unwrap().0, 200);
        assert_eq!(sidecar.metric("sluicegate_invariant_violations_total"), Some(0.0));
    }
    assert!(first.metric(r#"sluicegate_pauses_total{stage="hard",reason="queue_full"}"#).unwrap() > 10.0);
    let (repeats, uncommitted) = (verdict.repeats, verdict.uncommitted);
    println!("a broker killed under two members: 0 missing, {repeats} duplicates of {uncommitted} uncommitted");
    assert_eq!(first.stop().0.code(), Some(0));
    assert_eq!(second.stop().0.code(), Some(0));
}

#[test]
fn sigterm_with_the_brokers_gone_ends_within_the_budget_and_says_that_it_could_not_commit() {
    let mut stage = Stage::with_broker_of_its_own("broker-gone", 2, Behaviour::after(Duration::from_millis(50)));
    let flags = [("INFERENCE_TIMEOUT", "2s"), ("SHUTDOWN_TIMEOUT", "8s"), ("COMMIT_INTERVAL_MS", "600000")];
    let sidecar = stage.sidecar("only", &flags);
    stage.fill(500);
    stage.await_delivered(50, Duration::from_secs(60));
    stage.kafka().kill();
    let (status, took) = sidecar.stop();
    assert_eq!(status.code(), Some(75), "what was delivered could not be committed");
    assert!(took < Duration::from_millis(8_500), "{took:?}");
}
