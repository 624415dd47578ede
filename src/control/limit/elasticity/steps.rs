//! What follows from a measured phase, step by step.

use super::{DITHER, DOWNWARDS_EVERY, Elasticity, HEADROOM, SAMPLES, SMALL, STEP_MAX, Step};
use crate::{
    control::{
        knobs::Reason,
        limit::{knee::Knee, phase::Measure},
        maths::{exp, ln},
    },
    time::Instant,
};

impl Elasticity {
    /// A phase is over: what next, and why.
    pub(super) fn conclude(&mut self, now: Instant, found: Measure) -> Reason {
        // Few samples say little of their spread.
        self.cv2 += 0.3 * (found.samples / SAMPLES).min(1.0) * (found.cv2 - self.cv2);
        match self.step {
            Step::SlowStart => self.after_slow_start(now, found),
            Step::Descent => self.after_descent(now, found),
            Step::Hold | Step::Afresh if self.is_small() => {
                self.probes = self.probes.wrapping_add(1);
                let down = self.step == Step::Afresh || self.probes.is_multiple_of(DOWNWARDS_EVERY);
                self.look(now, found, down && !self.is_least());
                Reason::Probe
            }
            Step::Hold | Step::Afresh => {
                self.pair(now);
                Reason::Probe
            }
            Step::OneMore | Step::OneLess => self.after_one(now, found),
            Step::Low | Step::High => match self.before.take() {
                None => {
                    self.before = Some(found);
                    self.side(now, self.step == Step::High);
                    Reason::Probe
                }
                Some(other) => self.after_pair(now, &other, &found),
            },
        }
    }

    fn after_slow_start(&mut self, now: Instant, found: Measure) -> Reason {
        let queues =
            self.before.and_then(|before| Knee::between(&before, &found)).filter(|knee| knee.elasticity >= 0.5);
        if let Some(knee) = queues {
            self.regain = None;
            self.centre = self.bounded(exp(knee.log + HEADROOM));
            self.rest_or_pair(now);
            return Reason::Knee;
        }
        let next = f64::from(self.level) * 2.0;
        let top = self.ceiling.get(now).unwrap_or(self.max).min(self.max);
        if self.level >= top {
            self.centre = f64::from(self.level);
            self.hold(now);
            return Reason::Bound;
        }
        self.before = Some(found);
        self.centre = self.bounded(next);
        self.enter(now, Step::SlowStart, next);
        Reason::SlowStart
    }

    /// The way down mirrors the way up: halve while half as much is answered twice as fast.
    fn after_descent(&mut self, now: Instant, found: Measure) -> Reason {
        let knee = self.before.and_then(|before| Knee::between(&before, &found));
        let goes_on = knee.as_ref().is_none_or(|knee| knee.elasticity > 0.85) && self.level > self.min;
        if goes_on {
            self.before = Some(found);
            self.centre = self.bounded(f64::from(self.level));
            self.enter(now, Step::Descent, (found.level / 2.0).floor());
            return Reason::Queueing;
        }
        if let Some(knee) = knee {
            self.centre = self.bounded(exp(knee.log + HEADROOM));
        }
        self.rest_or_pair(now);
        Reason::Knee
    }

    pub(super) fn rest_or_pair(&mut self, now: Instant) {
        if self.is_small() { self.hold(now) } else { self.pair(now) }
    }

    /// Tries one less than the centre, or one more.
    fn look(&mut self, now: Instant, found: Measure, down: bool) {
        self.before = Some(found);
        let (step, by) = if down { (Step::OneLess, -1.0) } else { (Step::OneMore, 1.0) };
        self.enter(now, step, self.centre.round() + by);
    }

    fn is_least(&self) -> bool {
        self.centre.round() as u32 <= self.min
    }

    fn after_one(&mut self, now: Instant, found: Measure) -> Reason {
        let knee = self.before.take().and_then(|before| Knee::between(&before, &found));
        let n = self.centre.round();
        // Throughput gained, as a share of what the higher level promises.
        let gain = knee.map(|knee| 1.0 - knee.elasticity);
        let reason = match (self.step, gain) {
            (Step::OneMore, Some(gain)) if gain >= 0.5 => {
                self.centre = self.bounded(n + 1.0);
                if self.centre > SMALL || self.streak > 0 {
                    self.slow_start(now, self.centre);
                    return Reason::SlowStart;
                }
                self.streak = 1;
                Reason::Gain
            }
            (Step::OneLess, Some(gain)) if gain < 0.4 => {
                self.centre = self.bounded(n - 1.0);
                self.streak = 0;
                if !self.is_least() {
                    self.look(now, found, true);
                    return Reason::Queueing;
                }
                Reason::Queueing
            }
            _ => {
                self.streak = 0;
                Reason::Settled
            }
        };
        self.hold(now);
        reason
    }

    fn after_pair(&mut self, now: Instant, a: &Measure, b: &Measure) -> Reason {
        let Some(knee) = Knee::between(a, b) else {
            // No room for a pair: at a bound.
            self.hold(now);
            return Reason::Bound;
        };
        let noise = knee.variance.sqrt();
        let off = knee.log + HEADROOM + (0.25 * noise).min(0.1) - ln(self.centre);
        let weight = 1.0 / (1.0 + knee.variance / 0.03);
        let is_sure = noise < 0.35 * knee.width;
        // Both sides slower than the pair before: not noise, and not our doing.
        let quickest_s = a.mean_s.min(b.mean_s);
        let was_s = std::mem::replace(&mut self.pair_s, quickest_s);
        if was_s > 0.0 && ln(quickest_s / was_s) > 0.3 + 2.0 * noise {
            self.contended = true;
            if knee.elasticity > 0.25 {
                self.descend(now, self.centre / DITHER);
                return Reason::Contended;
            }
        }
        self.streak = match () {
            () if is_sure && knee.elasticity < 0.25 => self.streak.max(0) + 1,
            () if is_sure && knee.elasticity > 0.75 => self.streak.min(0) - 1,
            () => 0,
        };
        if self.streak >= 2 {
            self.centre = self.bounded(self.centre * DITHER);
            self.slow_start(now, self.centre);
            return Reason::SlowStart;
        }
        if self.streak <= -3 {
            self.descend(now, self.centre / DITHER);
            return Reason::Queueing;
        }
        let faster = f64::from(1_u32 << (self.streak.unsigned_abs().clamp(1, 4) - 1));
        let step = (weight * off * faster).clamp(-STEP_MAX, STEP_MAX);
        self.centre = self.bounded(self.centre * exp(step));
        self.calm = if off.abs() < 0.1 && self.streak == 0 { self.calm + 1 } else { 0 };
        if self.is_small() || self.calm >= 2 {
            self.hold(now)
        } else {
            self.pair(now)
        }
        if step < 0.0 { Reason::Queueing } else { Reason::Gain }
    }
}
