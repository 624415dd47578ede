//! What the worker says of a batch, and what it says of the worker.

use super::*;
use crate::engine::fact::FreshHold;

#[test]
fn busy_charges_nobody_and_holds_everything_back() {
    let mut bench = Bench::new(settings());
    bench.poll(0..64);
    bench.answer(Answer::Busy { retry_after: Some(Duration::from_secs(2)) });
    bench.answer(Answer::Busy { retry_after: None });
    bench.pass(1_999);
    assert!(bench.out.is_empty());
    assert_eq!(bench.engine.snapshot(bench.now).not_ready, [NotReady::WorkerBusy]);
    bench.pass(1);
    assert_eq!(bench.out.len(), 1, "one probe");
    assert!(bench.out[0].records.iter().all(|record| record.notes.attempts == 0));
    bench.answer(Answer::Done);
    assert_eq!(bench.out.len(), 1);
    assert!(bench.engine.snapshot(bench.now).not_ready.is_empty());
}

#[test]
fn each_record_of_a_batch_gets_its_own_verdict() {
    let mut bench = Bench::new(EngineSettings { concurrency: 1, ..settings() });
    bench.poll(0..3);
    bench.pass(25);
    bench.answer(Answer::Each(vec![Verdict::Success, Verdict::Retry, Verdict::Drop]));
    assert_eq!(bench.letters[0].reason, Reason::Dropped);
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 1)]);
    bench.wake_until_dispatch();
    assert_eq!((bench.offsets_out(), bench.out[0].records[0].notes.attempts), (vec![vec![1]], 1));
}

#[test]
fn a_batch_of_which_nothing_was_sent_says_nothing_about_the_worker() {
    let mut bench = Bench::new(EngineSettings { batch_records_max: 1, concurrency: 1, ..settings() });
    bench.poll(0..2);
    bench.answer(Answer::Away);
    bench.pass(200);
    bench.answer(Answer::Each(vec![Verdict::Undecodable]));
    assert_eq!(bench.engine.snapshot(bench.now).worker.health, "away");
    assert_eq!(bench.out.len(), 1, "the next goes as the probe");
    bench.answer(Answer::Done);
    assert_eq!(bench.engine.snapshot(bench.now).worker.health, "ready");
}

#[test]
fn retries_that_succeed_drain_as_fast_as_the_worker_takes_them() {
    let mut bench = Bench::new(EngineSettings { batch_records_max: 1, concurrency: 1, ..settings() });
    bench.poll(0..100);
    for _ in 0..100 {
        bench.answer(Answer::Each(vec![Verdict::Retry]));
    }
    bench.pass(100);
    let (mut answered, start) = (0, bench.now.mono);
    while answered < 100 {
        bench.wake_until_dispatch();
        bench.answer(Answer::Done);
        answered += 1;
    }
    assert!(bench.now.mono.since(start) < Duration::from_secs(1), "{:?}", bench.now.mono.since(start));
}

#[test]
fn retries_of_which_each_record_succeeds_cost_the_budget_nothing_either() {
    let finished = [false, true].map(|each| {
        let mut bench = Bench::new(EngineSettings { concurrency: 1, batch_records_max: 4, ..settings() });
        let (mut next, mut failed, began) = (0, std::collections::HashSet::new(), bench.now.mono);
        for call in 0.. {
            if bench.now.mono.since(began) > Duration::from_secs(60) {
                break;
            }
            while bench.engine.snapshot(bench.now).queue.records < 128 {
                bench.poll(next..next + 32);
                next += 32;
            }
            bench.wake_until_dispatch();
            bench.pass(5);
            let records = &bench.out[0].records;
            // Every second batch fails once.
            let fails = call % 2 == 1 && failed.insert(records[0].offset);
            let done = if each { Answer::Each(vec![Verdict::Success; records.len()]) } else { Answer::Done };
            bench.answer(if fails { Answer::Failed } else { done });
        }
        bench.finished()
    });
    assert!(finished[1] > finished[0] * 9 / 10, "{finished:?}");
}

#[test]
fn fresh_records_wait_while_as_many_are_to_be_tried_again_as_fit_into_the_queue() {
    let mut bench = Bench::new(EngineSettings { queue_records_max: Some(8), batch_records_max: 4, ..settings() });
    for start in (0..32).step_by(4) {
        bench.poll(start..start + 4);
        while !bench.out.is_empty() {
            bench.answer(Answer::Each(vec![Verdict::Retry; 4]));
        }
    }
    let snapshot = bench.engine.snapshot(bench.now);
    assert!(snapshot.retry.records >= 8 && snapshot.queue.records > 0, "{:?} {:?}", snapshot.retry, snapshot.queue);
    assert_eq!(snapshot.retry.holds_fresh, Some(FreshHold::RetriesFull));
    let told = |fact: &&Fact| matches!(fact, Fact::FreshHeld { cause: FreshHold::RetriesFull });
    assert_eq!(bench.facts.iter().filter(told).count(), 1);
}
