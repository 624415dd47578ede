//! Nexus' early drop (SOSP 2019): the batch size that fits twice into the objective, and a window of that size slid
//! past the records that it would finish late.

use crate::control::{
    batch_policy::{BatchPolicy, Bounds, Plan, Waiting},
    estimator::Estimators,
};

#[derive(Debug)]
pub struct Nexus {
    objective_s: f64,
}

impl Nexus {
    pub fn new(objective_s: f64) -> Self {
        Self { objective_s }
    }
}

impl BatchPolicy for Nexus {
    fn plan(&mut self, waiting: &[Waiting], known: &Estimators, bounds: &Bounds) -> Plan {
        let seconds = |records: u32| known.batch_time.seconds_of(records);
        let most = bounds.records_max.max(1);
        let planned = (1..=most).rev().find(|size| 2.0 * seconds(*size) <= self.objective_s).unwrap_or(1);
        // With too few left behind the window, the plan is made again for those there are.
        let in_time = |needs_s: f64| waiting.iter().filter(|record| record.left_s > needs_s).count() as u32;
        let found = in_time(seconds(planned)).clamp(u32::from(!waiting.is_empty()), planned);
        let needs_s = seconds(found) + bounds.guard_s;
        Plan { take: in_time(needs_s).min(found), at_least_s: needs_s, hopeless_s: needs_s, expected_s: seconds(found) }
    }
}
