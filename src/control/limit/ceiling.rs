//! The level at which the worker pushed back, remembered for a while.
//!
//! A worker with a hard limit answers 429 above it and is quick below it: no latency tells. Without a memory the law
//! would climb into it again and again. The memory lasts longer each time it proves right.

use std::time::Duration;

use crate::time::Instant;

const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(160);

#[derive(Debug, Clone)]
pub(super) struct Ceiling {
    level: Option<u32>,
    until: Instant,
    lasts: Duration,
}

impl Default for Ceiling {
    fn default() -> Self {
        Self { level: None, until: Instant::ZERO, lasts: FIRST }
    }
}

impl Ceiling {
    /// The worker pushed back with this many in flight. One that refuses a single batch does so whatever the level.
    pub fn hit(&mut self, now: Instant, in_flight: u32) {
        if in_flight <= 1 {
            self.level = None;
            return;
        }
        let again = self.until != Instant::ZERO && now.since(self.until) < self.lasts;
        self.lasts = if again { (self.lasts * 2).min(LONGEST) } else { FIRST };
        let below = in_flight.saturating_sub(1).max(1);
        self.level = Some(self.level.map_or(below, |level| level.min(below)));
        self.until = now + self.lasts;
    }

    /// What the law may use, if anything is remembered.
    pub fn get(&mut self, now: Instant) -> Option<u32> {
        if now >= self.until {
            self.level = None;
        }
        self.level
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_remembered_twice_as_long_when_it_is_hit_again() {
        let mut ceiling = Ceiling::default();
        ceiling.hit(Instant::from_millis(1000), 9);
        assert_eq!(ceiling.get(Instant::from_millis(10_999)), Some(8));
        assert_eq!(ceiling.get(Instant::from_millis(11_000)), None);
        ceiling.hit(Instant::from_millis(12_000), 9);
        assert_eq!(ceiling.get(Instant::from_millis(31_999)), Some(8));
        assert_eq!(ceiling.get(Instant::from_millis(32_000)), None);
        ceiling.hit(Instant::from_millis(100_000), 2);
        assert_eq!(ceiling.get(Instant::from_millis(109_999)), Some(1));
        assert_eq!(ceiling.get(Instant::from_millis(110_000)), None);
    }

    #[test]
    fn a_worker_that_refuses_a_single_batch_tells_nothing_about_the_level() {
        let mut ceiling = Ceiling::default();
        ceiling.hit(Instant::from_millis(1000), 9);
        ceiling.hit(Instant::from_millis(2000), 1);
        assert_eq!(ceiling.get(Instant::from_millis(2001)), None);
    }
}
