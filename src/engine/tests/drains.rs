//! Leaving: what is in flight is finished, committed, and not waited for too long.

use super::*;

#[test]
fn a_drain_finishes_what_is_in_flight_commits_it_and_leaves() {
    let mut bench = Bench::new(settings());
    bench.poll(0..128);
    let deadline = bench.now.mono + Duration::from_secs(25);
    bench.step(Event::Drain { deadline });
    assert_eq!(bench.engine.snapshot(bench.now).queue.records, 0);
    bench.answer(Answer::Done);
    bench.answer(Answer::Each(vec![Verdict::Retry; 32]));
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 32)]);
    assert!(bench.letters.is_empty());
    bench.answer_commit(CommitOutcome::Applied);
    assert_eq!(bench.commands.last(), Some(&Command::Leave));
    bench.step(Event::Left);
    assert_eq!(bench.engine.phase(), Phase::Stopped);
    assert_eq!(bench.engine.next_wake(bench.now), None);
}

#[test]
fn a_drain_with_a_hung_worker_leaves_at_its_deadline() {
    let mut bench = Bench::new(settings());
    bench.poll(0..32);
    let deadline = bench.now.mono + Duration::from_secs(25);
    bench.step(Event::Drain { deadline });
    assert_eq!(bench.engine.next_wake(bench.now), Some(deadline));
    bench.pass(25_000);
    assert_eq!(bench.commands.last(), Some(&Command::Leave));
}

#[test]
fn an_end_that_arrives_during_a_drain_does_not_carry_the_commit_past_refused_records() {
    let mut bench = Bench::new(settings());
    bench.poll(0..32);
    bench.answer(Answer::Done);
    let deadline = bench.now.mono + Duration::from_secs(25);
    bench.step(Event::Drain { deadline });
    let ends = vec![event::PartitionEnd { partition: P0, offset: 40 }];
    bench.step(Event::Polled { records: (32..40).map(|offset| plain(0, offset)).collect(), ends });
    bench.answer_commit(CommitOutcome::Applied);
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 32)]);
    assert_eq!(bench.commands.last(), Some(&Command::Leave));
}

#[test]
fn a_drain_whose_last_commit_nobody_answers_leaves_in_time_and_says_what_is_uncommitted() {
    let mut bench = Bench::new(settings());
    bench.poll(0..32);
    bench.answer(Answer::Done);
    let deadline = bench.now.mono + Duration::from_secs(25);
    bench.step(Event::Drain { deadline });
    while !bench.commands.contains(&Command::Leave) {
        let at = bench.engine.next_wake(bench.now).expect("there is something to wait for");
        bench.pass(at.since(bench.now.mono).as_millis().max(1) as u64);
    }
    assert_eq!(deadline.since(bench.now.mono), Duration::from_secs(3), "time is left for leaving");
    let leaving = |fact: &Fact| matches!(fact, Fact::Drain { state: fact::DrainState::Leaving { uncommitted: 1 } });
    assert!(bench.facts.iter().any(leaving), "{:?}", bench.facts.last());
}

#[test]
fn a_drain_that_lets_untouched_records_go_leaves_nothing_uncommitted() {
    let mut bench = Bench::new(EngineSettings { concurrency: 1, batch_records_max: 4, ..settings() });
    bench.poll_records((0..4).map(|offset| plain(0, offset)).chain((0..4).map(|offset| plain(1, offset))).collect());
    let deadline = bench.now.mono + Duration::from_secs(25);
    bench.step(Event::Drain { deadline });
    bench.answer(Answer::Done);
    bench.answer_commit(CommitOutcome::Applied);
    let leaving = |fact: &Fact| matches!(fact, Fact::Drain { state: fact::DrainState::Leaving { uncommitted: 0 } });
    assert!(bench.facts.iter().any(leaving), "{:?}", bench.facts.last());
}
