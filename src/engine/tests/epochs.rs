//! Partitions that are revoked or lost, and offsets that go back.

use super::*;

#[test]
fn a_revoke_lets_the_queue_go_waits_for_what_is_in_flight_commits_and_then_releases() {
    let mut bench = Bench::new(EngineSettings { concurrency: 1, ..settings() });
    bench.poll(0..64);
    bench.step(Event::Revoked { partitions: vec![P0], lost: false });
    assert_eq!(bench.engine.snapshot(bench.now).queue.records, 0);
    bench.answer(Answer::Done);
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 32)]);
    assert!(!bench.commands.iter().any(|c| matches!(c, Command::Release(_))), "not before the answer");
    bench.answer_commit(CommitOutcome::Applied);
    assert!(bench.commands.contains(&Command::Release(vec![P0])));
}

#[test]
fn a_revoke_does_not_wait_longer_than_its_drain_timeout_and_late_answers_are_stale() {
    let mut bench = Bench::new(settings());
    bench.poll(0..64);
    bench.step(Event::Revoked { partitions: vec![P0], lost: false });
    bench.pass(9_999);
    assert!(!bench.commands.contains(&Command::Release(vec![P0])));
    bench.pass(1);
    assert!(bench.commands.contains(&Command::Release(vec![P0])));
    bench.answer(Answer::Done);
    bench.answer(Answer::Failed);
    bench.pass(60_000);
    assert_eq!(bench.last_commit(), None);
    assert!(bench.out.is_empty() && bench.letters.is_empty());
    assert_eq!(bench.violations(), 0);
}

#[test]
fn lost_partitions_commit_nothing_and_nothing_is_given_up_because_of_them() {
    let mut bench = Bench::new(settings());
    bench.poll(0..96);
    bench.step(Event::Revoked { partitions: vec![P0, PartitionId(1)], lost: true });
    bench.answer(Answer::Done);
    bench.answer(Answer::Refused);
    bench.pass(10_000);
    assert_eq!((bench.last_commit(), bench.letters.len(), bench.violations()), (None, 0, 0));
    assert!(!bench.commands.iter().any(|c| matches!(c, Command::Release(_))), "they are already gone");
}

#[test]
fn an_offset_that_goes_back_starts_a_new_epoch() {
    let mut bench = Bench::new(EngineSettings { concurrency: 1, ..settings() });
    bench.poll(100..132);
    bench.poll(0..32);
    bench.answer(Answer::Done);
    bench.answer(Answer::Done);
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 32)]);
    assert!(bench.facts.iter().any(|f| matches!(f, Fact::OffsetReset { expected: 132, offset: 0, .. })));
    assert_eq!(bench.violations(), 0);
}

#[test]
fn a_revoke_and_a_drain_wait_for_a_commit_that_was_under_way_without_spinning() {
    let mut bench = Bench::new(settings());
    bench.poll(0..32);
    bench.answer(Answer::Done);
    bench.step(Event::Revoked { partitions: vec![P0], lost: false });
    bench.pass(10_000);
    bench.pass(2_999);
    assert!(!bench.commands.contains(&Command::Release(vec![P0])));
    bench.pass(1);
    assert!(bench.commands.contains(&Command::Release(vec![P0])));
    bench.step(Event::Drain { deadline: bench.now.mono });
    assert_eq!(bench.commands.last(), Some(&Command::Leave));
}

#[test]
fn a_log_that_goes_back_to_within_what_is_unfinished_stops_its_partition() {
    let mut bench = Bench::new(EngineSettings { concurrency: 1, ..settings() });
    bench.poll(0..100);
    bench.answer(Answer::Done);
    // Truncated to 80, and other records written: 32 to 79 are nowhere now but here.
    bench.poll(80..100);
    for _ in 0..20 {
        bench.pass(1_000);
        while !bench.out.is_empty() {
            bench.answer(Answer::Done);
        }
        bench.answer_commit_if_any(&CommitOutcome::Applied);
    }
    assert!(bench.last_commit().is_none_or(|(_, marks)| marks == [(P0, 32)]), "{:?}", bench.last_commit());
    assert!(bench.engine.snapshot(bench.now).not_ready.contains(&NotReady::PartitionStopped));
    let stopped = |fact: &Fact| matches!(fact, Fact::PartitionStopped { offset: 80, reason: Reason::LogTruncated, .. });
    assert!(bench.facts.iter().any(stopped));
    assert_eq!(bench.violations(), 0);
}
