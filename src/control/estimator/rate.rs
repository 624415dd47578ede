//! How many a second: arrivals and completions, smoothed over two spans.

use std::time::Duration;

use crate::{control::maths::exp, time::Instant};

/// Counts below this apart are taken together: a rate over no time is none.
const TICK: Duration = Duration::from_millis(10);
const QUICK_S: f64 = 1.0;
const SLOW_S: f64 = 10.0;

/// An event rate, per second.
#[derive(Debug, Clone, Default)]
pub struct Rate {
    since: Option<Instant>,
    pending: f64,
    quick: f64,
    slow: f64,
    /// Time seen so far, so that a young mean is not taken for a low one.
    seen_s: f64,
}

impl Rate {
    /// `count` more have come.
    pub fn add(&mut self, now: Instant, count: u32) {
        self.pending += f64::from(count);
        self.tick(now);
    }

    /// Time has passed, with nothing coming perhaps.
    pub fn tick(&mut self, now: Instant) {
        let Some(since) = self.since else {
            self.since = Some(now);
            return;
        };
        let passed = now.since(since);
        if passed < TICK {
            return;
        }
        let seconds = passed.as_secs_f64();
        let rate = self.pending / seconds;
        self.quick += (1.0 - exp(-seconds / QUICK_S)) * (rate - self.quick);
        self.slow += (1.0 - exp(-seconds / SLOW_S)) * (rate - self.slow);
        self.seen_s += seconds;
        (self.since, self.pending) = (Some(now), 0.0);
    }

    /// Over about the last second.
    pub fn quick(&self) -> f64 {
        self.young(self.quick, QUICK_S)
    }

    /// Over about the last ten seconds.
    pub fn slow(&self) -> f64 {
        self.young(self.slow, SLOW_S)
    }

    /// The larger of the two: what a buffer must be ready for.
    pub fn cautious(&self) -> f64 {
        self.quick().max(self.slow())
    }

    fn young(&self, mean: f64, span_s: f64) -> f64 {
        if self.seen_s <= 0.0 { 0.0 } else { mean / (1.0 - exp(-self.seen_s / span_s)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_stream_has_its_rate_from_the_first_moments_on() {
        let mut rate = Rate::default();
        for ms in 0..=100 {
            rate.add(Instant::from_millis(ms), u32::from(ms > 0));
        }
        assert!((rate.quick() - 1000.0).abs() < 1.0 && (rate.slow() - 1000.0).abs() < 1.0);
    }

    #[test]
    fn a_stream_that_stops_is_forgotten_by_the_quick_mean_first() {
        let mut rate = Rate::default();
        (0..30_000).for_each(|ms| rate.add(Instant::from_millis(ms), 1));
        rate.tick(Instant::from_millis(33_000));
        assert!(rate.quick() < 60.0 && rate.slow() > 700.0, "{} {}", rate.quick(), rate.slow());
        assert_eq!(rate.cautious(), rate.slow());
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_makes_no_infinity() {
        let mut rate = Rate::default();
        rate.add(Instant::from_millis(5), u32::MAX);
        rate.add(Instant::from_millis(5), u32::MAX);
        rate.add(Instant::ZERO, 1);
        assert_eq!(rate.cautious(), 0.0);
        rate.tick(Instant(u64::MAX));
        assert!(rate.cautious().is_finite());
    }
}
