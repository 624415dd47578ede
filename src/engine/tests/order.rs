//! Records whose order matters go one after the other.

use super::*;

#[test]
fn the_same_key_is_never_out_twice_and_other_keys_go_on() {
    let mut bench = Bench::new(EngineSettings { ordering: Ordering::Key, batch_records_max: 2, ..settings() });
    bench.poll_records(vec![keyed(0, 0, b"a"), keyed(0, 1, b"a"), keyed(0, 2, b"a"), keyed(0, 3, b"b")]);
    bench.pass(25);
    assert_eq!(bench.offsets_out(), [vec![0, 1], vec![3]]);
    bench.answer(Answer::Each(vec![Verdict::Retry, Verdict::Success]));
    bench.wake_until_dispatch();
    bench.answer(Answer::Done);
    bench.wake_until_dispatch();
    assert_eq!(bench.offsets_out(), [[0, 1]], "what follows a retried record of its key goes with it");
    bench.answer(Answer::Done);
    bench.wake_until_dispatch();
    assert_eq!(bench.offsets_out(), [[2]]);
}

#[test]
fn a_partition_in_order_is_halved_in_order() {
    let mut bench = Bench::new(EngineSettings { ordering: Ordering::Partition, ..settings() });
    bench.poll(0..4);
    bench.pass(25);
    let mut seen: Vec<i64> = Vec::new();
    for _ in 0..50 {
        bench.wake_until_dispatch();
        let Some(offsets) = bench.offsets_out().first().cloned() else { break };
        assert_eq!(bench.out.len(), 1);
        let poison = offsets.contains(&1);
        seen.extend(offsets.iter().filter(|_| !poison));
        bench.answer(if poison { Answer::Refused } else { Answer::Done });
    }
    assert_eq!(seen, [0, 2, 3]);
    assert_eq!(bench.letters[0].record.offset, 1);
}

#[test]
fn a_queued_record_that_expires_does_not_free_its_key() {
    let mut bench = Bench::new(EngineSettings { ordering: Ordering::Partition, batch_records_max: 1, ..settings() });
    bench.poll(0..1);
    bench.poll_records(vec![with_deadline(1, bench.now.wall.0 + 5), plain(0, 2)]);
    bench.pass(50);
    assert!(bench.facts.iter().any(|fact| matches!(fact, Fact::Expired { .. })));
    assert_eq!(bench.offsets_out(), [[0]], "offset 2 waits for offset 0");
    bench.step(Event::Revoked { partitions: vec![P0], lost: true });
    bench.step(Event::Assigned(vec![Assignment { id: P0, topic: Arc::from("t"), number: 0, committed: None }]));
    bench.poll(0..3);
    bench.pass(50);
    assert_eq!(bench.offsets_out(), [[0]], "the old batch is still out");
}
