//! Records that hold their partitions' frontiers with everything behind them done.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use crate::{
    judge::Repeats,
    sidecar::eventually,
    stage::Stage,
    worker::{Behaviour, Entry, Reply},
};

const WITHIN: Duration = Duration::from_secs(60);
/// Two more than may be given up in a row.
const PARTITIONS: u64 = 12;
const GIVEN_UP: u64 = 10;
/// In each partition, and those of them that the worker does not take.
const RECORDS: u64 = 200;
const HEAD: i64 = 5;
const AFTER: Duration = Duration::from_secs(5);

/// What is asked for a head is RETRY, and once all but the heads are done everything is answered 500, until somebody says
/// that this is over.
fn worker(is_over: Arc<AtomicBool>, takes_all: Arc<AtomicBool>) -> Behaviour {
    let done = AtomicU64::new(0);
    Behaviour::replying(move |entries: &[Entry]| {
        if done.load(SeqCst) >= PARTITIONS * (RECORDS - 1) && !is_over.load(SeqCst) {
            return Reply::Status(500);
        }
        Reply::each(entries, |entry| {
            let refused = entry.offset == HEAD && !takes_all.load(SeqCst);
            done.fetch_add(u64::from(!refused), SeqCst);
            if refused { "RETRY" } else { "SUCCESS" }
        })
    })
}

#[test]
fn heads_of_line_go_to_the_dead_letters_within_their_budget_and_none_does_in_an_outage() {
    let (is_over, takes_all) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let worker = worker(Arc::clone(&is_over), Arc::clone(&takes_all));
    let mut stage = Stage::new("head-of-line", PARTITIONS as i32, worker);
    let dead = stage.dead_letters();
    let after = format!("{}s", AFTER.as_secs());
    let flags = [
        ("DLQ_TOPIC", dead.as_str()),
        ("HEAD_OF_LINE_POLICY", "dlq"),
        ("HEAD_OF_LINE_AFTER", &after),
        ("RETRY_MAX_ATTEMPTS", "1000"),
        ("RETRY_BACKOFF_MAX", "500ms"),
        ("COMMIT_INTERVAL_MS", "200"),
    ];
    let sidecar = stage.sidecar("only", &flags);
    stage.watch_commits();
    let first = PARTITIONS * RECORDS;
    stage.fill(first);
    stage.await_delivered((first - PARTITIONS) as usize, WITHIN);
    // So few that nearly everything behind each head is done all the same.
    let fresh = 3 * PARTITIONS;
    stage.fill_from(first, fresh);
    let outage = Instant::now();
    let told = || sidecar.metric("sluicegate_head_of_line_total").unwrap();
    let broken = || sidecar.state().is_some_and(|state| state["worker"]["health"] == "broken");
    eventually("the outage is long enough for heads", WITHIN, || {
        (outage.elapsed() > 2 * AFTER && broken()).then_some(())
    });
    assert_eq!((told(), crate::kafka::records_in(&stage.brokers, &dead)), (0.0, 0), "an outage is no head of line");

    is_over.store(true, SeqCst);
    let letters = || sidecar.metric(r#"sluicegate_dead_letter_records_total{reason="head_of_line"}"#).unwrap_or(0.0);
    eventually("heads are told and given up", WITHIN, || (letters() == GIVEN_UP as f64).then_some(()));
    eventually("all are told, and the budget is used up", WITHIN, || {
        let held = sidecar.metric("sluicegate_head_of_line_partitions")?;
        (told() == PARTITIONS as f64 && held == (PARTITIONS - GIVEN_UP) as f64).then_some(())
    });
    assert_eq!(sidecar.events("head_of_line").len() as u64, PARTITIONS);
    let (committed, ends) = (stage.committed(), stage.ends());
    let held = committed.iter().filter(|offset| **offset == HEAD).count() as u64;
    let free = committed.iter().zip(&ends).filter(|(offset, end)| offset == end).count() as u64;
    assert_eq!((held, free), (PARTITIONS - GIVEN_UP, GIVEN_UP), "{committed:?}");

    takes_all.store(true, SeqCst);
    stage.await_no_lag(WITHIN);
    stage.read_dead_letters(&dead);
    let verdict = stage.verdict(Repeats::AtMost(0));
    verdict.holds();
    assert_eq!((verdict.lettered, verdict.done + verdict.lettered), (GIVEN_UP, first + fresh));
    println!("{PARTITIONS} heads of line: none given up in an outage, {GIVEN_UP} after it, the others held; 0 missing");
    assert!(sidecar.stop().0.success());
}
