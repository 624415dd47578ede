//! What the engine notices of its own promises, and of the group's.

use super::*;

/// 32 records are done and committed; the group is asked what it has.
fn asked() -> Bench {
    let mut bench = Bench::new(settings());
    bench.poll(0..32);
    bench.answer(Answer::Done);
    bench.answer_commit(CommitOutcome::Applied);
    bench.pass(300_000);
    bench.step(Event::Progress(Vec::new()));
    assert!(bench.commands.contains(&Command::ReadCommitted(vec![P0])), "what was never committed is not asked about");
    bench
}

fn differs(bench: &Bench) -> Vec<Option<i64>> {
    let found = |fact: &Fact| if let Fact::CommittedDiffers { found, .. } = fact { Some(*found) } else { None };
    bench.facts.iter().filter_map(found).collect()
}

#[test]
fn the_group_is_asked_now_and_then_what_it_has() {
    let mut bench = asked();
    bench.step(Event::CommittedRead(vec![(P0, Some(32))]));
    assert!(differs(&bench).is_empty());
    let asks = |bench: &Bench| bench.commands.iter().filter(|c| matches!(c, Command::ReadCommitted(_))).count();
    bench.pass(299_000);
    bench.step(Event::Progress(Vec::new()));
    assert_eq!(asks(&bench), 1, "the interval is not over");
    bench.pass(1_000);
    bench.step(Event::Progress(Vec::new()));
    assert_eq!((asks(&bench), bench.engine.snapshot(bench.now).audits), (2, 1));
}

#[test]
fn what_somebody_else_committed_is_told_and_committed_again() {
    for found in [Some(40), Some(3), None] {
        let mut bench = asked();
        bench.step(Event::CommittedRead(vec![(P0, found)]));
        assert_eq!(differs(&bench), [found]);
        assert_eq!(bench.last_commit().unwrap().1, [(P0, 32)], "ours, again");
        bench.answer_commit(CommitOutcome::Applied);
        bench.step(Event::CommittedRead(vec![(P0, Some(32))]));
        assert_eq!((differs(&bench).len(), bench.violations()), (1, 0));
    }
}

#[test]
fn what_was_committed_while_the_answer_was_on_its_way_is_no_difference() {
    let mut bench = asked();
    bench.poll(32..64);
    bench.answer(Answer::Done);
    bench.pass(1_000);
    bench.answer_commit(CommitOutcome::Applied);
    bench.step(Event::CommittedRead(vec![(P0, Some(64))]));
    assert!(differs(&bench).is_empty());
}

#[test]
fn an_answer_for_an_epoch_that_is_over_says_nothing() {
    let mut bench = asked();
    bench.step(Event::Revoked { partitions: vec![P0], lost: true });
    bench.step(Event::CommittedRead(vec![(P0, Some(99))]));
    assert!(differs(&bench).is_empty());
}

#[test]
fn every_promise_that_is_kept_is_counted_beside_those_that_are_not() {
    let mut bench = Bench::new(settings());
    bench.poll(0..32);
    bench.answer(Answer::Done);
    let sentinels = bench.engine.snapshot(bench.now).sentinels;
    let checks: Vec<_> = sentinels.iter().map(|s| (s.invariant, s.checks > 0, s.breaches)).collect();
    let looked_at = ["I1", "I2", "I3", "I4", "I5", "I6", "I7"].map(|name| (name, true, 0));
    assert_eq!(checks[..7], looked_at);
    assert_eq!(checks[7], ("I9", false, 0), "no threshold moves with ADAPTIVE=off");
}
