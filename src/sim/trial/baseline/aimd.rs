//! Netflix' AIMD: one more while the limit is used, nine tenths on a refusal or a response beyond the timeout.

use crate::{
    control::{
        knobs::Reason,
        limit::{Condition, Law},
        sample::BatchSample,
    },
    time::Instant,
};

#[derive(Debug)]
pub struct Aimd {
    limit: f64,
    timeout_s: f64,
}

impl Aimd {
    /// Starts at 20 as the original does; the timeout has to be told.
    pub fn new(timeout_s: f64) -> Self {
        Self { limit: 20.0, timeout_s }
    }
}

impl Law for Aimd {
    fn limit(&self) -> u32 {
        self.limit as u32
    }

    fn observe(&mut self, sample: &BatchSample, _: f64) {
        if sample.outcome.is_push_back() || sample.response_time().as_secs_f64() > self.timeout_s {
            self.limit *= 0.9;
        } else if 2.0 * f64::from(sample.in_flight) >= self.limit {
            self.limit += 1.0;
        }
        self.limit = self.limit.clamp(1.0, 200.0);
    }

    fn tick(&mut self, _: Instant, _: u32, _: Condition) -> Option<Reason> {
        None
    }
}
