//! Vector's adaptive request concurrency: one more an interval while the mean stays below the past mean, a tenth less
//! beyond two and a half deviations.

use std::time::Duration;

use crate::{
    control::{
        knobs::Reason,
        limit::{Condition, Law},
        sample::BatchSample,
    },
    time::Instant,
};

#[derive(Debug, Default)]
pub struct Vector {
    limit: f64,
    mean_s: f64,
    variance: f64,
    began: Option<Instant>,
    sum_s: f64,
    count: f64,
    pushed_back: bool,
    reached: bool,
}

impl Law for Vector {
    fn limit(&self) -> u32 {
        self.limit.max(1.0) as u32
    }

    fn observe(&mut self, sample: &BatchSample, _: f64) {
        let began = *self.began.get_or_insert(sample.settled_at);
        self.pushed_back |= sample.outcome.is_push_back();
        self.reached |= sample.in_flight >= self.limit();
        if let Some(seconds) = sample.service_seconds() {
            self.sum_s += seconds;
            self.count += 1.0;
        }
        let past = if self.mean_s > 0.0 { self.mean_s } else { sample.response_time().as_secs_f64() };
        if sample.settled_at.since(began) < Duration::from_secs_f64(past.clamp(0.0, 1e4)) || self.count == 0.0 {
            return;
        }
        let current = self.sum_s / self.count;
        if self.mean_s > 0.0 {
            let high = current >= self.mean_s + 2.5 * self.variance.sqrt();
            if self.reached && !self.pushed_back && current <= self.mean_s {
                self.limit = (self.limit() + 1).min(200).into();
            } else if self.pushed_back || high {
                self.limit = (0.9 * f64::from(self.limit())).floor().max(1.0);
            }
            let off = current - self.mean_s;
            let step = 0.4 * off;
            self.mean_s += step;
            self.variance = 0.6 * (self.variance + off * step);
        } else {
            self.mean_s = current;
        }
        (self.began, self.sum_s, self.count) = (None, 0.0, 0.0);
        (self.pushed_back, self.reached) = (false, false);
    }

    fn tick(&mut self, _: Instant, _: u32, _: Condition) -> Option<Reason> {
        None
    }
}
