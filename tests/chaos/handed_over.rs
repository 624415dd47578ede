//! What is finished beyond the frontier goes over with the partition, from one member that lives to another.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use crate::{
    judge::Repeats,
    sidecar::{Sidecar, eventually},
    stage::Stage,
    worker::{Behaviour, Entry, Reply},
};

const WITHIN: Duration = Duration::from_secs(60);
const PARTITIONS: usize = 4;
/// In each partition, each time.
const RECORDS: i64 = 500;
/// The record of them that is not taken before it may be.
const HOLDING: i64 = 5;

fn passed_over(member: &Sidecar) -> f64 {
    member.metric(r#"sluicegate_skipped_records_total{reason="completed_before"}"#).unwrap_or(0.0)
}

#[test]
fn a_partition_that_goes_from_one_live_member_to_another_comes_with_what_is_finished_beyond_its_frontier() {
    let may = Arc::new(AtomicBool::new(false));
    let taken = Arc::clone(&may);
    let reply = move |entries: &[Entry]| {
        let holds = |entry: &Entry| entry.offset % RECORDS == HOLDING && !taken.load(SeqCst);
        Reply::each(entries, |entry| if holds(entry) { "RETRY" } else { "SUCCESS" })
    };
    let mut stage = Stage::new("handed-over", PARTITIONS as i32, Behaviour::replying(reply));
    // Nobody commits but who gives a partition back.
    let flags = [("COMMIT_INTERVAL_MS", "1h"), ("RETRY_MAX_ATTEMPTS", "1000"), ("RETRY_BACKOFF_MIN", "500ms")];
    let first = stage.sidecar("first", &flags);
    stage.watch_commits();
    let records = (RECORDS * PARTITIONS as i64) as u64;
    let beyond = (RECORDS - HOLDING - 1) as f64;
    stage.fill(records);
    stage.await_delivered(records as usize - PARTITIONS, WITHIN);

    let second = stage.sidecar("second", &flags);
    eventually("each has its share", WITHIN, || {
        (first.partitions() == PARTITIONS / 2 && second.partitions() == PARTITIONS / 2).then_some(())
    });
    assert_eq!(stage.committed(), [HOLDING; PARTITIONS], "the frontiers are held");
    eventually("what is finished is passed over", WITHIN, || (passed_over(&second) == 2.0 * beyond).then_some(()));

    // And back again, with frontiers that the second moved.
    may.store(true, SeqCst);
    stage.await_delivered(records as usize, WITHIN);
    may.store(false, SeqCst);
    stage.fill_from(records, records);
    stage.await_delivered(2 * records as usize - PARTITIONS, WITHIN);
    let before = passed_over(&first);
    assert!(second.stop().0.success());
    eventually("everything is back", WITHIN, || (first.partitions() == PARTITIONS).then_some(()));
    let mut committed = stage.committed();
    committed.sort_unstable();
    assert_eq!(committed, [HOLDING, HOLDING, RECORDS + HOLDING, RECORDS + HOLDING], "only what it had is committed");
    eventually("and passed over", WITHIN, || (passed_over(&first) - before == 2.0 * beyond).then_some(()));
    may.store(true, SeqCst);
    stage.await_delivered(2 * records as usize, WITHIN);
    assert!(first.stop().0.success());
    let verdict = stage.verdict(Repeats::AtMost(0));
    verdict.holds();
    assert_eq!((verdict.produced, verdict.done), (2 * records, 2 * records));
    assert_eq!(stage.committed(), stage.ends());
    println!(
        "handed over with {beyond} of {RECORDS} records finished beyond each frontier, and back: 0 missing, 0 twice"
    );
}
