//! What goes into the next batch: as many records in time per second of the worker as can be had.
//!
//! For every size the queue allows, the records that would still be in time are counted from the front; the size with
//! the most of them per second of foretold batch time wins, the larger one on a tie. Records that would be late in
//! the chosen batch are passed over, not dropped: a pessimistic estimate may skip, only an optimistic one may give up
//! ([`Plan::hopeless`]). A batch made small enough to save the oldest record loses the ones behind it; in overload
//! that is the trap this rule avoids.
//!
//! It looks at a bounded window and never at a clock. Where records must stay in order, the caller passes only what
//! may be sent and takes no skipping plan.

use std::time::Duration;

use crate::control::{estimator::Estimators, sample::BatchSample};

/// A record that could be sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Waiting {
    /// Seconds until its deadline; infinite when it has none. Not above zero: expired.
    pub left_s: f64,
    pub bytes: u64,
}

/// What bounds a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    pub records_max: u32,
    pub bytes_max: u64,
    /// Taken off every deadline: the way there and back, and the clocks' disagreement. Seconds.
    pub guard_s: f64,
}

/// What to send.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Records of the batch. Zero when no waiting record can be in time.
    pub take: u32,
    /// A record belongs to the batch when more than this is left to it, in order of the queue until `take` are found.
    pub at_least_s: f64,
    /// A record with no more than this left cannot be in time even in a batch of its own that goes well.
    pub hopeless_s: f64,
    /// Seconds the batch should take.
    pub expected_s: f64,
}

impl Plan {
    /// Whether a record can be given up: no batch saves it. Never so for one without a deadline.
    pub fn hopeless(&self, waiting: &Waiting) -> bool {
        waiting.left_s.is_finite() && waiting.left_s <= self.hopeless_s
    }
}

/// Chooses what goes into a batch. The product's policy is [`BestRate`]; others live in the simulator only.
pub trait BatchPolicy: std::fmt::Debug + Send {
    /// The next batch from what waits, in order of the queue.
    fn plan(&mut self, waiting: &[Waiting], known: &Estimators, bounds: &Bounds) -> Plan;

    /// A batch has settled; `late` of its records missed their deadlines.
    fn observe(&mut self, _sample: &BatchSample, _late: u32) {}
}

/// As many records in time per second of the worker as can be had: [`plan`].
#[derive(Debug, Clone, Copy)]
pub struct BestRate;

impl BatchPolicy for BestRate {
    fn plan(&mut self, waiting: &[Waiting], known: &Estimators, bounds: &Bounds) -> Plan {
        plan(waiting, known, bounds)
    }
}

/// Chooses the next batch from the front of the queue. Linear in the window times the number of sizes tried, which is
/// about twelve plus three per doubling.
pub fn plan(waiting: &[Waiting], known: &Estimators, bounds: &Bounds) -> Plan {
    let hopeless_s = if known.batch_time.is_warm() { known.optimistic_seconds(1, 0).min(one(known)) } else { 0.0 };
    let mut best = Plan { take: 0, at_least_s: 0.0, hopeless_s: hopeless_s + bounds.guard_s, expected_s: 0.0 };
    let mut best_rate = 0.0;
    let most = bounds.records_max.max(1).min(u32::try_from(waiting.len()).unwrap_or(u32::MAX));
    let mut size = 1;
    while size <= most {
        let needs = known.pessimistic_of(size) + bounds.guard_s;
        let (found, _) = count(waiting, needs, size, bounds.bytes_max);
        let expected = known.batch_time.seconds_of(found).max(1e-6);
        let rate = f64::from(found) / expected;
        if found > 0 && rate >= best_rate {
            best_rate = rate;
            best = Plan { take: found, at_least_s: needs, expected_s: expected, ..best };
        }
        if found < size || size == most {
            break;
        }
        size = (size + (size / 8).max(1)).min(most);
    }
    best
}

fn one(known: &Estimators) -> f64 {
    known.batch_time.seconds_of(1)
}

/// Records with more than `needs` left, up to `size` and the byte bound; at least one however large it is.
fn count(waiting: &[Waiting], needs: f64, size: u32, bytes_max: u64) -> (u32, u64) {
    let (mut found, mut bytes) = (0, 0_u64);
    for record in waiting.iter().filter(|record| record.left_s > needs) {
        let with = bytes.saturating_add(record.bytes);
        if found == size || (found > 0 && with > bytes_max) {
            break;
        }
        (found, bytes) = (found + 1, with);
    }
    (found, bytes)
}

/// How long to wait for a fuller batch: not at all for an idle worker; while the worker is busy waiting costs nothing,
/// and it ends when the batch should be full, when the earliest deadline calls, or at the bound.
pub fn linger(
    worker_is_idle: bool,
    have: u32,
    earliest_left_s: f64,
    known: &Estimators,
    bounds: &Bounds,
    most: Duration,
) -> Duration {
    if worker_is_idle || have >= bounds.records_max {
        return Duration::ZERO;
    }
    let rate = known.arrivals.quick();
    let full_s = if rate > 0.0 { f64::from(bounds.records_max - have) / rate } else { f64::INFINITY };
    let calls_s = earliest_left_s - known.pessimistic_of(have.saturating_add(1)) - bounds.guard_s;
    let seconds = full_s.min(calls_s).clamp(0.0, most.as_secs_f64());
    Duration::try_from_secs_f64(seconds).unwrap_or(most).min(most)
}

#[cfg(test)]
mod tests;
