//! A quantile of the model's error, calibrated while it runs.
//!
//! Robbins and Monro's rule, as adaptive conformal prediction uses it: each miss moves the margin out, each hit a
//! little in, in proportion to the share of misses asked for. The long-run share of misses is what was asked for,
//! whatever the noise looks like and however it changes.

use crate::control::maths::exp;

/// The step, in spreads of the error.
const STEP: f64 = 0.2;

/// A factor on the foretold time that a given share of batches exceeds.
#[derive(Debug, Clone)]
pub struct Margin {
    log: f64,
    /// Its exponential, which is asked for far more often than it changes.
    factor: f64,
    miss_share: f64,
}

impl Margin {
    /// A margin that `miss_share` of the batches exceed.
    pub fn new(miss_share: f64) -> Self {
        Self { log: 0.0, factor: 1.0, miss_share: miss_share.clamp(0.001, 0.999) }
    }

    /// Changes what is asked for; what has been learnt stays and moves on from there.
    pub fn ask_for(&mut self, miss_share: f64) {
        self.miss_share = miss_share.clamp(0.001, 0.999);
    }

    /// Takes the error of one batch (logarithm of measured over foretold) and the usual size of such errors.
    pub fn learn(&mut self, error: f64, spread: f64) {
        let missed = if error > self.log { 1.0 } else { 0.0 };
        let step = STEP * spread.clamp(0.001, 0.5);
        self.log = (self.log + step * (missed - self.miss_share)).clamp(-1.5, 1.5);
        self.factor = exp(self.log);
    }

    /// What to multiply the foretold time with.
    pub const fn factor(&self) -> f64 {
        self.factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Errors that cycle over −0.5..0.5 evenly: quantiles are known.
    fn even(n: u32) -> f64 {
        f64::from(n * 37 % 100) / 100.0 - 0.495
    }

    #[test]
    fn the_share_of_misses_becomes_the_one_asked_for() {
        for asked in [0.05, 0.15, 0.5, 0.95] {
            let mut margin = Margin::new(asked);
            (0..2000).for_each(|n| margin.learn(even(n), 0.25));
            let mut misses = 0;
            for n in 0..1000 {
                misses += u32::from(even(n) > margin.log);
                margin.learn(even(n), 0.25);
            }
            assert!((f64::from(misses) / 1000.0 - asked).abs() < 0.02, "asked {asked}, got {misses} of 1000");
        }
    }

    #[test]
    fn it_stays_within_its_bounds_whatever_it_is_told() {
        let mut margin = Margin::new(0.05);
        (0..5000).for_each(|_| margin.learn(f64::INFINITY, f64::INFINITY));
        assert!(margin.factor() < 4.5);
        (0..50_000).for_each(|_| margin.learn(f64::NAN, 1.0));
        assert!(margin.factor() > 0.2);
    }
}
