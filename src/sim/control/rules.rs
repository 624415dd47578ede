//! The batch rules that the laboratory compares: the product's, and those to be beaten.

use std::time::Duration;

use crate::{
    control::{
        batch_policy::{Bounds, Waiting, plan},
        estimator::Estimators,
        sample::BatchSample,
    },
    sim::control::deadlines::{BATCH_MAX, BatchRule, Choice},
    time::Instant,
};

/// In which order the product's rule fills a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Deadline,
    /// Newest first while much is lost anyway, deadline order otherwise.
    Auto,
}

/// Losses above which `Auto` turns to the new end, and below which it comes back.
const DEEP: f64 = 0.12;
const SHALLOW: f64 = 0.04;

/// The product's rule with a model learnt on the way.
#[derive(Debug)]
pub struct BestRate {
    known: Estimators,
    order: Order,
    lost_share: f64,
    newest_first: bool,
    reversed: Vec<Waiting>,
}

impl BestRate {
    pub fn new(order: Order) -> Self {
        Self { known: Estimators::default(), order, lost_share: 0.0, newest_first: false, reversed: Vec::new() }
    }

    fn count(&mut self, records: u32, lost: u32) {
        self.known.settled(records, lost);
        for n in 0..records {
            self.lost_share += 0.005 * (if n < lost { 1.0 } else { 0.0 } - self.lost_share);
        }
        self.newest_first = match self.order {
            Order::Deadline => false,
            Order::Auto if self.newest_first => self.lost_share > SHALLOW,
            Order::Auto => self.lost_share > DEEP,
        };
    }
}

impl BatchRule for BestRate {
    fn choose(&mut self, _: Instant, waiting: &[Waiting]) -> Choice {
        let bounds =
            Bounds { records_max: BATCH_MAX, bytes_max: u64::MAX, guard_s: 0.0, skips: true, worker_is_idle: false };
        let plan = if self.newest_first {
            self.reversed.clear();
            self.reversed.extend(waiting.iter().rev());
            plan(&self.reversed, &self.known, &bounds)
        } else {
            plan(waiting, &self.known, &bounds)
        };
        Choice {
            take: plan.take,
            at_least_s: plan.at_least_s,
            newest_first: self.newest_first,
            give_up_s: plan.hopeless_s,
        }
    }

    fn settled(&mut self, sample: &BatchSample, late: u32) {
        self.known.observe(sample);
        self.count(sample.records, late);
    }

    fn arrived(&mut self, now: Instant, life: Duration) {
        self.known.arrived(now, Some(life));
    }

    fn lost(&mut self, records: u32) {
        self.count(records, records);
    }
}

/// Everything that has not expired, oldest first: what a sidecar without a model does.
#[derive(Debug)]
pub struct PlainTtl;

impl BatchRule for PlainTtl {
    fn choose(&mut self, _: Instant, _: &[Waiting]) -> Choice {
        Choice { take: BATCH_MAX, at_least_s: 0.0, newest_first: false, give_up_s: 0.0 }
    }

    fn settled(&mut self, _: &BatchSample, _: u32) {}
}

/// Newest first, what has not expired.
#[derive(Debug)]
pub struct NewestTtl;

impl BatchRule for NewestTtl {
    fn choose(&mut self, _: Instant, _: &[Waiting]) -> Choice {
        Choice { take: BATCH_MAX, at_least_s: 0.0, newest_first: true, give_up_s: 0.0 }
    }

    fn settled(&mut self, _: &BatchSample, _: u32) {}
}

/// Clipper's adaptive batching: one larger while batches stay within the objective, a tenth smaller when not.
#[derive(Debug)]
pub struct Clipper {
    size: f64,
    objective_s: f64,
}

impl Clipper {
    pub fn new(objective_s: f64) -> Self {
        Self { size: 1.0, objective_s }
    }
}

impl BatchRule for Clipper {
    fn choose(&mut self, _: Instant, _: &[Waiting]) -> Choice {
        Choice { take: self.size as u32, at_least_s: 0.0, newest_first: false, give_up_s: 0.0 }
    }

    fn settled(&mut self, sample: &BatchSample, _: u32) {
        let within = sample.response_time().as_secs_f64() <= self.objective_s;
        self.size = if within { self.size + 1.0 } else { self.size * 0.9 }.clamp(1.0, f64::from(BATCH_MAX));
    }
}
