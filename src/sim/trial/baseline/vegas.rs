//! Netflix' Vegas: the queue in the worker, reckoned from the smallest response time seen, is held between bounds.

use crate::{
    control::{
        knobs::Reason,
        limit::{Condition, Law},
        sample::BatchSample,
    },
    sim::trial::baseline::Window,
    time::Instant,
};

#[derive(Debug)]
pub struct Vegas {
    limit: f64,
    no_load_s: f64,
    updates: f64,
    window: Window,
}

impl Default for Vegas {
    fn default() -> Self {
        Self { limit: 20.0, no_load_s: f64::INFINITY, updates: 0.0, window: Window::default() }
    }
}

impl Law for Vegas {
    fn limit(&self) -> u32 {
        self.limit as u32
    }

    fn observe(&mut self, sample: &BatchSample, _: f64) {
        let Some(closed) = self.window.add(sample) else { return };
        self.updates += 1.0;
        // The original draws the moment of its re-probe at random; the mean of that draw serves as well here.
        if self.updates >= 30.0 * self.limit * 0.75 {
            (self.updates, self.no_load_s) = (0.0, closed.mean_s);
        }
        self.no_load_s = self.no_load_s.min(closed.mean_s);
        let unit = self.limit.log10().max(1.0);
        let queue = (self.limit * (1.0 - self.no_load_s / closed.mean_s)).ceil();
        let is_used = 2.0 * f64::from(closed.in_flight) >= self.limit;
        let change = match () {
            () if closed.dropped => -unit,
            () if !is_used => 0.0,
            () if queue <= unit => 6.0 * unit,
            () if queue < 3.0 * unit => unit,
            () if queue > 6.0 * unit => -unit,
            () => 0.0,
        };
        self.limit = (self.limit + change).clamp(1.0, 200.0);
    }

    fn tick(&mut self, _: Instant, _: u32, _: Condition) -> Option<Reason> {
        None
    }
}
