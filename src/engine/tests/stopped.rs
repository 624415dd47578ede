//! A poison record that may go nowhere stops its partition.

use super::*;

#[test]
fn without_a_dead_letter_topic_a_poison_record_stops_its_partition_only() {
    let mut bench = Bench::new(EngineSettings { poison: PoisonPolicy::Stop, batch_records_max: 1, ..settings() });
    bench.poll_records(vec![plain(0, 0), plain(1, 0), plain(0, 1)]);
    bench.answer(Answer::Refused);
    bench.answer(Answer::Done);
    assert!(bench.commands.contains(&Command::Pause(vec![P0])));
    assert_eq!(bench.engine.snapshot(bench.now).not_ready, [NotReady::PartitionStopped]);
    bench.poll_records(vec![plain(0, 2), plain(1, 1)]);
    bench.answer(Answer::Done);
    bench.pass(1_000);
    assert!(bench.out.is_empty());
    let commits: Vec<_> = bench
        .commands
        .iter()
        .filter_map(|c| if let Command::Commit { offsets, .. } = c { Some(offsets.clone()) } else { None })
        .flatten()
        .collect();
    assert!(commits.iter().all(|mark| mark.partition == PartitionId(1)), "{commits:?}");
}

#[test]
fn what_waited_behind_a_record_that_stops_its_partition_is_let_go() {
    let stop = EngineSettings { poison: PoisonPolicy::Stop, ordering: Ordering::Partition, ..settings() };
    let mut bench = Bench::new(EngineSettings { batch_records_max: 2, ..stop });
    bench.poll(0..2);
    bench.answer(Answer::Refused);
    bench.wake_until_dispatch();
    assert_eq!(bench.offsets_out(), [[0]]);
    bench.answer(Answer::Refused);
    bench.pass(60_000);
    assert!(bench.out.is_empty(), "{:?}", bench.offsets_out());
    assert_eq!(bench.engine.snapshot(bench.now).retry.records, 0);
}
