//! Partitions that are taken away while something is unfinished.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use crate::{
    judge::Repeats,
    load::Load,
    sidecar::{Sidecar, eventually},
    stage::Stage,
    worker::{Behaviour, Entry, Gate, Reply},
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

/// What calls are held at while partitions go to a guest and come back.
#[derive(Clone, Default)]
struct Gates {
    /// The first calls of all records but the first two of each partition: these are answered late.
    late: Gate,
    /// The first record of each partition, when it comes again: the frontier moves.
    again: Gate,
    /// Everything else: the second record of each partition is unfinished until the end.
    end: Gate,
}

impl Gates {
    /// `first` is where each partition goes on.
    fn holding(&self, first: Vec<i64>) -> Behaviour {
        let (gates, seen) = (self.clone(), Mutex::new(BTreeSet::new()));
        Behaviour::replying(move |entries: &[Entry]| {
            let [Entry { partition, offset, .. }] = *entries else { panic!("a batch of one, not {entries:?}") };
            let is_new = seen.lock().unwrap().insert((partition, offset));
            Reply::DoneAt(match (is_new, offset - first[partition as usize]) {
                (true, 2..) => gates.late.clone(),
                (false, 0) => gates.again.clone(),
                _ => gates.end.clone(),
            })
        })
    }
}

/// Records of each partition that are in flight when it goes.
const HELD: u64 = 6;

/// Nothing in flight is waited for when a partition is revoked. The answers come when the partition has been somebody
/// else's and is here again, where an earlier record is unfinished when the next commit is due.
pub fn late_answers(planted: &[(&str, &str)]) {
    let mut stage = Stage::new("late-answers", 4, Behaviour::instant());
    let flags = [
        ("REVOKE_DRAIN_TIMEOUT", "0ms"),
        ("QUEUE_WORKERS", "64"),
        ("BATCH_SIZE", "1"),
        ("COMMIT_INTERVAL_MS", "50"),
        ("INFERENCE_TIMEOUT", "2m"),
        ("SHUTDOWN_TIMEOUT", "2m"),
    ];
    let flags = [&flags[..], planted].concat();
    let hurried = [&flags[..], &[("INFERENCE_TIMEOUT", "1s"), ("SHUTDOWN_TIMEOUT", "1s")]].concat();
    let first = stage.sidecar("first", &flags);
    let mut records = 400;
    stage.fill(records);
    stage.watch_commits();
    stage.await_no_lag(WITHIN);
    let ignored = || first.metric(r#"sluicegate_stale_answers_total{what="answer"}"#).unwrap_or(0.0) as u64;
    for _ in 0..2 {
        let (before, gates, were_ignored) = (stage.committed(), Gates::default(), ignored());
        stage.worker.behave(gates.holding(before.clone()));
        stage.fill_from(records, 4 * HELD);
        records += 4 * HELD;
        eventually("every record is in flight", WITHIN, || {
            (stage.worker.books().in_flight as u64 == 4 * HELD).then_some(())
        });
        let guest = stage.sidecar("guest", &hurried);
        let moved = eventually("the guest has its share", WITHIN, || {
            Some(guest.partition_numbers()).filter(|numbers| !numbers.is_empty() && first.partitions() < 4)
        });
        // It may go without having committed: its calls are not answered.
        guest.stop();
        eventually("everything is back", WITHIN, || (first.partitions() == 4).then_some(()));
        gates.late.open();
        let late = moved.len() as u64 * (HELD - 2);
        eventually("the late answers are there", WITHIN, || (ignored() - were_ignored >= late).then_some(()));
        gates.again.open();
        eventually("what was away moves on", WITHIN, || {
            let now = stage.look();
            moved.iter().all(|number| now[*number] > before[*number]).then_some(())
        });
        gates.end.open();
        stage.await_no_lag(WITHIN);
    }
    // What was in flight at a revoke comes again.
    let verdict = stage.verdict(Repeats::AtMost(u64::MAX));
    verdict.holds();
    assert_eq!((verdict.produced, verdict.done), (records, records));
    println!("late answers: 0 of {records} missing, {} duplicates, {} answers ignored", verdict.repeats, ignored());
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
