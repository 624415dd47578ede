//! When a batch goes, how large it is, and how many are out.

use super::*;

#[test]
fn a_full_batch_goes_at_once_and_a_part_of_one_after_its_linger() {
    let mut bench = Bench::new(settings());
    bench.poll(0..40);
    assert_eq!(bench.offsets_out(), [(0..32).collect::<Vec<_>>()]);
    bench.pass(24);
    assert_eq!(bench.out.len(), 1);
    bench.pass(1);
    assert_eq!(bench.offsets_out()[1], (32..40).collect::<Vec<_>>());
}

#[test]
fn no_more_batches_are_out_than_the_concurrency_limit() {
    let mut bench = Bench::new(settings());
    bench.poll(0..128);
    assert_eq!(bench.out.len(), 2);
    bench.answer(Answer::Done);
    assert_eq!(bench.out.len(), 2);
    assert_eq!(bench.engine.snapshot(bench.now).in_flight.batches, 2);
}

#[test]
fn too_large_is_split_by_bytes_and_the_cap_is_learnt() {
    let mut bench = Bench::new(EngineSettings { concurrency: 1, ..settings() });
    bench.poll(0..32);
    bench.answer(Answer::TooLarge);
    assert_eq!(bench.offsets_out(), [(0..16).collect::<Vec<_>>()]);
    assert_eq!(bench.engine.snapshot(bench.now).knobs.batch_bytes_max, 16 * crate::record::MIN_CHARGE_BYTES);
}

#[test]
fn the_byte_cap_is_learnt_from_what_was_sent_not_from_what_is_still_ours() {
    let mut bench = Bench::new(EngineSettings { concurrency: 1, ..settings() });
    bench.poll(0..32);
    bench.step(Event::Revoked { partitions: vec![P0], lost: true });
    bench.answer(Answer::TooLarge);
    assert_eq!(bench.engine.snapshot(bench.now).knobs.batch_bytes_max, 16 * crate::record::MIN_CHARGE_BYTES);
}

#[test]
fn a_record_that_is_too_large_alone_teaches_nothing_of_the_others() {
    let mut bench = Bench::new(EngineSettings { concurrency: 1, ..settings() });
    let (mut next, mut last) = (0, 0);
    for _ in 0..200 {
        while bench.engine.snapshot(bench.now).queue.records < 128 {
            bench.poll(next..next + 32);
            next += 32;
        }
        bench.wake_until_dispatch();
        last = bench.out[0].records.len();
        // Refused for what is in it, by a worker that calls that too large.
        let bad = bench.out[0].records.iter().any(|record| record.offset == 70);
        bench.answer(if bad { Answer::TooLarge } else { Answer::Done });
    }
    let letters: Vec<_> = bench.letters.iter().map(|letter| (letter.record.offset, letter.reason)).collect();
    assert_eq!((letters, last), (vec![(70, Reason::TooLarge)], 32));
}
