//! The bound: records as a fluid.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::possible_at;
use crate::sim::{
    scheduler::EPOCH_MS,
    trial::{case::Case, log::Arrival, worker},
};

/// Width of a slot, seconds.
const SLOT_S: f64 = 0.01;

pub fn bound(case: &Case, arrivals: &[Arrival]) -> f64 {
    let mut sum = 0.0;
    fluid(case, arrivals, |_, served| sum += served);
    (sum + 1e-6).floor()
}

/// Slot by slot, how much of what has arrived is served, earliest deadline first. In favour of the bound, a slot serves what
/// arrives within it and what was due within it, at the best rate that a batch begun up to a batch time earlier had.
pub fn fluid(case: &Case, arrivals: &[Arrival], mut serve: impl FnMut(f64, f64)) {
    // Deadline, and what is left of the record: the bits of a number that is not negative are in its order.
    let mut waiting: BinaryHeap<Reverse<(i64, u64)>> = BinaryHeap::new();
    let mut next = 0;
    let longest = case.batch_max();
    let bytes = (case.mean_bytes() * f64::from(longest)) as u64;
    for slot in 0..(case.ends_s() / SLOT_S).ceil() as u64 {
        let (from_s, to_s) = (slot as f64 * SLOT_S, (slot + 1) as f64 * SLOT_S);
        while let Some(arrival) = arrivals.get(next).filter(|arrival| (arrival.at.0 as f64) < to_s * 1e9) {
            let deadline_ms = arrival.deadline_ms.map_or(i64::MAX, |deadline| deadline - EPOCH_MS);
            waiting.push(Reverse((deadline_ms, 1_f64.to_bits())));
            next += 1;
        }
        if waiting.is_empty() {
            continue;
        }
        let slowness = worker::slowness(&case.worker, case.seconds, from_s);
        let batch_s = worker::batch_s(&case.worker, from_s, longest, bytes) * slowness;
        let before_s = (from_s - batch_s).max(0.0);
        let room = SLOT_S * possible_at(case, from_s).max(possible_at(case, before_s));
        let mut left = room;
        while left > 0.0 {
            let Some(Reverse((deadline_ms, rest))) = waiting.pop() else { break };
            let rest = f64::from_bits(rest);
            if (deadline_ms as f64) < from_s * 1e3 {
                continue;
            }
            let part = left.min(rest);
            left -= part;
            if part < rest {
                waiting.push(Reverse((deadline_ms, (rest - part).to_bits())));
            }
        }
        serve(from_s, room - left);
    }
}
