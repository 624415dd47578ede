//! The queue, the credit it leaves, and what is paused when there is none.

use super::*;

#[test]
fn credit_never_exceeds_the_room_in_the_queue() {
    let mut bench = Bench::new(EngineSettings { queue_records_max: Some(40), concurrency: 1, ..settings() });
    let granted = |bench: &Bench| -> u32 {
        bench.commands.iter().map(|c| if let Command::Grant { records, .. } = c { *records } else { 0 }).sum()
    };
    assert_eq!(granted(&bench), 40);
    bench.poll(0..40);
    assert_eq!(bench.engine.snapshot(bench.now).queue.records, 8, "32 are out");
    assert_eq!(granted(&bench), 72);
    bench.poll(40..72);
    assert_eq!(bench.engine.snapshot(bench.now).queue.records, 40);
    assert_eq!(granted(&bench), 72, "full: nothing more");
    assert!(matches!(bench.facts.last(), Some(Fact::Paused(gate)) if gate.pct == 100.0), "{:?}", bench.facts.last());
}

#[test]
fn a_partition_far_behind_its_frontier_is_paused_alone_and_resumed_when_it_moves() {
    let mut bench = Bench::new(EngineSettings { span_max: 400, concurrency: 8, ..settings() });
    bench.poll(0..32);
    let first = bench.out.remove(0);
    for start in (32..224).step_by(32) {
        bench.poll(start..start + 32);
        bench.answer(Answer::Done);
    }
    assert!(bench.commands.contains(&Command::Pause(vec![P0])));
    bench.out.push(first);
    bench.answer(Answer::Done);
    assert!(bench.commands.contains(&Command::Resume(vec![P0])));
    assert_eq!(bench.violations(), 0);
}

#[test]
fn the_gate_hardens_after_its_time_and_pauses_what_is_assigned_later_too() {
    let mut bench = Bench::new(EngineSettings { concurrency: 1, queue_records_max: Some(64), ..settings() });
    bench.poll(0..64);
    bench.poll(64..96);
    bench.pass(5_000);
    assert!(bench.commands.contains(&Command::Pause(vec![P0, PartitionId(1)])));
    let late = Assignment { id: PartitionId(2), topic: Arc::from("t"), number: 2, committed: None };
    bench.step(Event::Assigned(vec![late]));
    assert!(bench.commands.contains(&Command::Pause(vec![PartitionId(2)])));
    bench.answer(Answer::Done);
    bench.answer(Answer::Done);
    assert!(bench.commands.contains(&Command::Resume(vec![P0, PartitionId(1), PartitionId(2)])));
}

#[test]
fn a_record_over_the_size_limit_takes_no_byte_credit() {
    let bytes = EngineSettings { queue_bytes_max: 4096, max_record_bytes: 256, batch_bytes_max: 1024, ..settings() };
    let mut bench = Bench::new(EngineSettings { linger: Duration::from_secs(1), poison: PoisonPolicy::Skip, ..bytes });
    let sized = |offset, size| Record::new(P0, 0, offset, -1, Payload::new(None, Some(&vec![b'v'; size])));
    let granted = |bench: &Bench| -> u64 {
        bench.commands.iter().map(|c| if let Command::Grant { bytes, .. } = c { *bytes } else { 0 }).sum()
    };
    assert_eq!(granted(&bench), 4096);
    bench.poll_records(vec![sized(0, 100_000), sized(1, 200)]);
    bench.poll_records((2..60).map(|offset| sized(offset, 100_000)).collect());
    assert_eq!(granted(&bench), 4096, "3896 of them are left, and the queue holds the rest");
}

#[test]
fn a_pause_that_crosses_a_reassignment_does_not_outlive_it() {
    let mut bench = Bench::new(EngineSettings { span_max: 400, concurrency: 8, ..settings() });
    (0..224).step_by(32).for_each(|start| bench.poll(start..start + 32));
    assert_eq!(bench.commands.iter().filter(|c| matches!(c, Command::Pause(_))).count(), 1);
    bench.step(Event::Revoked { partitions: vec![P0], lost: true });
    let told = bench.commands.len();
    bench.step(Event::Assigned(vec![Assignment { id: P0, topic: Arc::from("t"), number: 0, committed: None }]));
    assert!(bench.commands[told..].contains(&Command::Resume(vec![P0])), "{:?}", &bench.commands[told..]);
}

#[test]
fn watermarks_that_cross_do_not_move_the_gate_for_ever() {
    let values = Values { pause_pct: 45.0, resume_pct: 50.0, ..settings().values() };
    let mut gate = gate::Gate::default();
    let moves = (0..10).filter_map(|_| gate.observe(Instant::from_millis(1), &values, 47.0)).count();
    assert_eq!(moves, 1, "it shuts, and stays shut");
    assert!(gate.observe(Instant::from_millis(2), &values, 44.0).is_some());
}
