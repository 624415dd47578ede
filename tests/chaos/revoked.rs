//! Partitions that are taken away while something is unfinished.

use std::{
    sync::atomic::{AtomicU64, Ordering::SeqCst},
    time::Duration,
};

use crate::{
    judge::Repeats,
    load::Load,
    sidecar::{Sidecar, eventually},
    stage::Stage,
    worker::{Behaviour, Entry, Reply},
};

const WITHIN: Duration = Duration::from_secs(30);
const VISITS: u64 = 4;

fn owned(member: &Sidecar) -> usize {
    member.state().and_then(|state| Some(state["partitions"].as_array()?.len())).unwrap_or(0)
}

/// A guest comes, gets its share, and leaves again.
fn visit(stage: &Stage, first: &Sidecar, flags: &[(&str, &str)], between: Duration) {
    let all = stage.partitions as usize;
    let guest = stage.sidecar("guest", flags);
    eventually("the guest has its share", WITHIN, || (owned(&guest) > 0 && owned(first) < all).then_some(()));
    std::thread::sleep(between);
    assert!(guest.stop().0.success());
    eventually("everything is back", WITHIN, || (owned(first) == all).then_some(()));
}

#[test]
fn answers_that_come_after_the_partition_was_given_back_commit_nothing() {
    late_answers(&[]);
}

/// Nothing in flight is waited for when a partition is revoked, and some calls take long: their answers come when the
/// partition has been somebody else's, and is here again.
pub fn late_answers(planted: &[(&str, &str)]) {
    let mut stage = Stage::new("late-answers", 4, Behaviour::instant());
    let calls = AtomicU64::new(0);
    let slow = Duration::from_millis(1500);
    stage.worker.behave(Behaviour {
        delay_of: Box::new(
            move |_| if calls.fetch_add(1, SeqCst).is_multiple_of(4) { slow } else { Duration::from_millis(20) },
        ),
        ..Behaviour::instant()
    });
    let flags = [("REVOKE_DRAIN_TIMEOUT", "0ms"), ("QUEUE_WORKERS", "8"), ("COMMIT_INTERVAL_MS", "50")];
    let flags = [&flags[..], planted].concat();
    let first = stage.sidecar("first", &flags);
    let load = Load::start(&stage, 0, 4_000);
    stage.watch_commits();
    stage.await_delivered(1_000, WITHIN);
    for _ in 0..VISITS {
        visit(&stage, &first, &flags, Duration::from_millis(100));
    }
    let records = load.stop();
    stage.await_no_lag(WITHIN);
    // At each of the two revokes of a visit what was in flight and what was done behind it comes again.
    let stale = first.metric("sluicegate_stale_answers_total{what=\"settled\"}").unwrap_or(0.0);
    let verdict = stage.verdict(Repeats::AtMost(u64::MAX));
    verdict.holds();
    assert_eq!((verdict.produced, verdict.done), (records, records));
    println!(
        "{VISITS} visits with nothing waited for: 0 of {records} missing, {} duplicates, {stale} stale answers",
        verdict.repeats
    );
    assert!(first.stop().0.success());
}

#[test]
fn records_that_wait_to_be_tried_again_survive_a_revoke() {
    retries(&[]);
}

/// A worker that fails every fifth call and says RETRY to records, so that there is always something that waits to be
/// tried again, while members come and go.
pub fn retries(planted: &[(&str, &str)]) {
    let calls = AtomicU64::new(0);
    let reply = move |entries: &[Entry]| {
        let call = calls.fetch_add(1, SeqCst);
        if call % 5 == 3 {
            return Reply::Status(500);
        }
        let status = |entry: &Entry| if entry.offset % 50 == 7 && entry.attempt <= 2 { "RETRY" } else { "SUCCESS" };
        let each = entries.iter().map(|e| format!(r#"{{"entryId":"{}","status":"{}"}}"#, e.entry_id, status(e)));
        Reply::Body(format!(r#"{{"statuses":[{}]}}"#, each.collect::<Vec<_>>().join(",")))
    };
    let mut stage = Stage::new(
        "retries",
        4,
        Behaviour { delay_of: Box::new(|_| Duration::from_millis(10)), reply: Box::new(reply) },
    );
    let flags = [("RETRY_BACKOFF_MIN", "300ms"), ("RETRY_MAX_ATTEMPTS", "1000"), ("COMMIT_INTERVAL_MS", "100")];
    let flags = [&flags[..], planted].concat();
    let first = stage.sidecar("first", &flags);
    let load = Load::start(&stage, 0, 2_000);
    stage.watch_commits();
    stage.await_delivered(500, WITHIN);
    for _ in 0..VISITS {
        visit(&stage, &first, &flags, Duration::from_millis(300));
    }
    let records = load.stop();
    stage.await_no_lag(WITHIN);
    // What was done behind a record that waited comes again, with whoever gets the partition.
    let verdict = stage.verdict(Repeats::AtMost(u64::MAX));
    verdict.holds();
    assert_eq!((verdict.produced, verdict.done), (records, records));
    println!(
        "{VISITS} visits while records wait to be tried again: 0 of {records} missing, {} duplicates",
        verdict.repeats
    );
    assert!(first.stop().0.success());
}
