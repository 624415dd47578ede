//! Clipper's adaptive batching (NSDI 2017): one larger while batches stay within the objective, a tenth smaller when
//! not. Nothing is foretold and nothing passed over.

use crate::control::{
    batch_policy::{BatchPolicy, Bounds, Plan, Waiting},
    estimator::Estimators,
    sample::BatchSample,
};

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

impl BatchPolicy for Clipper {
    fn plan(&mut self, _: &[Waiting], _: &Estimators, bounds: &Bounds) -> Plan {
        let take = (self.size as u32).clamp(1, bounds.records_max.max(1));
        Plan { take, at_least_s: f64::NEG_INFINITY, hopeless_s: f64::NEG_INFINITY, expected_s: 0.0 }
    }

    fn observe(&mut self, sample: &BatchSample, _: u32) {
        let is_within = sample.response_time().as_secs_f64() <= self.objective_s;
        self.size = if is_within { self.size + 1.0 } else { self.size * 0.9 }.clamp(1.0, 256.0);
    }
}
