//! How large a batch may get: found by trying, because a model knows nothing about sizes it has not seen.
//!
//! The cap doubles after a clean full batch, as long as a larger one is worth it and affordable. *Worth it*: the
//! smallest size that reaches 99 % of the rate of the largest affordable one is what the cap aims at; past it,
//! records only wait longer for each other. *Affordable*: the pessimistic time of such a batch stays below a quarter
//! of `INFERENCE_TIMEOUT` and half of the time that records usually have when they arrive; where a batch is filled with
//! records that have the time for it, the expected time stays below three quarters of that. Full batches that time out
//! twice, with none like them answered, halve the cap, and the size is not tried again for ten minutes. One that is lost
//! among others that are answered says nothing of size, and when a single record times out no size was to blame.

use std::time::Duration;

use crate::{
    control::{
        dials::Values,
        estimator::Estimators,
        knobs::Reason,
        proof::Proof,
        sample::{BatchSample, Outcome},
    },
    time::Instant,
};

/// How much of the best rate is enough.
const ENOUGH: f64 = 0.99;
/// A size that failed is left alone for this long.
const AVOIDED_FOR: Duration = Duration::from_secs(600);
/// Full batches in a row that time out until their size is blamed. Where several are out they come back together.
const STRIKES: u32 = 2;
/// The share of the time that records usually have when they arrive, which a batch may take: where it is the front of the
/// queue, and where it is chosen.
const SLACK: f64 = 0.5;
const SLACK_CHOSEN: f64 = 0.75;
/// A cap that is too large by less than this is left where it is: shrinking it gains little.
const SHRINK_BELOW: f64 = 0.5;
/// A cap that is too small by less than this too, unless the largest of all is worth having: nothing is beyond it.
const GROW_ABOVE: f64 = 1.15;

#[derive(Debug, Clone)]
pub struct BatchCap {
    max: u32,
    /// What every call is bounded with.
    timeout: Duration,
    /// Whether a batch is filled with records that have the time for it. Otherwise it is the front of the queue, and
    /// what is there has waited.
    chooses: bool,
    /// Below what failed, while it is remembered.
    ceiling: Option<(u32, Instant)>,
    /// Settled batches since the cap moved.
    since_move: u32,
    /// When it was last brought down. What was sent before has been answered for.
    cut_at: Option<Instant>,
    /// The last full batch that was answered.
    proof: Proof,
    /// Full batches that have timed out since.
    strikes: u32,
}

/// Where the cap should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    pub records: u32,
    pub reason: Reason,
}

impl BatchCap {
    pub fn new(max: u32, timeout: Duration, chooses: bool) -> Self {
        let proof = Proof::default();
        Self { max, timeout, chooses, ceiling: None, since_move: u32::MAX, cut_at: None, proof, strikes: 0 }
    }

    /// Starts afresh.
    pub fn forget(&mut self) {
        *self = Self::new(self.max, self.timeout, self.chooses);
    }

    /// Whether the cap has just moved: what several batches at once say about the worker is not comparable yet.
    pub const fn is_moving(&self, in_flight: u32) -> bool {
        self.since_move <= in_flight
    }

    /// A batch has settled.
    pub fn observe(&mut self, sample: &BatchSample, values: &Values, known: &Estimators) -> Option<Wish> {
        let cap = values.batch_records;
        self.since_move = self.since_move.saturating_add(1);
        let is_full = sample.records >= cap;
        match sample.outcome {
            Outcome::TimedOut => return self.timed_out(sample, cap),
            Outcome::Answered => {}
            _ => return None,
        }
        if is_full {
            self.proof.show(sample.records, sample);
            self.strikes = 0;
        }
        let aim = self.aim(sample.settled_at, values.concurrency, known);
        let is_settled = self.since_move > sample.in_flight;
        let is_worth_it = f64::from(aim) > GROW_ABOVE * f64::from(cap) || (aim == self.max && aim > cap);
        if is_worth_it && is_full && is_settled {
            return Some(self.wish(aim.min(cap.saturating_mul(2)), Reason::SlowStart));
        }
        // Far too large is brought down; a little too large costs nothing, because a batch is filled by its plan.
        if f64::from(aim) < SHRINK_BELOW * f64::from(cap) && is_settled && known.batch_time.is_warm() {
            return Some(self.wish(aim.max(cap / 2), Reason::Rate));
        }
        None
    }

    fn timed_out(&mut self, sample: &BatchSample, cap: u32) -> Option<Wish> {
        if sample.records == 1 {
            (self.ceiling, self.strikes) = (None, 0);
        }
        let is_news = self.cut_at.is_none_or(|at| sample.sent_at >= at);
        if cap <= 1 || sample.records != cap || !is_news || self.proof.clears(sample.records, sample) {
            return None;
        }
        self.strikes += 1;
        if self.strikes < STRIKES {
            return None;
        }
        self.ceiling = Some((cap - 1, sample.settled_at + AVOIDED_FOR));
        (self.strikes, self.cut_at) = (0, Some(sample.settled_at));
        Some(self.wish(cap / 2, Reason::TooLarge))
    }

    fn wish(&mut self, records: u32, reason: Reason) -> Wish {
        self.since_move = 0;
        Wish { records: records.max(1), reason }
    }

    /// The size worth having, from what is known.
    fn aim(&mut self, now: Instant, concurrency: u32, known: &Estimators) -> u32 {
        if self.ceiling.is_some_and(|(_, until)| now >= until) {
            self.ceiling = None;
        }
        let max = self.ceiling.map_or(self.max, |(records, _)| records.min(self.max)).max(1);
        let affordable = known.records_within(0.25 * self.timeout.as_secs_f64(), max);
        let affordable = match known.slack.get() {
            Some(slack_s) if self.chooses => affordable.min(known.records_expected_within(SLACK_CHOSEN * slack_s, max)),
            // Records that wait for their turn lose more by a queue that grows than by a batch that takes long.
            Some(slack_s) => {
                affordable.min(known.records_within(SLACK * slack_s, max).max(known.records_to_keep_up(concurrency)))
            }
            None => affordable,
        };
        enough(known, affordable)
    }
}

/// The smallest size with [`ENOUGH`] of the rate of `most`: `b/(α+βb) ≥ q·B/(α+βB)`, solved for b.
fn enough(known: &Estimators, most: u32) -> u32 {
    let one = known.batch_time.seconds_of(1);
    let two = known.batch_time.seconds_of(2);
    let each = (two - one).max(0.0);
    let fixed = (one - each).max(0.0);
    if fixed <= 0.0 || most <= 1 {
        return 1;
    }
    let b = f64::from(most);
    let least = ENOUGH * fixed * b / (fixed + (1.0 - ENOUGH) * each * b);
    (least.ceil() as u32).clamp(1, most)
}

#[cfg(test)]
mod tests;
