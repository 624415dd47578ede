use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const T: Instant = Instant::ZERO;

#[test]
fn the_frontier_waits_for_the_oldest_unfinished_record() {
    let mut ledger = Ledger::default();
    let seqs: Vec<u64> = (10..14).map(|o| ledger.charge(T, o).unwrap()).collect();
    assert_eq!(ledger.finish(T, seqs[2]), Ok(false));
    assert_eq!(ledger.finish(T, seqs[1]), Ok(false));
    assert_eq!(ledger.frontier(), Some(10));
    assert_eq!(ledger.finish(T, seqs[0]), Ok(true));
    assert_eq!(ledger.frontier(), Some(13));
    assert_eq!(ledger.finish(T, seqs[3]), Ok(true));
    assert_eq!(ledger.frontier(), Some(14));
}

#[test]
fn a_gap_of_a_billion_offsets_costs_one_entry() {
    let mut ledger = Ledger::default();
    let first = ledger.charge(T, 0).unwrap();
    let second = ledger.charge(T, 1_000_000_000).unwrap();
    assert_eq!(ledger.span(), 2);
    ledger.finish(T, first).unwrap();
    assert_eq!(ledger.frontier(), Some(1_000_000_000));
    ledger.finish(T, second).unwrap();
    assert_eq!(ledger.frontier(), Some(1_000_000_001));
}

#[test]
fn the_end_of_the_log_moves_the_frontier_only_when_nothing_is_unfinished() {
    let mut ledger = Ledger::default();
    let seq = ledger.charge(T, 5).unwrap();
    assert!(!ledger.reach_end(9));
    assert_eq!(ledger.frontier(), Some(5));
    ledger.finish(T, seq).unwrap();
    assert_eq!(ledger.frontier(), Some(9));
    assert!(ledger.reach_end(12));
    assert!(!ledger.reach_end(11), "an older end is no news");
    assert_eq!(ledger.frontier(), Some(12));
}

#[test]
fn an_empty_partition_whose_end_is_known_can_be_committed_there() {
    let mut ledger = Ledger::default();
    assert_eq!(ledger.frontier(), None);
    assert!(ledger.reach_end(0));
    assert_eq!(ledger.frontier(), Some(0));
}

#[test]
fn misuse_is_a_typed_error_and_changes_nothing() {
    let mut ledger = Ledger::default();
    let seq = ledger.charge(T, 7).unwrap();
    assert_eq!(ledger.charge(T, 7), Err(LedgerError::Backwards { expected: 8, offset: 7 }));
    assert_eq!(ledger.finish(T, seq + 1), Err(LedgerError::Unknown { seq: seq + 1 }));
    ledger.finish(T, seq).unwrap();
    assert_eq!(ledger.finish(T, seq), Err(LedgerError::Twice { seq }));
    assert_eq!(ledger.frontier(), Some(8));
}

fn set(frontier: i64, runs: &[(i64, i64)]) -> Completed {
    Completed::decode(&completed::encode(frontier, runs.iter().copied(), 3_900), frontier).unwrap()
}

/// The offsets of `0..200` that the ledger's text names.
fn named(ledger: &Ledger) -> Vec<i64> {
    let frontier = ledger.frontier().unwrap();
    let set = Completed::decode(&ledger.completed(3_900), frontier);
    set.map_or_else(Vec::new, |mut set| (0..200).filter(|offset| set.has(*offset)).collect())
}

#[test]
fn what_is_finished_beyond_the_frontier_is_told_and_passed_over_by_the_next_epoch() {
    let mut ledger = Ledger::default();
    let seqs: Vec<u64> = [10, 11, 13, 20, 21].map(|offset| ledger.charge(T, offset).unwrap()).to_vec();
    assert_eq!(ledger.completed(3_900), "");
    for index in [1, 2, 4] {
        ledger.finish(T, seqs[index]).unwrap();
    }
    assert_eq!(named(&ledger), [11, 12, 13, 14, 15, 16, 17, 18, 19, 21], "gaps are read, so they count as finished");
    assert_eq!(ledger.beyond(), 3);
    let mut next = Ledger::resume(Completed::decode(&ledger.completed(3_900), 10).unwrap());
    let mut offsets = vec![10, 11, 13, 20, 21, 22];
    offsets.retain(|offset| {
        next.charge(T, *offset).unwrap();
        !next.was_completed(*offset)
    });
    assert_eq!(offsets, [10, 20, 22]);
}

#[test]
fn an_epoch_that_ends_early_hands_on_what_it_did_not_come_to() {
    let mut ledger = Ledger::resume(set(10, &[(11, 15), (20, 100)]));
    for offset in 10..13 {
        let seq = ledger.charge(T, offset).unwrap();
        if ledger.was_completed(offset) {
            ledger.finish(T, seq).unwrap();
        }
    }
    assert_eq!(named(&ledger), (11..15).chain(20..100).collect::<Vec<_>>());
    assert_eq!(ledger.completed(3_900), completed::encode(10, [(11, 15), (20, 100)].into_iter(), 3_900), "in two runs");
}

#[test]
fn a_log_that_is_read_from_before_the_frontier_is_another_one() {
    let mut ledger = Ledger::resume(set(10, &[(11, 15)]));
    ledger.charge(T, 3).unwrap();
    assert!(!ledger.was_completed(3) && !ledger.was_completed(11));
    let mut ledger = Ledger::resume(set(10, &[(11, 15)]));
    ledger.reach_end(4);
    ledger.charge(T, 11).unwrap();
    assert!(!ledger.was_completed(11));
    let mut ledger = Ledger::resume(set(10, &[(11, 15)]));
    ledger.charge(T, 12).unwrap();
    assert!(ledger.was_completed(12), "what retention took from the front changes nothing");
}

/// A schedule: charge with a gap, finish the n-th unfinished record, or reach an end some way ahead.
#[derive(Debug, Clone)]
enum Op {
    Charge { gap: i64 },
    Finish { nth: usize },
    End { ahead: i64 },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (prop_oneof![Just(0i64), 0i64..5, Just(1_000_000_000)]).prop_map(|gap| Op::Charge { gap }),
        4 => (0usize..64).prop_map(|nth| Op::Finish { nth }),
        1 => (0i64..4).prop_map(|ahead| Op::End { ahead }),
    ]
}

proptest! {
    #[test]
    fn the_frontier_equals_that_of_a_naive_map(ops in prop::collection::vec(op(), 1..200)) {
        let mut ledger = Ledger::default();
        let mut naive: BTreeMap<i64, (u64, bool)> = BTreeMap::new();
        let mut next = 0i64;
        for op in ops {
            match op {
                Op::Charge { gap } => {
                    next += gap;
                    let seq = ledger.charge(T, next).unwrap();
                    naive.insert(next, (seq, false));
                    next += 1;
                }
                Op::Finish { nth } => {
                    let open: Vec<i64> = naive.iter().filter(|(_, v)| !v.1).map(|(o, _)| *o).collect();
                    if open.is_empty() { continue; }
                    let entry = naive.get_mut(&open[nth % open.len()]).unwrap();
                    entry.1 = true;
                    ledger.finish(T, entry.0).unwrap();
                }
                Op::End { ahead } => { next += ahead; ledger.reach_end(next); }
            }
            let oldest = naive.iter().find(|(_, v)| !v.1).map(|(o, _)| *o);
            if !naive.is_empty() || next > 0 {
                prop_assert_eq!(ledger.frontier(), Some(oldest.unwrap_or(next)));
            }
            let held = oldest.map_or(0, |o| naive.range(o..).count());
            prop_assert_eq!(ledger.span() as usize, held);
            let text = ledger.completed(100_000);
            let mut set = Completed::decode(&text, oldest.unwrap_or(next)).unwrap_or_default();
            let beyond = naive.range(oldest.unwrap_or(next)..);
            let beyond: Vec<(bool, i64)> = beyond.map(|(offset, (_, finished))| (*finished, *offset)).collect();
            prop_assert_eq!(ledger.beyond() as usize, beyond.iter().filter(|(finished, _)| *finished).count());
            for (finished, offset) in beyond {
                prop_assert_eq!(set.has(offset), finished, "{} in {}", offset, text);
            }
        }
    }
}
