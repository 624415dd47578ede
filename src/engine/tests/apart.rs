//! A worker that dies or hangs takes everything with it that is out, and what was out beside the guilty record is not
//! given up for that.

use super::*;
use crate::engine::fact::FreshHold;

/// Singles, several at a time, that are given up after the third failure.
fn singles() -> EngineSettings {
    let retry = settings::RetrySettings { attempts_max: 3, ..settings().retry };
    EngineSettings { batch_records_max: 1, concurrency: 4, retry, ..settings() }
}

fn is_out(bench: &Bench, offset: i64) -> bool {
    bench.offsets_out().iter().any(|batch| batch.contains(&offset))
}

/// Lets the worker die of `deadly` until it is given up, and answers everything else. What was dead-lettered.
fn until_rid_of(bench: &mut Bench, deadly: i64) -> Vec<i64> {
    until_rid_of_with(bench, deadly, None)
}

/// The same, when the worker sends the head of an answer before it dies.
fn until_rid_of_with(bench: &mut Bench, deadly: i64, status: Option<u16>) -> Vec<i64> {
    for _ in 0..400 {
        bench.wake_until_dispatch();
        if bench.out.is_empty() {
            break;
        }
        if is_out(bench, deadly) {
            while !bench.out.is_empty() {
                // The step in between may send more, which meets the dead worker too.
                bench.settle(0, Answer::Failed, status);
            }
        } else {
            bench.answer(Answer::Done);
        }
    }
    bench.letters.iter().map(|letter| letter.record.offset).collect()
}

#[test]
fn a_record_that_kills_the_worker_is_given_up_and_nothing_that_was_out_beside_it() {
    let mut bench = Bench::new(singles());
    bench.poll(0..12);
    assert_eq!(until_rid_of(&mut bench, 2), [2]);
    assert_eq!(bench.letters[0].record.notes.attempts, 3);
    assert_eq!((bench.finished(), bench.violations()), (11, 0));
}

#[test]
fn the_last_try_has_nothing_beside_it_and_what_it_held_up_goes_next() {
    let mut bench = Bench::new(singles());
    bench.poll(0..4);
    for _ in 0..2 {
        while bench.out.len() < 4 {
            let at = bench.engine.next_wake(bench.now).unwrap();
            bench.pass((at.since(bench.now.mono).as_millis() as u64).max(1));
        }
        (0..4).for_each(|_| bench.settle(0, Answer::Failed, None));
    }
    bench.poll(4..40);
    let fresh_first = bench.out.iter().all(|batch| batch.records[0].offset >= 4);
    assert!(fresh_first, "the four wait for their back-off: {:?}", bench.offsets_out());
    bench.pass(1_000);
    while bench.out.iter().any(|batch| batch.records[0].offset >= 4) {
        assert!(bench.out.iter().all(|batch| batch.records[0].offset >= 4), "{:?}", bench.offsets_out());
        bench.settle(0, Answer::Done, Some(200));
    }
    assert_eq!(bench.out.len(), 1, "one of the four, alone");
    assert_eq!(bench.engine.snapshot(bench.now).retry.holds_fresh, Some(FreshHold::LastTry));
    bench.pass(100);
    bench.settle(0, Answer::Done, Some(200));
    assert_eq!(bench.out.len(), 4, "and then the others, for as long as it took");
    assert_eq!(bench.engine.snapshot(bench.now).retry.holds_fresh, None);
    assert!(bench.facts.iter().any(|fact| matches!(fact, Fact::FreshHeld { cause: FreshHold::LastTry })));
    assert!(bench.out.iter().all(|batch| batch.records[0].offset >= 4));
}

#[test]
fn what_the_worker_says_of_a_record_or_shows_by_answering_others_needs_no_last_try_apart() {
    for (status, others_answered) in [(Some(500), false), (None, true)] {
        let mut bench = Bench::new(singles());
        bench.poll(0..2);
        for next in 2..5 {
            while !is_out(&bench, 0) {
                let at = bench.engine.next_wake(bench.now).unwrap();
                bench.pass((at.since(bench.now.mono).as_millis() as u64).max(1));
            }
            bench.poll(next..next + 1);
            if others_answered {
                bench.pass(15_000);
                let latest = (0..bench.out.len()).max_by_key(|place| bench.out[*place].id).unwrap();
                bench.settle(latest, Answer::Done, Some(200));
            }
            let place = (0..bench.out.len()).find(|place| bench.out[*place].records[0].offset == 0).unwrap();
            bench.settle(place, Answer::Failed, status);
        }
        assert_eq!(bench.letters.len(), 1, "{status:?}");
    }
}

#[test]
fn a_worker_that_goes_on_losing_calls_does_not_put_the_last_try_off_for_ever() {
    let mut bench = Bench::new(EngineSettings { inference_timeout: Duration::from_secs(1), ..singles() });
    let (mut next, mut calls, began) = (0, 0_u64, bench.now.mono);
    while bench.now.mono.since(began) < Duration::from_secs(600) {
        if bench.engine.snapshot(bench.now).queue.records < 8 {
            bench.poll(next..next + 8);
            next += 8;
        }
        bench.wake_until_dispatch();
        calls += 1;
        if calls.is_multiple_of(3) {
            bench.pass(1_000);
            bench.settle(0, Answer::Failed, None);
        } else {
            bench.settle(0, Answer::Done, Some(200));
        }
        if bench.engine.snapshot(bench.now).commit.in_flight {
            bench.answer_commit(CommitOutcome::Applied);
        }
        // It answers the same record sooner or later: only those are given up that fail with nothing beside them.
        while let Some(letter) = bench.letters.pop() {
            bench.step(Event::DeadLettered(DeadLettered::Acknowledged { letter }));
        }
    }
    let (finished, waiting) = (bench.finished(), bench.engine.snapshot(bench.now).retry.records);
    assert!(finished > 1_000 && waiting < 64, "{finished} finished, {waiting} wait to be tried again");
    let held = bench.engine.snapshot(bench.now).partitions.iter().map(|p| p.frontier_age_ms).max();
    assert!(held < Some(60_000), "a frontier has not moved for {held:?} ms");
}

#[test]
fn a_worker_that_dies_behind_the_head_of_its_answer_has_said_nothing_of_the_batch() {
    let mut bench = Bench::new(singles());
    bench.poll(0..12);
    assert_eq!(until_rid_of_with(&mut bench, 2, Some(200)), [2]);
    assert_eq!((bench.finished(), bench.violations()), (11, 0));
}
