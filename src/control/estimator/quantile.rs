//! A running quantile of something positive that spans decades: refill gaps, slack at arrival.
//!
//! One number, moved by a fixed share of itself: up by `share × step` when the value is above, down by the rest when
//! below. Enough for bounds and margins; a sketch would give every quantile and cost a kilobyte.

use crate::control::maths::{exp, ln};

/// How far one value moves it at most, in logarithms.
const STEP: f64 = 0.02;

/// A quantile, in the unit of what is put in.
#[derive(Debug, Clone)]
pub struct Quantile {
    share: f64,
    log: Option<f64>,
    seen: u32,
}

impl Quantile {
    /// The value that `share` of the values stay below.
    pub fn new(share: f64) -> Self {
        Self { share: share.clamp(0.001, 0.999), log: None, seen: 0 }
    }

    /// Takes one value. Those that are not above zero are none.
    pub fn add(&mut self, value: f64) {
        if !(value > 0.0 && value.is_finite()) {
            return;
        }
        let value = ln(value);
        self.seen = self.seen.saturating_add(1);
        let Some(log) = &mut self.log else {
            self.log = Some(value);
            return;
        };
        // Large steps at first, so that a first value far off is left behind quickly.
        let step = STEP.max(1.0 / f64::from(self.seen));
        *log += if value > *log { step * self.share } else { -step * (1.0 - self.share) };
    }

    /// `None` before the first value.
    pub fn get(&self) -> Option<f64> {
        self.log.map(exp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_tenths_stay_below_the_ninth_decile() {
        let mut quantile = Quantile::new(0.9);
        for n in 0..5000_u32 {
            quantile.add(f64::from(n * 7919 % 1000 + 1));
        }
        let found = quantile.get().unwrap();
        assert!((800.0..1000.0).contains(&found), "{found}");
    }

    #[test]
    fn nothing_and_nonsense_are_not_values() {
        let mut quantile = Quantile::new(0.5);
        [0.0, -1.0, f64::NAN, f64::INFINITY].into_iter().for_each(|value| quantile.add(value));
        assert_eq!(quantile.get(), None);
    }
}
