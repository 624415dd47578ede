//! A partition that stands still, for a reason or for none.

use super::*;

#[test]
fn a_partition_that_stands_still_for_no_reason_is_repaired_and_at_last_counts_as_stalled() {
    let mut bench = Bench::new(settings());
    let progress = Progress { partition: P0, position: None, end: Some(10), leader_answers: true };
    for _ in 0..=92 {
        bench.pass(1_000);
        bench.step(Event::Progress(vec![progress]));
    }
    let repairs = bench.commands.iter().filter(|c| **c == Command::Repair(P0)).count();
    assert_eq!((repairs, bench.engine.snapshot(bench.now).stalled), (3, 1));
    bench.poll(0..10);
    bench.step(Event::Progress(vec![progress]));
    assert_eq!(bench.engine.snapshot(bench.now).stalled, 0);
}

#[test]
fn a_partition_is_not_repaired_while_its_leader_does_not_answer() {
    let mut bench = Bench::new(settings());
    for _ in 0..200 {
        bench.pass(1_000);
        let progress = Progress { partition: P0, position: None, end: Some(10), leader_answers: false };
        bench.step(Event::Progress(vec![progress]));
    }
    assert!(!bench.commands.contains(&Command::Repair(P0)));
}

#[test]
fn a_partition_whose_next_record_may_not_fit_the_queue_stands_still_for_a_reason() {
    let bytes = EngineSettings { queue_bytes_max: 1_000, max_record_bytes: 900, ..settings() };
    let mut bench = Bench::new(EngineSettings { batch_records_max: 1, concurrency: 1, ..bytes });
    bench.poll(0..3);
    assert_eq!(bench.out.len(), 1, "the worker hangs on the first, two wait");
    for _ in 0..200 {
        bench.pass(1_000);
        let progress = Progress { partition: P0, position: Some(3), end: Some(10), leader_answers: true };
        bench.step(Event::Progress(vec![progress]));
    }
    assert!(!bench.commands.iter().any(|command| matches!(command, Command::Repair(_))));
    assert_eq!(bench.engine.snapshot(bench.now).stalled, 0);
}
