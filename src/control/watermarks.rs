//! The watermarks, derived: what the worker uses up until more can be had.
//!
//! `need = concurrency·b + rate·(batch time + refill gap)`: the records of the next round, and those that are used up
//! while the source gets going again. The gate shuts at twice the need. It opens at the need at least, and early
//! enough that the way down from the high watermark takes less than the time after which the pause would turn hard:
//! a hard pause throws prefetched records away.
//!
//! They move only when they are a fifth off, and then not again for ten seconds. Hard pauses that come again within a
//! minute teach patience: the gate stays soft for half a minute at least, then for longer and longer.

use std::time::Duration;

use crate::{
    control::{dials::Values, estimator::Estimators},
    time::Instant,
};

const DWELL: Duration = Duration::from_secs(10);
/// Off by less than this share: left alone.
const TOLERANCE: f64 = 0.2;
/// The share of the soft time in which the queue should fall from high to low.
const WAY_DOWN: f64 = 0.6;
/// The least and the most that the two are apart, as shares of the bound.
const APART_MIN: f64 = 0.01;
const APART_MAX: f64 = 0.30;

/// A minute without a hard pause, and patience is not needed any more; ten, and it shrinks.
const MINUTE: Duration = Duration::from_secs(60);
const PATIENCE_MIN: Duration = Duration::from_secs(30);
const PATIENCE_MAX: Duration = Duration::from_secs(120);

#[derive(Debug, Clone)]
pub struct Watermarks {
    /// Between which the high one may be, percent.
    high_within: (f64, f64),
    /// How long the gate stays soft where nothing asks for patience.
    soft_for: Duration,
    moved_at: Option<Instant>,
    hard_at: Option<Instant>,
    patience: Option<Duration>,
}

/// What they are derived from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Uses {
    /// Records a second that leave the queue.
    pub rate: f64,
    /// Pessimistic time of a batch, and the time from an opened gate to the first record, seconds.
    pub batch_s: f64,
    pub refill_s: f64,
}

impl Uses {
    /// Of several routes that share the queue.
    pub fn of<'a>(routes: impl Iterator<Item = &'a Estimators>, batch_records: u32) -> Self {
        let none = Self { rate: 0.0, batch_s: 0.0, refill_s: 0.0 };
        routes.fold(none, |sum, known| Self {
            // While deadlines are missed, what comes in leaves too: by expiring.
            rate: sum.rate
                + known.completions.slow().max(if known.is_overloaded() { known.arrivals.cautious() } else { 0.0 }),
            batch_s: sum.batch_s.max(known.pessimistic_of(batch_records)),
            refill_s: sum.refill_s.max(known.refill_gap.get().unwrap_or(0.0)),
        })
    }

    fn need(&self, values: &Values) -> f64 {
        f64::from(values.concurrency) * f64::from(values.batch_records) + self.rate * (self.batch_s + self.refill_s)
    }
}

impl Watermarks {
    pub const fn new(high_within: (f64, f64), soft_for: Duration) -> Self {
        Self { high_within, soft_for, moved_at: None, hard_at: None, patience: None }
    }

    /// High and low, percent of the `bound` (records at which the queue is full), when they should move.
    pub fn wish(&mut self, now: Instant, uses: &Uses, bound: u32, values: &Values) -> Option<(f64, f64)> {
        let (at, (least, most)) = ((values.pause_pct, values.resume_pct), self.high_within);
        let rested = self.moved_at.is_none_or(|at| now >= at + DWELL);
        if !rested || uses.rate <= 0.0 || bound == 0 {
            return None;
        }
        let bound = f64::from(bound);
        let need = uses.need(values) / bound;
        let apart = (uses.rate * WAY_DOWN * self.soft_for.as_secs_f64() / bound).clamp(APART_MIN, APART_MAX);
        // The low one goes with where the high one will really be.
        let high = (2.0 * need).clamp(0.01 * least, 0.01 * most);
        let low = need.max(high - apart).min(high);
        let wish = (100.0 * high, 100.0 * low);
        let is_off = |wish: f64, at: f64| (wish - at).abs() > TOLERANCE * at;
        // Too far apart is as good a reason as standing wrong.
        let is_wide = at.0 - at.1 > 100.0 * apart * (1.0 + TOLERANCE);
        if !is_off(wish.0.clamp(1.0, 100.0), at.0) && !is_off(wish.1.clamp(1.0, 100.0), at.1) && !is_wide {
            return None;
        }
        self.moved_at = Some(now);
        Some(wish)
    }

    /// The gate has turned hard.
    pub fn hardened(&mut self, now: Instant) {
        let again = self.hard_at.is_some_and(|at| now.since(at) < MINUTE + self.patience.unwrap_or_default());
        self.patience = Some(match self.patience {
            Some(patience) if again => (patience * 2).min(PATIENCE_MAX),
            _ => PATIENCE_MIN,
        });
        self.hard_at = Some(now);
    }

    /// How long the gate should stay soft.
    pub fn soft_for(&mut self, now: Instant) -> Duration {
        let Some((at, patience)) = self.hard_at.zip(self.patience) else { return self.soft_for };
        if now.since(at) > MINUTE + 2 * patience {
            (self.hard_at, self.patience) = (None, None);
            return self.soft_for;
        }
        self.soft_for.max(patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOFT: Duration = Duration::from_secs(5);

    /// Records at which the queue is full.
    const BOUND: u32 = 512;

    fn anywhere() -> Watermarks {
        Watermarks::new((0.0, 100.0), SOFT)
    }

    fn at((pause_pct, resume_pct): (f64, f64)) -> Values {
        let linger = Duration::ZERO;
        Values { concurrency: 2, batch_records: 8, linger, pause_pct, resume_pct, hard_after: SOFT }
    }

    fn uses(rate: f64, batch_s: f64) -> Uses {
        Uses { rate, batch_s, refill_s: 0.01 }
    }

    #[test]
    fn they_follow_what_is_used_up_until_more_can_be_had() {
        let mut watermarks = anywhere();
        let (high, low) = watermarks.wish(Instant::ZERO, &uses(160.0, 0.1), BOUND, &at((80.0, 50.0))).unwrap();
        // 2 × (16 + 160 × 0.11) of 512.
        assert!((high - 13.1).abs() < 0.1 && (low - 6.6).abs() < 0.1, "{high} {low}");
    }

    #[test]
    fn a_slow_worker_gets_them_close_together_so_that_the_pause_stays_soft() {
        let mut watermarks = anywhere();
        let (high, low) = watermarks.wish(Instant::ZERO, &uses(2.0, 4.0), BOUND, &at((80.0, 50.0))).unwrap();
        assert!((high - low) * 5.12 <= 2.0 * 0.6 * 5.0 + 0.1, "{high} {low}");
    }

    #[test]
    fn the_low_one_stays_near_a_high_one_that_may_not_go_lower() {
        let mut watermarks = Watermarks::new((50.0, 95.0), SOFT);
        let (high, low) = watermarks.wish(Instant::ZERO, &uses(40.0, 0.1), BOUND, &at((80.0, 50.0))).unwrap();
        // 40 × 0.6 × 5 of 512.
        assert!(high == 50.0 && (high - low - 23.4).abs() < 0.1, "{high} {low}");
    }

    #[test]
    fn they_rest_between_two_moves_and_ignore_small_errors() {
        let mut watermarks = anywhere();
        let moved = watermarks.wish(Instant::ZERO, &uses(160.0, 0.1), BOUND, &at((80.0, 50.0))).unwrap();
        assert_eq!(watermarks.wish(Instant::from_millis(9_000), &uses(500.0, 0.1), BOUND, &at(moved)), None);
        assert_eq!(watermarks.wish(Instant::from_millis(11_000), &uses(170.0, 0.1), BOUND, &at(moved)), None);
        assert!(watermarks.wish(Instant::from_millis(11_000), &uses(500.0, 0.1), BOUND, &at(moved)).is_some());
    }

    #[test]
    fn there_are_never_more_than_two_hard_pauses_in_a_minute() {
        let mut watermarks = anywhere();
        let (mut now, mut hard) = (Instant::ZERO, Vec::new());
        // A gate that is shut again a moment after it has opened, and stays shut until it is hard.
        while now < Instant::from_millis(1_200_000) {
            let soft_for = watermarks.soft_for(now);
            now = now + soft_for;
            watermarks.hardened(now);
            hard.push(now);
            now = now + Duration::from_millis(100);
        }
        for (first, third) in hard.iter().zip(hard.iter().skip(2)) {
            assert!(third.since(*first) > MINUTE, "{hard:?}");
        }
        assert_eq!(watermarks.soft_for(now + Duration::from_secs(600)), SOFT, "it is forgotten");
    }
}
