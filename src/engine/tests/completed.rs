//! What is finished beyond the frontier outlives the epoch that finished it.

use super::*;
use crate::engine::{
    event::{Committed, Mark, Reason},
    ledger::completed::Completed,
};

/// Two batches out, the second of them done; the frontier stands at 0.
fn half_done(settings: EngineSettings) -> (Bench, Batch) {
    let mut bench = Bench::new(settings);
    bench.poll(0..64);
    let first = bench.out.remove(0);
    bench.answer(Answer::Done);
    (bench, first)
}

fn last_mark(bench: &Bench) -> Mark {
    bench.last_marks().unwrap().1.into_iter().next().unwrap()
}

fn passed_over(bench: &Bench) -> Vec<i64> {
    let skipped = |fact: &Fact| match fact {
        Fact::Skipped { offset, reason: Reason::CompletedBefore, .. } => Some(*offset),
        _ => None,
    };
    bench.facts.iter().filter_map(skipped).collect()
}

/// A partition that comes with what an earlier owner left.
fn assign(bench: &mut Bench, committed: Option<Committed>) {
    bench.step(Event::Revoked { partitions: vec![P0], lost: true });
    let assignment = Assignment { id: P0, topic: Arc::from("t"), number: 0, committed };
    bench.step(Event::Assigned(vec![assignment]));
    bench.facts.clear();
}

#[test]
fn a_commit_carries_what_is_finished_beyond_it() {
    let (bench, _first) = half_done(settings());
    let mark = last_mark(&bench);
    let mut set = Completed::decode(&mark.metadata, mark.offset).unwrap();
    let told: Vec<i64> = (0..100).filter(|offset| set.has(*offset)).collect();
    assert_eq!(told, (32..64).collect::<Vec<_>>());
}

#[test]
fn what_an_earlier_owner_finished_is_passed_over_and_the_rest_delivered() {
    let (bench, _first) = half_done(settings());
    let Mark { offset, metadata, .. } = last_mark(&bench);
    let mut next = Bench::new(settings());
    assign(&mut next, Some(Committed { offset, metadata }));
    next.poll(0..70);
    next.pass(100);
    let sent: Vec<i64> = next.offsets_out().concat();
    assert_eq!(sent, (0..32).chain(64..70).collect::<Vec<_>>());
    assert_eq!(passed_over(&next), (32..64).collect::<Vec<_>>());
    next.answer(Answer::Done);
    next.answer(Answer::Done);
    next.answer_commit(CommitOutcome::Applied);
    next.pass(1_000);
    assert_eq!(next.last_commit().unwrap().1, [(P0, 70)]);
    assert_eq!(next.violations(), 0);
}

#[test]
fn somebody_elses_metadata_and_another_frontiers_are_ignored() {
    let (bench, _first) = half_done(settings());
    let ours = last_mark(&bench).metadata;
    for (offset, metadata) in [(0, "somebody else's".into()), (0, "sg9:AAAA".into()), (1, ours)] {
        let mut next = Bench::new(settings());
        assign(&mut next, Some(Committed { offset, metadata }));
        next.poll(0..64);
        assert_eq!(next.offsets_out().concat().len(), 64);
        assert!(passed_over(&next).is_empty());
    }
}

#[test]
fn without_room_nothing_is_kept_and_nothing_believed() {
    let none = EngineSettings { commit_metadata_bytes: 0, ..settings() };
    let (bench, _first) = half_done(none.clone());
    assert_eq!(bench.last_commit(), None, "no frontier moved");
    let (keeping, _first) = half_done(settings());
    let Mark { offset, metadata, .. } = last_mark(&keeping);
    let mut next = Bench::new(none);
    assign(&mut next, Some(Committed { offset, metadata }));
    next.poll(0..64);
    assert_eq!(next.offsets_out().concat().len(), 64);
}

#[test]
fn the_same_frontier_is_committed_again_when_more_is_finished_beyond_it_and_only_then() {
    let (mut bench, first) = half_done(settings());
    bench.answer_commit(CommitOutcome::Applied);
    let commits = |bench: &Bench| bench.commands.iter().filter(|c| matches!(c, Command::Commit { .. })).count();
    bench.pass(5_000);
    assert_eq!(commits(&bench), 1, "nothing new");
    bench.poll(64..96);
    bench.answer(Answer::Done);
    bench.pass(1_000);
    assert_eq!((commits(&bench), bench.last_commit().unwrap().1), (2, vec![(P0, 0)]));
    bench.answer_commit(CommitOutcome::Failed("REQUEST_TIMED_OUT".into()));
    bench.pass(1_000);
    assert_eq!(commits(&bench), 3, "again, since it failed");
    bench.answer_commit(CommitOutcome::Applied);
    bench.out.push(first);
    bench.answer(Answer::Done);
    bench.pass(1_000);
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 96)]);
    assert_eq!(&*last_mark(&bench).metadata, "");
}

#[test]
fn a_broker_that_takes_less_gets_less() {
    let (mut bench, _first) = half_done(settings());
    let mut sizes = Vec::new();
    for _ in 0..8 {
        sizes.push(last_mark(&bench).metadata.len());
        bench.answer_commit(CommitOutcome::Failed("OFFSET_METADATA_TOO_LARGE".into()));
        bench.pass(1_000);
    }
    assert!(sizes[0] > 0);
    let before = bench.commands.len();
    bench.pass(5_000);
    assert!(!bench.commands[before..].iter().any(|c| matches!(c, Command::Commit { .. })), "it was given up");
}

#[test]
fn a_revoke_waits_for_the_commit_of_what_is_finished_beyond() {
    let (mut bench, _first) = half_done(settings());
    bench.answer_commit(CommitOutcome::Applied);
    bench.poll(64..96);
    bench.answer(Answer::Done);
    bench.step(Event::Revoked { partitions: vec![P0], lost: false });
    bench.pass(settings().revoke_drain.as_millis() as u64);
    let released = |bench: &Bench| bench.commands.iter().any(|c| matches!(c, Command::Release(_)));
    assert!(!released(&bench), "the last commit is on its way");
    bench.answer_commit(CommitOutcome::Applied);
    assert!(released(&bench));
}

#[test]
fn passing_over_earns_no_dead_letters() {
    let text = crate::engine::ledger::completed::encode(0, [(1, 5_000)].into_iter(), 3_900);
    let mut bench = Bench::new(EngineSettings { concurrency: 8, ..settings() });
    assign(&mut bench, Some(Committed { offset: 0, metadata: text.into() }));
    for start in (0..5_000).step_by(50) {
        bench.poll(start..start + 50);
    }
    assert_eq!(passed_over(&bench).len(), 4_999);
    assert!((bench.engine.snapshot(bench.now).dead_letters.budget - 10.0).abs() < f64::EPSILON);
}
