//! Measuring at one level: the mean response time of batches sent while exactly that many were in flight.
//!
//! Only batches sent in the first part of a phase count, and the phase waits for them: whoever takes the first that
//! come back takes the quick ones.

use std::time::Duration;

use crate::time::Instant;

/// A sample further out than this many means counts as this much.
const OUTLIER: f64 = 6.0;

const SAMPLES_MAX: f64 = 100.0;

/// What a phase found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measure {
    pub level: f64,
    pub samples: f64,
    /// Mean response time, seconds per unit of cost.
    pub mean_s: f64,
    /// Squared coefficient of variation of one sample.
    pub cv2: f64,
}

impl Measure {
    /// Variance of the logarithm of the mean.
    pub fn variance(&self) -> f64 {
        self.cv2 / self.samples.max(1.0)
    }
}

/// What a phase sets out with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// The standard deviation wanted for the difference of two such phases (logarithm).
    pub sharpness: f64,
    pub response_s: f64,
    pub cv2: f64,
    /// The least number of response times to go on sending, and of samples.
    pub dwell: f64,
    pub samples: f64,
}

fn samples_for(cv2: f64, sharpness: f64, least: f64) -> f64 {
    (2.0 * cv2 / (sharpness * sharpness).max(1e-6)).clamp(least, SAMPLES_MAX)
}

/// A phase in progress.
#[derive(Debug, Clone)]
pub(super) struct Phase {
    level: u32,
    began: Instant,
    /// When the in-flight count first stood at the level.
    reached: Option<Instant>,
    sending: Duration,
    waiting: Duration,
    sharpness: f64,
    least: f64,
    needed: f64,
    response_s: f64,
    samples: f64,
    sum: f64,
    squares: f64,
}

impl Phase {
    /// At `level` from now on, with the noise and the response time that are expected.
    pub fn new(now: Instant, level: u32, plan: &Plan) -> Self {
        let needed = samples_for(plan.cv2, plan.sharpness, plan.samples);
        let sending = plan.response_s * (needed / f64::from(level.max(1))).max(plan.dwell);
        Self {
            level,
            began: now,
            reached: None,
            sending: seconds(sending),
            waiting: seconds(1.5 * plan.response_s),
            sharpness: plan.sharpness,
            least: plan.samples,
            needed,
            response_s: plan.response_s,
            samples: 0.0,
            sum: 0.0,
            squares: 0.0,
        }
    }

    pub const fn samples(&self) -> f64 {
        self.samples
    }

    pub const fn level(&self) -> u32 {
        self.level
    }

    /// Takes a sample of this phase; others are not its business.
    pub fn add(&mut self, sent_at: Instant, in_flight: u32, seconds: f64, usual_s: f64) {
        let Some(reached) = self.reached else { return };
        if sent_at < reached || sent_at.since(reached) > self.sending || !self.is_at_level(in_flight) {
            return;
        }
        let bounded = if usual_s > 0.0 { seconds.min(OUTLIER * usual_s) } else { seconds };
        self.samples += 1.0;
        self.sum += bounded;
        self.squares += bounded * bounded;
    }

    /// What costs are measured in has changed: every second so far was worth `factor` of those to come.
    pub fn rescale(&mut self, factor: f64) {
        self.sum *= factor;
        self.squares *= factor * factor;
    }

    /// Within a tenth below the level: the sidecar really used what it was allowed.
    fn is_at_level(&self, in_flight: u32) -> bool {
        in_flight <= self.level && u64::from(in_flight) * 10 >= u64::from(self.level) * 9
    }

    /// Whether it is done, given how many are in flight now.
    pub fn tick(&mut self, now: Instant, in_flight: u32) -> Option<Measure> {
        let Some(reached) = self.reached else {
            if self.is_at_level(in_flight) {
                self.reached = Some(now);
            }
            return None;
        };
        if now.since(reached) < self.sending + self.waiting {
            return None;
        }
        let found = self.measure();
        // Noisier than thought: the samples seen say how many it takes.
        self.needed = self.needed.max(samples_for(found.cv2, self.sharpness, self.least));
        if self.samples < 0.6 * self.needed {
            let missing = seconds(self.response_s * self.needed / f64::from(self.level.max(1)) / 2.0);
            self.sending += missing.max(self.sending / 4) + Duration::from_nanos(1);
            return None;
        }
        Some(found)
    }

    /// Longer than any measuring should take: the level is not being used, or nothing comes back.
    pub fn is_stuck(&self, now: Instant) -> bool {
        now.since(self.began) > (self.sending + self.waiting) * 8 + Duration::from_secs(1)
    }

    fn measure(&self) -> Measure {
        let count = self.samples.max(1.0);
        let mean = self.sum / count;
        let variance = (self.squares / count - mean * mean).max(0.0);
        Measure {
            level: f64::from(self.level),
            samples: self.samples,
            mean_s: mean,
            cv2: variance / (mean * mean).max(f64::MIN_POSITIVE),
        }
    }
}

fn seconds(s: f64) -> Duration {
    Duration::try_from_secs_f64(s.clamp(0.0, 3600.0)).unwrap_or_default()
}
