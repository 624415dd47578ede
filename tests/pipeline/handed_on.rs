//! What is finished beyond the frontier is not delivered again: not after a SIGKILL, not after a SIGTERM.

use std::time::Duration;

use crate::{
    sidecar::{Sidecar, eventually},
    stage::Stage,
    worker::{Behaviour, Entry, Reply},
};

const RECORDS: u64 = 3_000;
/// These are never taken, so they hold their partitions' frontiers: offset 5 of each.
const HOLDING: i64 = 5;

fn all_but_one(entries: &[Entry]) -> Reply {
    Reply::each(entries, |entry| if entry.offset == HOLDING { "RETRY" } else { "SUCCESS" })
}

/// All but two records are delivered and known to the group.
fn deliver(stage: &Stage, flags: &[(&str, &str)], records: usize) -> Sidecar {
    let sidecar = stage.sidecar("first", flags);
    stage.await_delivered(records, Duration::from_secs(60));
    eventually("all of it is committed", Duration::from_secs(20), || {
        // One interval later nothing is left to be said.
        let asked = sidecar.events("commits_applied").len();
        let state = sidecar.state()?;
        std::thread::park_timeout(Duration::from_millis(500));
        let still = sidecar.events("commits_applied").len() == asked && state["commit"]["in_flight"] == false;
        still.then_some(())
    });
    sidecar
}

fn finish(stage: &Stage, flags: &[(&str, &str)], how: &str) {
    assert_eq!(stage.committed(), [HOLDING, HOLDING], "the frontiers are held");
    stage.worker.behave(Behaviour::instant());
    let entries = stage.worker.books().entries;
    let sidecar = stage.sidecar("next", flags);
    stage.await_no_lag(Duration::from_secs(60));
    assert_eq!(stage.missing(), Vec::<String>::new());
    let sent = stage.worker.books().entries - entries;
    let twice = stage.worker.books().duplicates();
    let passed = sidecar.metric(r#"sluicegate_skipped_records_total{reason="completed_before"}"#);
    println!("{how} with {} of {RECORDS} finished beyond the frontier: {sent} sent again, {twice} twice", RECORDS - 12);
    assert_eq!((sent, twice, passed), (2, 0, Some((RECORDS - 12) as f64)));
    assert!(sidecar.stop().0.success());
}

const FLAGS: [(&str, &str); 4] = [
    ("KAFKA_GROUP_INSTANCE_ID", "one"),
    ("RETRY_MAX_ATTEMPTS", "1000"),
    ("RETRY_BACKOFF_MIN", "1s"),
    ("COMMIT_INTERVAL_MS", "200"),
];

#[test]
fn after_a_sigkill_only_what_was_not_finished_is_delivered_again() {
    let stage = Stage::new("handed-on-killed", 2, Behaviour::replying(all_but_one));
    stage.fill(RECORDS);
    deliver(&stage, &FLAGS, RECORDS as usize - 2).kill();
    finish(&stage, &FLAGS, "SIGKILL");
}

#[test]
fn after_a_sigterm_only_what_was_not_finished_is_delivered_again() {
    let stage = Stage::new("handed-on-stopped", 2, Behaviour::replying(all_but_one));
    stage.fill(RECORDS);
    // No commit but the last one.
    let mut flags = FLAGS;
    flags[3].1 = "1h";
    let sidecar = stage.sidecar("first", &flags);
    stage.await_delivered(RECORDS as usize - 2, Duration::from_secs(60));
    assert!(sidecar.stop().0.success());
    finish(&stage, &FLAGS, "SIGTERM");
}

#[test]
fn under_the_newer_group_protocol_too() {
    let stage = Stage::new("handed-on-848", 2, Behaviour::replying(all_but_one));
    stage.fill(RECORDS);
    let flags = [
        ("RETRY_MAX_ATTEMPTS", "1000"),
        ("RETRY_BACKOFF_MIN", "1s"),
        ("COMMIT_INTERVAL_MS", "200"),
        ("KAFKA_GROUP_PROTOCOL", "consumer"),
    ];
    let sidecar = stage.sidecar_as_it_is("first", &flags);
    stage.await_delivered(RECORDS as usize - 2, Duration::from_secs(60));
    assert!(sidecar.stop().0.success());
    assert_eq!(stage.committed(), [HOLDING, HOLDING]);
    stage.worker.behave(Behaviour::instant());
    let sidecar = stage.sidecar_as_it_is("next", &flags);
    stage.await_no_lag(Duration::from_secs(60));
    assert_eq!((stage.missing(), stage.worker.books().duplicates()), (Vec::new(), 0));
    assert!(sidecar.stop().0.success());
}
