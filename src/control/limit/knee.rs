//! Where two measures put the knee: the level at which the worker begins to queue.

use crate::control::{limit::phase::Measure, maths::ln};

/// Where two measures put the knee.
pub(super) struct Knee {
    /// Logarithm of the level, never outside the pair that found it.
    pub log: f64,
    pub elasticity: f64,
    /// Variance of `log`, and the distance of the two levels (logarithm).
    pub variance: f64,
    pub width: f64,
}

impl Knee {
    /// `None` when the levels are too close to tell anything.
    pub fn between(a: &Measure, b: &Measure) -> Option<Self> {
        let (low, high) = if a.level < b.level { (a, b) } else { (b, a) };
        let width = ln(high.level / low.level);
        if width < 0.05 {
            return None;
        }
        let growth = ln(high.mean_s / low.mean_s);
        Some(Self {
            log: (ln(high.level) - growth).clamp(ln(low.level), ln(high.level)),
            elasticity: growth / width,
            variance: low.variance() + high.variance(),
            width,
        })
    }
}
