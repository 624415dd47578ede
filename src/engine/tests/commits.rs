//! What is committed, when, and what a commit that fails or is not answered leads to.

use super::*;

#[test]
fn only_the_contiguous_frontier_is_committed_and_once_per_interval() {
    let mut bench = Bench::new(settings());
    bench.poll(0..64);
    let first = bench.out.remove(0);
    bench.answer(Answer::Done);
    bench.pass(1_000);
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 0)], "the second batch is done, the first holds the frontier");
    bench.answer_commit(CommitOutcome::Applied);
    bench.out.push(first);
    bench.answer(Answer::Done);
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 64)]);
    bench.answer_commit(CommitOutcome::Applied);
    bench.poll(64..96);
    bench.answer(Answer::Done);
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 64)], "the interval is not over");
    bench.pass(1_000);
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 96)]);
}

#[test]
fn a_failed_commit_is_asked_for_again() {
    let mut bench = Bench::new(settings());
    bench.poll(0..32);
    bench.answer(Answer::Done);
    bench.answer_commit(CommitOutcome::Failed("COORDINATOR_LOAD_IN_PROGRESS".into()));
    let asked = bench.commands.len();
    bench.pass(1_000);
    assert!(bench.commands[asked..].iter().any(|c| matches!(c, Command::Commit { .. })));
}

#[test]
fn the_end_of_an_idle_partition_is_committed_past_markers() {
    let mut bench = Bench::new(settings());
    bench.poll(0..32);
    bench.answer(Answer::Done);
    bench.answer_commit(CommitOutcome::Applied);
    let ends = vec![event::PartitionEnd { partition: P0, offset: 33 }];
    bench.step(Event::Polled { records: vec![], ends });
    bench.pass(1_000);
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 33)]);
}

#[test]
fn a_commit_that_is_never_answered_is_asked_for_again() {
    let mut bench = Bench::new(settings());
    bench.poll(0..32);
    bench.answer(Answer::Done);
    let asked = bench.commands.len();
    bench.pass(59_999);
    assert!(!bench.commands[asked..].iter().any(|c| matches!(c, Command::Commit { .. })));
    bench.pass(1);
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 32)]);
    assert!(bench.commands[asked..].iter().any(|c| matches!(c, Command::Commit { .. })));
    bench.answer_commit(CommitOutcome::Applied);
    bench.pass(120_000);
    let commits = bench.commands.iter().filter(|c| matches!(c, Command::Commit { .. })).count();
    assert_eq!(commits, 2);
}

#[test]
fn an_answer_that_the_metadata_is_too_large_halves_its_room_once() {
    let mut bench = Bench::new(EngineSettings { batch_records_max: 1, concurrency: 32, ..settings() });
    let assign =
        |id: u32| Assignment { id: PartitionId(id), topic: Arc::from("t"), number: id as i32, committed: None };
    bench.step(Event::Assigned((2..8).map(assign).collect()));
    bench.poll_records((0..8).flat_map(|p| (0..2).map(move |offset| plain(p, offset))).collect());
    bench.pass(100);
    while let Some(at) = bench.out.iter().position(|batch| batch.records[0].offset == 1) {
        bench.answer_commit_if_any(&CommitOutcome::Applied);
        bench.settle(at, Answer::Done, None);
    }
    bench.pass(1_000);
    let (_, marks) = bench.last_marks().unwrap();
    assert!(marks.len() > 6 && marks.iter().all(|mark| !mark.metadata.is_empty()), "{marks:?}");
    bench.answer_commit(CommitOutcome::Failed("OFFSET_METADATA_TOO_LARGE".to_owned()));
    assert!(bench.engine.commits.keeps_completed(), "not once for each of the partitions");
}

#[test]
fn where_a_partition_begins_is_committed_at_once_if_the_group_has_nothing_and_nobody_else_remembers() {
    for commits_start in [false, true] {
        let mut bench = Bench::new(EngineSettings { commits_start, ..settings() });
        bench.poll(7..9);
        let ends = vec![event::PartitionEnd { partition: PartitionId(1), offset: 30 }];
        bench.step(Event::Polled { records: vec![], ends });
        let first = bench.last_commit();
        if !commits_start {
            assert_eq!(first.unwrap().1, [(PartitionId(1), 30)], "an end is committed in any case");
            continue;
        }
        assert_eq!(first.unwrap().1, [(P0, 7)], "before any answer");
        bench.answer_commit(CommitOutcome::Applied);
        assert_eq!(bench.last_commit().unwrap().1, [(PartitionId(1), 30)], "no interval is waited for");
        bench.answer_commit(CommitOutcome::Applied);
        bench.poll(9..11);
        bench.pass(2_000);
        assert_eq!(bench.last_commit().unwrap().1, [(PartitionId(1), 30)], "once");
        // Known to the group, it is not committed again before something is finished.
        let committed = Some(event::Committed { offset: 50, metadata: "".into() });
        let again = Assignment { id: P0, topic: Arc::from("t"), number: 0, committed };
        bench.step(Event::Assigned(vec![again]));
        bench.poll(50..52);
        bench.pass(2_000);
        assert_eq!(bench.last_commit().unwrap().1, [(PartitionId(1), 30)]);
    }
}
