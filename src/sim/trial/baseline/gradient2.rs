//! Netflix' Gradient2: the ratio of a long mean of response times to the last window's, plus room for a queue of four.

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
pub struct Gradient2 {
    limit: f64,
    long_s: f64,
    windows: f64,
    window: Window,
}

impl Default for Gradient2 {
    fn default() -> Self {
        Self { limit: 20.0, long_s: 0.0, windows: 0.0, window: Window::default() }
    }
}

impl Law for Gradient2 {
    fn limit(&self) -> u32 {
        self.limit as u32
    }

    fn observe(&mut self, sample: &BatchSample, _: f64) {
        let Some(closed) = self.window.add(sample) else { return };
        self.windows += 1.0;
        let weight = if self.windows <= 10.0 { 1.0 / self.windows } else { 2.0 / 601.0 };
        self.long_s += weight * (closed.mean_s - self.long_s);
        if self.long_s / closed.mean_s > 2.0 {
            self.long_s *= 0.95;
        }
        if f64::from(closed.in_flight) < self.limit / 2.0 {
            return;
        }
        let gradient = (1.5 * self.long_s / closed.mean_s).clamp(0.5, 1.0);
        self.limit = (0.8 * self.limit + 0.2 * (self.limit * gradient + 4.0)).clamp(1.0, 200.0);
    }

    fn tick(&mut self, _: Instant, _: u32, _: Condition) -> Option<Reason> {
        None
    }
}
