//! Partitions that are taken away while something is unfinished.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
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

/// A guest comes, gets its share, and leaves again.
fn visit(stage: &Stage, first: &Sidecar, flags: &[(&str, &str)], between: Duration) {
    let all = stage.partitions as usize;
    let guest = stage.sidecar("guest", flags);
    eventually("the guest has its share", WITHIN, || {
        (guest.partitions() > 0 && first.partitions() < all).then_some(())
    });
    std::thread::sleep(between);
    assert!(guest.stop().0.success());
    eventually("everything is back", WITHIN, || (first.partitions() == all).then_some(()));
}

#[test]
fn answers_that_come_after_the_partition_was_given_back_commit_nothing() {
    late_answers(&[]);
}

/// How the worker answers while partitions go to a guest and come back.
enum Phase {
    Quick,
    /// Every call is answered at this moment, and every other one fails.
    Late(Instant),
    /// No call is answered before that moment has passed. Of those that come after it the first of each partition is
    /// quick: the frontier moves, and what lies behind it is unfinished.
    After(Instant, BTreeSet<i32>),
}

impl Phase {
    fn delay(&mut self, entries: &[Entry]) -> Duration {
        let until = |then: &Instant| then.saturating_duration_since(Instant::now());
        match self {
            Self::Quick => Duration::from_millis(20),
            Self::Late(then) => until(then),
            Self::After(then, seen) => {
                let early = until(then);
                let mut new = || entries.iter().any(|entry| seen.insert(entry.partition));
                let takes = if early.is_zero() && new() { 100 } else { 2_000 };
                early + Duration::from_millis(takes)
            }
        }
    }
}

/// Nothing in flight is waited for when a partition is revoked. The answers come when the partition has been somebody
/// else's and is here again, and a failure lies before each success.
pub fn late_answers(planted: &[(&str, &str)]) {
    let (phase, calls) = (Arc::new(Mutex::new(Phase::Quick)), AtomicU64::new(0));
    let its = Arc::clone(&phase);
    let delay_of = move |entries: &[Entry]| its.lock().unwrap().delay(entries);
    let its = Arc::clone(&phase);
    let reply = move |_: &[Entry]| {
        let odd = calls.fetch_add(1, SeqCst) % 2 == 0;
        if odd && matches!(*its.lock().unwrap(), Phase::Late(_)) { Reply::Status(500) } else { Reply::Done }
    };
    let mut stage = Stage::new("late-answers", 4, Behaviour { delay_of: Box::new(delay_of), reply: Box::new(reply) });
    let flags = [
        ("REVOKE_DRAIN_TIMEOUT", "0ms"),
        ("QUEUE_WORKERS", "32"),
        ("BATCH_SIZE", "8"),
        ("COMMIT_INTERVAL_MS", "50"),
        ("RETRY_MAX_ATTEMPTS", "1000"),
    ];
    let flags = [&flags[..], planted].concat();
    let hurried = [&flags[..], &[("INFERENCE_TIMEOUT", "1s"), ("SHUTDOWN_TIMEOUT", "1s")]].concat();
    let first = stage.sidecar("first", &flags);
    // Few enough that all of them are in flight: those of each partition are answered late.
    let load = Load::start(&stage, 0, 200);
    stage.watch_commits();
    stage.await_delivered(1_000, WITHIN);
    for _ in 0..2 {
        let then = Instant::now() + Duration::from_secs(8);
        *phase.lock().unwrap() = Phase::Late(then);
        eventually("every record is in flight", WITHIN, || (stage.worker.books().in_flight >= 20).then_some(()));
        let before = stage.committed();
        let guest = stage.sidecar("guest", &hurried);
        eventually("the guest has its share", WITHIN, || {
            (guest.partitions() > 0 && first.partitions() < 4).then_some(())
        });
        *phase.lock().unwrap() = Phase::After(then, BTreeSet::new());
        // It may go without having committed: its calls take longer than it has.
        guest.stop();
        eventually("everything is back", WITHIN, || (first.partitions() == 4).then_some(()));
        // Slow until each partition has moved on: what is wrongly passed over stays unfinished long enough to be seen.
        eventually("every partition moves on", 2 * WITHIN, || {
            stage.committed().iter().zip(&before).all(|(now, before)| now > before).then_some(())
        });
    }
    *phase.lock().unwrap() = Phase::Quick;
    let records = load.stop();
    stage.await_no_lag(WITHIN);
    let stale = first.metric(r#"sluicegate_stale_answers_total{what="answer"}"#).unwrap_or(0.0);
    // What was in flight at a revoke, and what was done behind it, comes again.
    let verdict = stage.verdict(Repeats::AtMost(u64::MAX));
    verdict.holds();
    assert_eq!((verdict.produced, verdict.done), (records, records));
    println!("late answers: 0 of {records} missing, {} duplicates, {stale} answers ignored", verdict.repeats);
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
        Reply::each(entries, |e| if e.offset % 50 == 7 && e.attempt <= 2 { "RETRY" } else { "SUCCESS" })
    };
    let mut stage = Stage::new(
        "retries",
        4,
        Behaviour { delay_of: Box::new(|_| Duration::from_millis(10)), reply: Box::new(reply) },
    );
    // So that each revoke has a frontier to commit.
    let flags = [("RETRY_BACKOFF_MIN", "300ms"), ("RETRY_MAX_ATTEMPTS", "1000"), ("COMMIT_INTERVAL_MS", "5000")];
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
    // What was done behind a record that waited is known to whoever gets the partition.
    let verdict = stage.verdict(Repeats::AtMost(0));
    verdict.holds();
    assert_eq!((verdict.produced, verdict.done), (records, records));
    println!(
        "{VISITS} visits while records wait to be tried again: 0 of {records} missing, {} duplicates",
        verdict.repeats
    );
    assert!(first.stop().0.success());
}
