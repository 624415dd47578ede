//! What is known about a route: how long a batch takes and how sure that is, how much comes and goes, how long the
//! queue waits after a resume, how much time records have when they arrive.
//!
//! O(1) for every sample and no allocation. Nothing here decides anything.

mod batch_time;
mod margin;
mod quantile;
pub mod rate;

use std::time::Duration;

pub use batch_time::BatchTime;
pub use margin::Margin;
pub use quantile::Quantile;
pub use rate::Rate;

use crate::{
    control::{
        learned::LearnedRoute,
        sample::{BatchSample, Outcome},
    },
    time::Instant,
};

/// The share of batches that may exceed the pessimistic estimate while the worker keeps up, and in overload, where a
/// late batch costs the time of one that would have been in time.
const MISS_RELAXED: f64 = 0.15;
const MISS_OVERLOADED: f64 = 0.05;
/// How much more than what arrives a worker should get done.
const HEADROOM: f64 = 1.15;
/// More lost than this share: overload.
const LOST_OVERLOADED: f64 = 0.25;

/// All estimators of one route.
#[derive(Debug, Clone)]
pub struct Estimators {
    pub batch_time: BatchTime,
    /// Exceeded by 5 to 15 % of the batches: for what may wait.
    pub pessimistic: Margin,
    /// Exceeded by 95 %: for what cannot be taken back.
    pub optimistic: Margin,
    /// Records a second, in and out.
    pub arrivals: Rate,
    pub completions: Rate,
    /// Seconds from a resume to its first record, ninth decile.
    pub refill_gap: Quantile,
    /// Seconds left to a record when it arrives, median.
    pub slack: Quantile,
    /// Records lost to their deadlines, as a smoothed share of all that were settled.
    lost: f64,
}

impl Default for Estimators {
    fn default() -> Self {
        Self {
            batch_time: BatchTime::default(),
            pessimistic: Margin::new(MISS_RELAXED),
            optimistic: Margin::new(0.95),
            arrivals: Rate::default(),
            completions: Rate::default(),
            refill_gap: Quantile::new(0.9),
            slack: Quantile::new(0.5),
            lost: 0.0,
        }
    }
}

impl Estimators {
    /// Learns one settled batch. Those without a meaningful time teach nothing; one that was cut short at its deadline
    /// teaches only when it took longer than foretold.
    ///
    /// What is learnt is the time until the answer, with the wait inside the worker: that is what a deadline meets.
    pub fn observe(&mut self, sample: &BatchSample) {
        let seconds = match sample.outcome {
            Outcome::Answered if sample.records > 0 => sample.response_time().as_secs_f64(),
            Outcome::CutShort if sample.records > 0 => {
                let seconds = sample.response_time().as_secs_f64();
                if seconds <= self.batch_time.seconds(sample.records, sample.bytes) {
                    return;
                }
                seconds
            }
            _ => return,
        };
        if seconds <= 0.0 {
            return;
        }
        if sample.outcome == Outcome::Answered {
            self.completions.add(sample.settled_at, sample.records);
        }
        let was_warm = self.batch_time.is_warm();
        let error = self.batch_time.learn(sample.records, sample.bytes, seconds);
        if was_warm {
            let spread = self.batch_time.spread();
            self.pessimistic.learn(error, spread);
            self.optimistic.learn(error, spread);
        }
    }

    /// A record has arrived; `slack` is what is left to its deadline.
    pub fn arrived(&mut self, now: Instant, slack: Option<Duration>) {
        self.arrivals.add(now, 1);
        if let Some(slack) = slack {
            self.slack.add(slack.as_secs_f64());
        }
    }

    /// A paused source has delivered its first record again.
    pub fn refilled(&mut self, after: Duration) {
        self.refill_gap.add(after.as_secs_f64());
    }

    /// What is worth keeping of it.
    pub fn learned(&self) -> LearnedRoute {
        self.batch_time.learned()
    }

    /// Takes up what an earlier run has learnt, with doubt.
    pub fn recall(&mut self, learned: &LearnedRoute) {
        self.batch_time.recall(learned);
    }

    /// The share of records that miss their deadlines, 0 to 1, smoothed over some two hundred.
    pub const fn lost(&self) -> f64 {
        self.lost
    }

    /// `lost` of `settled` records missed their deadlines.
    pub fn settled(&mut self, settled: u32, lost: u32) {
        for n in 0..settled.min(1000) {
            let this = if n < lost { 1.0 } else { 0.0 };
            self.lost += 0.005 * (this - self.lost);
        }
        self.pessimistic.ask_for(if self.is_overloaded() { MISS_OVERLOADED } else { MISS_RELAXED });
    }

    /// Whether deadlines are being missed at a rate that calls for caution.
    pub fn is_overloaded(&self) -> bool {
        self.lost > LOST_OVERLOADED
    }

    /// Seconds that most batches of this size stay within.
    pub fn pessimistic_seconds(&self, records: u32, bytes: u64) -> f64 {
        self.batch_time.seconds(records, bytes) * self.pessimistic.factor().max(1.0)
    }

    /// The largest batch of ordinary records, up to `max`, that most often stays within that time. At least one.
    pub fn records_within(&self, seconds: f64, max: u32) -> u32 {
        self.records_expected_within(seconds / self.pessimistic.factor().max(1.0), max)
    }

    /// The largest batch of ordinary records, up to `max`, that should take no longer. At least one.
    pub fn records_expected_within(&self, seconds: f64, max: u32) -> u32 {
        let one = self.batch_time.seconds_of(1);
        let each = self.batch_time.seconds_of(2) - one;
        if one <= 0.0 || each <= 0.0 {
            return if one <= seconds { max.max(1) } else { 1 };
        }
        (1.0 + (seconds - one) / each).clamp(1.0, f64::from(max.max(1))) as u32
    }

    /// The smallest batch with which what arrives gets done, with so many at a time and a little to spare; as many as can
    /// be when no size is enough.
    pub fn records_to_keep_up(&self, concurrency: u32) -> u32 {
        let per_s = HEADROOM * self.arrivals.slow() / f64::from(concurrency.max(1));
        let one = self.batch_time.seconds_of(1);
        let each = (self.batch_time.seconds_of(2) - one).max(0.0);
        let (fixed, spare) = ((one - each).max(0.0), 1.0 - per_s * each);
        if spare <= 0.0 { u32::MAX } else { (per_s * fixed / spare).ceil().max(1.0) as u32 }
    }

    /// The same for a batch of ordinary records.
    pub fn pessimistic_of(&self, records: u32) -> f64 {
        self.batch_time.seconds_of(records) * self.pessimistic.factor().max(1.0)
    }

    /// Seconds that hardly a batch of this size stays within.
    pub fn optimistic_seconds(&self, records: u32, bytes: u64) -> f64 {
        self.batch_time.seconds(records, bytes) * self.optimistic.factor().min(1.0)
    }
}
