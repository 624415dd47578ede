//! What the engine notices of its own promises, and of the group's.

use super::{sentinels::of, *};
use crate::engine::{
    event::{Committed, PartitionEnd, Pulse},
    fact::PauseReason,
    queue::LaneId,
};

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
    assert_eq!(checks[8], ("I9", false, 0), "no threshold moves with ADAPTIVE=off");
}

#[test]
fn every_poll_is_a_look_and_one_that_comes_late_is_a_breach() {
    let mut bench = Bench::new(settings());
    let pulse = |polls, ms| Event::Pulse(Pulse { polls, longest_gap: Duration::from_millis(ms) });
    bench.step(pulse(10, 30_000));
    assert_eq!(of(&bench, "I10"), (10, 0), "a tenth of five minutes is allowed");
    bench.step(pulse(1, 30_001));
    assert_eq!(of(&bench, "I10"), (11, 1));
}

/// The engine is told once a second that nothing has changed.
fn seconds(bench: &mut Bench, seconds: u64) {
    for _ in 0..seconds {
        bench.pass(1_000);
        bench.step(Event::Progress(Vec::new()));
    }
}

#[test]
fn records_that_stand_before_an_idle_worker_are_noticed_once_and_fail_liveness() {
    let mut bench = Bench::new(settings());
    // Nothing of this lane goes until something else has changed, and nothing will: a bug, in short.
    bench.poll(0..1);
    let lane = LaneId(0);
    let mark = bench.engine.queue.lane(lane).map(|lane| bench.engine.stuck_mark(lane));
    bench.engine.queue.lane_mut(lane).unwrap().stuck_at = mark;
    seconds(&mut bench, 10);
    assert_eq!((of(&bench, "I8").1, bench.engine.snapshot(bench.now).sending_stalled), (0, false));
    seconds(&mut bench, 100);
    assert_eq!((of(&bench, "I8").1, bench.engine.snapshot(bench.now).sending_stalled), (1, true), "told once");
    // Something moves, and all is well again.
    bench.poll(1..40);
    seconds(&mut bench, 1);
    assert!(!bench.engine.snapshot(bench.now).sending_stalled);
}

#[test]
fn time_in_which_nobody_looked_is_no_standstill() {
    let mut bench = Bench::new(EngineSettings { linger: Duration::from_secs(3600), ..settings() });
    bench.poll(0..1);
    seconds(&mut bench, 2);
    // The process was stopped: in ten minutes it has looked twice.
    bench.now.mono = bench.now.mono + Duration::from_secs(600);
    seconds(&mut bench, 2);
    assert_eq!((of(&bench, "I8").1, bench.engine.snapshot(bench.now).sending_stalled), (0, false));
}

#[test]
fn a_worker_that_is_away_or_slow_does_not_make_its_records_stand() {
    let mut bench = Bench::new(settings());
    bench.poll(0..32);
    seconds(&mut bench, 200);
    assert_eq!(of(&bench, "I8"), (0, 0), "all of them are with the worker");
    for _ in 0..200 {
        if !bench.out.is_empty() {
            bench.answer(Answer::Away);
        }
        seconds(&mut bench, 1);
    }
    let (looks, breaches) = of(&bench, "I8");
    assert!(looks > 100 && breaches == 0, "{looks} looks, {breaches} breaches");
}

/// The group had committed `from`; then a record comes.
fn resumed(from: i64, offset: i64) -> Bench {
    let mut bench = Bench::new(settings());
    let committed = Some(Committed { offset: from, metadata: "".into() });
    bench.step(Event::Assigned(vec![Assignment { id: P0, topic: Arc::from("t"), number: 0, committed }]));
    bench.poll(offset..offset + 1);
    seconds(&mut bench, 1);
    bench
}

fn gone(bench: &Bench) -> Vec<(i64, i64)> {
    let range = |fact: &Fact| if let Fact::RecordsGone { from, to, .. } = fact { Some((*from, *to)) } else { None };
    bench.facts.iter().filter_map(range).collect()
}

fn asks(bench: &Bench) -> usize {
    bench.commands.iter().filter(|command| matches!(command, Command::ReadStarts(_))).count()
}

#[test]
fn what_retention_deleted_before_it_was_read_is_told() {
    let mut bench = resumed(100, 150);
    assert_eq!(asks(&bench), 1);
    bench.step(Event::StartsRead(vec![(P0, 150)]));
    assert_eq!(gone(&bench), [(100, 150)]);
    // All that was left went, too: only the end comes.
    bench.step(Event::Polled { records: vec![], ends: vec![PartitionEnd { partition: P0, offset: 500 }] });
    seconds(&mut bench, 10);
    bench.step(Event::StartsRead(vec![(P0, 500)]));
    assert_eq!(gone(&bench), [(100, 150), (151, 500)]);
}

#[test]
fn gaps_of_the_log_itself_are_asked_about_now_and_then_and_not_told() {
    let mut bench = resumed(100, 101);
    bench.step(Event::StartsRead(vec![(P0, 100)]));
    for offset in [103, 105, 107, 109] {
        bench.poll(offset..offset + 1);
        seconds(&mut bench, 1);
    }
    assert_eq!((asks(&bench), gone(&bench)), (1, vec![]), "it was asked a moment ago");
    seconds(&mut bench, 10);
    bench.step(Event::StartsRead(vec![(P0, 100)]));
    seconds(&mut bench, 100);
    assert_eq!((asks(&bench), gone(&bench)), (2, vec![]), "nothing is left to be asked about");
}

#[test]
fn a_question_that_is_not_answered_is_asked_again() {
    let mut bench = resumed(100, 150);
    seconds(&mut bench, 25);
    assert_eq!(asks(&bench), 3);
    bench.step(Event::StartsRead(vec![(P0, 120)]));
    assert_eq!(gone(&bench), [(100, 120)], "what lies beyond the log's start is a gap of its own");
}

#[test]
fn a_loss_is_told_whatever_gaps_come_behind_it() {
    let mut bench = resumed(100, 103);
    // Markers of transactions, one after another, and a wide gap of compaction.
    for offset in [105, 107, 5_000] {
        bench.poll(offset..offset + 1);
        seconds(&mut bench, 4);
    }
    bench.step(Event::StartsRead(vec![(P0, 103)]));
    assert_eq!(gone(&bench), [(100, 103)]);
}

/// The worker finishes whatever comes, for so long, and the group answers each commit with `outcome`.
fn flow(bench: &mut Bench, next: &mut i64, seconds: u64, outcome: &CommitOutcome) {
    for _ in 0..seconds {
        bench.pass(1_000);
        if bench.commands.iter().rposition(|c| matches!(c, Command::Pause(_)))
            <= bench.commands.iter().rposition(|c| matches!(c, Command::Resume(_)))
        {
            bench.poll(*next..*next + 8);
            *next += 8;
        }
        bench.pass(100);
        while !bench.out.is_empty() {
            bench.answer(Answer::Done);
        }
        if bench.engine.snapshot(bench.now).commit.in_flight {
            bench.answer_commit(outcome.clone());
        }
    }
}

#[test]
fn what_is_finished_while_no_commit_is_taken_is_bounded_by_the_span() {
    let mut bench = Bench::new(EngineSettings { span_max: 200, max_poll_records: 8, ..settings() });
    let (mut next, failed) = (0, CommitOutcome::Failed("COORDINATOR_LOAD_IN_PROGRESS".to_owned()));
    flow(&mut bench, &mut next, 9, &failed);
    assert_eq!(bench.engine.snapshot(bench.now).partitions[0].paused, [], "a coordinator may move");
    flow(&mut bench, &mut next, 100, &failed);
    assert_eq!(bench.engine.snapshot(bench.now).partitions[0].paused, [PauseReason::Uncommitted]);
    assert!(next <= 200, "{next} records taken with none committed");
    // The coordinator is back: the next commit is taken, and on it goes.
    flow(&mut bench, &mut next, 10, &CommitOutcome::Applied);
    assert_eq!(bench.engine.snapshot(bench.now).partitions[0].paused, []);
    assert!(next > 200 && bench.violations() == 0);
}
