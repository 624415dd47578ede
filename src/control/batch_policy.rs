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
    /// Batches that may be in flight.
    pub concurrency: u32,
    pub bytes_max: u64,
    /// Taken off every deadline: the way there and back, and the clocks' disagreement. Seconds.
    pub guard_s: f64,
    /// Whether a record may be passed over. Without it the batch is the front of the queue, as it is.
    pub skips: bool,
    /// Nothing is with the worker: then even a record that will probably be late is worth a try.
    pub worker_is_idle: bool,
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
    let hopeless_s = hopeless(known) + bounds.guard_s;
    let nothing = Plan { take: 0, at_least_s: 0.0, hopeless_s, expected_s: 0.0 };
    if !bounds.skips {
        return front(waiting, known, bounds, nothing);
    }
    let pessimistic = best(waiting, known, bounds, nothing, |size| known.pessimistic_of(size));
    if pessimistic.take > 0 || !bounds.worker_is_idle {
        return pessimistic;
    }
    let even = best(waiting, known, bounds, nothing, |size| known.batch_time.seconds_of(size));
    if even.take > 0 {
        return even;
    }
    let any = waiting.iter().any(|record| record.left_s > hopeless_s);
    let expected_s = known.batch_time.seconds_of(1);
    Plan { take: u32::from(any), at_least_s: hopeless_s, expected_s, ..nothing }
}

/// What is left to a record that not even a batch of its own can save, on a good day.
fn hopeless(known: &Estimators) -> f64 {
    let one = known.batch_time.seconds_of(1);
    if known.batch_time.is_warm() { known.optimistic_seconds(1, 0).min(one) } else { 0.0 }
}

/// The sizes worth trying, up to `most`.
fn sizes(most: u32) -> impl Iterator<Item = u32> {
    let next = move |size: &u32| (*size < most).then(|| (size + (size / 8).max(1)).min(most));
    std::iter::successors((most > 0).then_some(1), next)
}

fn most_of(waiting: &[Waiting], bounds: &Bounds) -> u32 {
    bounds.records_max.max(1).min(u32::try_from(waiting.len()).unwrap_or(u32::MAX))
}

/// The best batch of records that have more than `needs` of its size left.
fn best(waiting: &[Waiting], known: &Estimators, bounds: &Bounds, nothing: Plan, needs: impl Fn(u32) -> f64) -> Plan {
    let (mut best, mut best_rate) = (nothing, 0.0);
    for size in sizes(most_of(waiting, bounds)) {
        let needs = needs(size) + bounds.guard_s;
        let found = count(waiting, needs, size, bounds.bytes_max);
        let expected_s = known.batch_time.seconds_of(found).max(1e-6);
        let rate = f64::from(found) / expected_s;
        if found > 0 && rate >= best_rate {
            best_rate = rate;
            best = Plan { take: found, at_least_s: needs, expected_s, ..nothing };
        }
        if found < size {
            break;
        }
    }
    best
}

/// The front of the queue, as long as its records in time per second grow; all that fits when none would be in time.
fn front(waiting: &[Waiting], known: &Estimators, bounds: &Bounds, nothing: Plan) -> Plan {
    let fitting = count(waiting, f64::NEG_INFINITY, most_of(waiting, bounds), bounds.bytes_max);
    let (mut best, mut best_rate) = (fitting, 0.0);
    // Saving the oldest with a batch too small for what arrives would lose all that come after them.
    let least = known.records_to_keep_up(bounds.concurrency).min(fitting);
    for size in sizes(fitting).filter(|size| *size >= least) {
        let needs = known.pessimistic_of(size) + bounds.guard_s;
        let in_time = waiting.iter().take(size as usize).filter(|record| record.left_s > needs).count();
        let rate = in_time as f64 / known.batch_time.seconds_of(size).max(1e-6);
        if in_time > 0 && rate >= best_rate {
            (best, best_rate) = (size, rate);
        }
    }
    let expected_s = known.batch_time.seconds_of(best);
    Plan { take: best, at_least_s: f64::NEG_INFINITY, expected_s, ..nothing }
}

/// Records with more than `needs` left, up to `size` and the byte bound; at least one however large it is.
fn count(waiting: &[Waiting], needs: f64, size: u32, bytes_max: u64) -> u32 {
    let (mut found, mut bytes) = (0, 0_u64);
    for record in waiting.iter().filter(|record| record.left_s > needs) {
        let with = bytes.saturating_add(record.bytes);
        if found == size || (found > 0 && with > bytes_max) {
            break;
        }
        (found, bytes) = (found + 1, with);
    }
    found
}

#[cfg(test)]
mod tests;
