//! The baseline-free law: try a little less and a little more, and see which of the two the worker notices.
//!
//! Below the knee a higher level leaves the response time alone (elasticity 0); above it the response time grows in
//! proportion (elasticity 1). Two levels on either side of the knee name it: `knee = high × R(low) / R(high)`, which
//! is Little's law read twice. No idle moment is needed, and nothing is remembered that could go stale.
//!
//! - **Slow start**: levels double until the elasticity between two of them reaches a half.
//! - **Descent**: the mirror of it, when the response time jumps or pairs keep pointing down.
//! - **Pair**: one phase a sixth below the centre, one a sixth above; the centre moves to the knee and a little over,
//!   by less when the noise is large. Results that agree in pointing the same way out of the pair move it faster.
//! - **Hold**: when two pairs agree with the centre, it stays there for a while. A response time that shifts ends it.
//! - **Small** (four and below): whole levels only; one more is kept when it brings at least half of the throughput it
//!   promises, one less when the last one brings under 0.4. When the response time grows, one less is looked at next; what
//!   helps is followed further down. A look down costs throughput, so it is broken off where nothing can be learnt from it.
//! - **Told**: a worker that says how many it takes is believed: the level goes there, and not above it. Measuring goes
//!   on below it, because what it says need not be what it does.
//! - **Push-back** (busy, timed out): halve at once, remember the level, slow start. A call that is lost while others like
//!   it are answered is none.
//! - **Away**: half on return, and with the next step back to where it was.
//!
//! It does not move while the limit is not used, the worker is away, or the group rebalances.

mod steps;

use crate::{
    control::{
        knobs::Reason,
        limit::{
            Condition, Law,
            ceiling::Ceiling,
            phase::{Measure, Phase, Plan},
        },
        maths::ln,
        proof::Proof,
        sample::{BatchSample, Outcome},
    },
    time::Instant,
};

/// How far the two levels of a pair lie from the centre, as a factor.
const DITHER: f64 = 1.16;
/// How far above the knee the centre aims (logarithm).
const HEADROOM: f64 = 0.04;
/// Up to here whole levels are compared.
const SMALL: f64 = 4.5;
/// The least samples of a phase. Whole levels lie so far apart that few will do.
const SAMPLES: f64 = 8.0;
const SAMPLES_SMALL: f64 = 3.0;
/// Of the probes of a small limit, every fourth looks downwards: it costs throughput, and a worker that lost a
/// server mostly shows it by itself.
const DOWNWARDS_EVERY: u32 = 4;
/// The furthest one pair may move the centre (logarithm): a factor of two.
const STEP_MAX: f64 = 0.69;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    SlowStart,
    Descent,
    Low,
    High,
    Hold,
    /// A short hold after the response time has grown: measured afresh, then one less is looked at.
    Afresh,
    OneMore,
    OneLess,
}

/// The product's concurrency law.
#[derive(Debug, Clone)]
pub struct Elasticity {
    min: u32,
    /// The bound of the settings, or what the worker says it takes if that is less.
    max: u32,
    bound: u32,
    is_told: bool,
    centre: f64,
    level: u32,
    step: Step,
    phase: Option<Phase>,
    before: Option<Measure>,
    /// Pairs in a row that pointed up (above zero) or down.
    streak: i32,
    calm: u32,
    low_first: bool,
    probes: u32,
    /// Smoothed response time and squared variation, seconds per unit of cost.
    response_s: f64,
    hold_s: f64,
    /// The quicker side of the last pair.
    pair_s: f64,
    cv2: f64,
    ceiling: Ceiling,
    cut_at: Option<Instant>,
    pushed_back_at: Option<u32>,
    /// The last batch that was answered with the whole level in flight.
    proof: Proof,
    was_away: bool,
    /// The worker has become slower by itself, and the level has not been moved down since.
    contended: bool,
    /// Where it stood before the worker went away, until it is there again.
    regain: Option<f64>,
}

impl Elasticity {
    /// Between `min` and `max` batches, starting from `start`. Bounds in disorder are put right.
    pub fn new(min: u32, max: u32, start: u32) -> Self {
        let min = min.max(1);
        let max = max.max(min);
        let start = start.clamp(min, max);
        Self {
            min,
            max,
            bound: max,
            is_told: false,
            centre: f64::from(start),
            level: start,
            step: Step::SlowStart,
            phase: None,
            before: None,
            streak: 0,
            calm: 0,
            low_first: true,
            probes: 0,
            response_s: 0.0,
            hold_s: 0.0,
            pair_s: 0.0,
            cv2: 0.1,
            ceiling: Ceiling::default(),
            cut_at: None,
            pushed_back_at: None,
            proof: Proof::default(),
            was_away: false,
            contended: false,
            regain: None,
        }
    }

    fn is_small(&self) -> bool {
        self.centre <= SMALL
    }

    /// How sharp a phase must see for the difference it looks for to stand out of the noise.
    fn sharpness(&self, step: Step) -> f64 {
        let n = self.centre.round().max(1.0);
        match step {
            Step::OneLess => 0.25 * ln(n / (n - 1.0).max(0.5)),
            Step::OneMore | Step::Hold | Step::Afresh if self.is_small() => 0.25 * ln((n + 1.0) / n),
            _ => 0.08,
        }
    }

    fn enter(&mut self, now: Instant, step: Step, level: f64) {
        let top = self.ceiling.get(now).map_or(self.max, |ceiling| ceiling.clamp(self.min, self.max));
        self.step = step;
        self.level = (level.round().clamp(1.0, 1e6) as u32).clamp(self.min, top);
        let dwell = match step {
            Step::Hold => 20.0,
            Step::Afresh => 4.0,
            _ => 1.0,
        };
        let samples = if self.is_small() { SAMPLES_SMALL } else { SAMPLES };
        self.hold_s = self.response_s;
        let plan = Plan { sharpness: self.sharpness(step), response_s: self.response_s, cv2: self.cv2, dwell, samples };
        self.phase = Some(Phase::new(now, self.level, &plan));
    }

    fn slow_start(&mut self, now: Instant, level: f64) {
        (self.before, self.streak, self.calm) = (None, 0, 0);
        self.enter(now, Step::SlowStart, level);
    }

    fn descend(&mut self, now: Instant, level: f64) {
        (self.before, self.streak, self.calm) = (None, 0, 0);
        self.enter(now, Step::Descent, level);
    }

    fn hold(&mut self, now: Instant) {
        self.before = None;
        self.enter(now, Step::Hold, self.centre);
    }

    fn pair(&mut self, now: Instant) {
        self.before = None;
        self.low_first = !self.low_first;
        self.side(now, self.low_first);
    }

    fn side(&mut self, now: Instant, low: bool) {
        let c = self.centre;
        if low {
            self.enter(now, Step::Low, (c / DITHER).round().min(c.ceil() - 1.0));
        } else {
            self.enter(now, Step::High, (c * DITHER).round().max(c.floor() + 1.0));
        }
    }

    fn bounded(&self, level: f64) -> f64 {
        level.clamp(f64::from(self.min), f64::from(self.max))
    }

    fn cut(&mut self, now: Instant, in_flight: u32) -> Reason {
        self.ceiling.hit(now, in_flight);
        self.regain = None;
        self.centre = self.bounded(0.5 * f64::from(self.level.min(in_flight.max(1))));
        self.cut_at = Some(now);
        self.slow_start(now, self.centre);
        Reason::PushBack
    }

    /// The level from before an outage, once the worker has answered as many batches as it has been trusted with since.
    fn regained(&mut self) -> Option<f64> {
        let answered = self.phase.as_ref().map_or(0.0, Phase::samples);
        let regain = self.regain.filter(|_| answered >= f64::from(self.level))?;
        self.regain = None;
        (regain > f64::from(self.level)).then_some(regain)
    }

    /// Whether the response time has left the one the hold began with.
    fn has_shifted(&self) -> bool {
        matches!(self.step, Step::Hold | Step::Afresh) && self.hold_s > 0.0 && {
            let shift = ln(self.response_s / self.hold_s).abs();
            shift > 0.3 + self.cv2.sqrt().min(1.0)
        }
    }
}

impl Law for Elasticity {
    fn limit(&self) -> u32 {
        self.level
    }

    fn observe(&mut self, sample: &BatchSample, cost: f64) {
        // What was sent before the last cut has been answered for.
        let is_news = self.cut_at.is_none_or(|at| sample.sent_at >= at);
        let is_lost = sample.outcome == Outcome::TimedOut && self.proof.clears(sample.in_flight, sample);
        if sample.outcome.is_push_back() && is_news && !is_lost {
            self.pushed_back_at = Some(sample.in_flight);
        }
        if sample.outcome == Outcome::Answered && sample.in_flight >= self.level {
            self.proof.show(sample.in_flight, sample);
        }
        if sample.service_seconds().is_none() || !(cost > 0.0 && cost.is_finite()) {
            return;
        }
        let seconds = sample.response_time().as_secs_f64() / cost;
        let usual = self.response_s;
        if usual > 0.0 {
            self.response_s += 0.1 * (seconds.min(6.0 * usual) - usual);
        } else {
            self.response_s = seconds;
        }
        if let Some(phase) = &mut self.phase {
            phase.add(sample.sent_at, sample.in_flight, seconds, usual);
        }
    }

    fn rescale(&mut self, factor: f64) {
        for seconds in [&mut self.response_s, &mut self.hold_s, &mut self.pair_s] {
            *seconds *= factor;
        }
        if let Some(before) = &mut self.before {
            before.mean_s *= factor;
        }
        if let Some(phase) = &mut self.phase {
            phase.rescale(factor);
        }
    }

    fn told(&mut self, now: Instant, level: u32) {
        self.max = level.clamp(self.min, self.bound);
        self.centre = f64::from(self.max);
        (self.before, self.streak, self.calm, self.is_told) = (None, 0, 0, true);
        self.hold(now);
    }

    fn tick(&mut self, now: Instant, in_flight: u32, condition: Condition) -> Option<Reason> {
        if std::mem::take(&mut self.is_told) {
            return Some(Reason::Told);
        }
        let level = self.level;
        let reason = self.turn(now, in_flight, condition)?;
        if self.contended && self.level != level {
            self.contended = false;
            if self.level < level && reason != Reason::PushBack {
                return Some(Reason::Contended);
            }
        }
        (self.level != level || reason == Reason::PushBack).then_some(reason)
    }
}

impl Elasticity {
    fn turn(&mut self, now: Instant, in_flight: u32, condition: Condition) -> Option<Reason> {
        if condition == Condition::Away {
            (self.phase, self.was_away, self.pushed_back_at) = (None, true, None);
            return None;
        }
        if let Some(at) = self.pushed_back_at.take() {
            return Some(self.cut(now, at));
        }
        if std::mem::take(&mut self.was_away) {
            // Gently, and then back to where it was: an outage says nothing about how much the worker takes.
            let before = self.regain.map_or(self.centre, |regain| regain.max(self.centre));
            self.centre = self.bounded(0.5 * self.centre);
            self.slow_start(now, self.centre);
            self.regain = Some(before);
            return Some(Reason::Recovery);
        }
        if condition == Condition::Rebalancing {
            return None;
        }
        if condition != Condition::Open {
            // Not to stay below for nothing.
            let breaks_off = self.step == Step::OneLess;
            if breaks_off {
                self.hold(now);
            }
            self.phase = None;
            return breaks_off.then_some(Reason::Settled);
        }
        if let Some(regain) = self.regained() {
            self.centre = self.bounded(regain);
            self.slow_start(now, self.centre);
            return Some(Reason::Recovery);
        }
        let Some(phase) = &mut self.phase else {
            // Back from a freeze, or the very first time: the same step again, measured afresh.
            self.enter(now, self.step, f64::from(self.level));
            return None;
        };
        if let Some(found) = phase.tick(now, in_flight) {
            return Some(self.conclude(now, found));
        }
        if phase.is_stuck(now) {
            let level = f64::from(phase.level());
            self.enter(now, self.step, level);
            return None;
        }
        if self.has_shifted() {
            self.calm = 0;
            if self.response_s > self.hold_s {
                self.contended = true;
                if self.is_small() {
                    self.enter(now, Step::Afresh, self.centre)
                } else {
                    self.descend(now, self.centre)
                }
                return Some(Reason::Contended);
            }
            self.rest_or_pair(now);
            return Some(Reason::Probe);
        }
        None
    }
}

#[cfg(test)]
mod tests;
