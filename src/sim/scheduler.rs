//! Virtual time: what is due when, and the two clocks.
//!
//! Nothing here waits. The clock jumps to the next thing due; things due at one moment happen in the order in which
//! they were scheduled, so a run is one fixed sequence.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use crate::time::{Instant, Now, UnixMillis};

/// Everything that is still to happen. The heap holds places only: what is due may be large.
#[derive(Debug)]
pub struct Schedule<T> {
    heap: BinaryHeap<Reverse<(Instant, u64, usize)>>,
    places: Vec<Option<T>>,
    free: Vec<usize>,
    scheduled: u64,
}

impl<T> Default for Schedule<T> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), places: Vec::new(), free: Vec::new(), scheduled: 0 }
    }
}

impl<T> Schedule<T> {
    pub fn at(&mut self, at: Instant, what: T) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        self.places[place] = Some(what);
        self.scheduled += 1;
        self.heap.push(Reverse((at, self.scheduled, place)));
    }

    /// The next thing due.
    pub fn pop(&mut self) -> Option<(Instant, T)> {
        let Reverse((at, _, place)) = self.heap.pop()?;
        self.free.push(place);
        Some((at, self.places[place].take()?))
    }
}

/// The monotonic clock, which the schedule drives, and the wall clock beside it, which a fault may set.
#[derive(Debug, Default)]
pub struct Clock {
    mono: Instant,
    /// What the wall clock is ahead of [`EPOCH_MS`], beside the time that passed.
    jumped_ms: i64,
}

/// Where every run's wall clock starts.
pub const EPOCH_MS: i64 = 1_700_000_000_000;

impl Clock {
    pub fn advance(&mut self, to: Instant) {
        self.mono = self.mono.max(to);
    }

    /// Sets the wall clock forward or back.
    pub fn jump(&mut self, by_ms: i64) {
        self.jumped_ms = self.jumped_ms.saturating_add(by_ms);
    }

    pub fn mono(&self) -> Instant {
        self.mono
    }

    pub fn now(&self, jitter: u32) -> Now {
        let passed = (self.mono.0 / 1_000_000) as i64;
        Now { mono: self.mono, wall: UnixMillis(EPOCH_MS + self.jumped_ms + passed), jitter }
    }
}

/// An ordered channel with a delay: what goes in later never comes out earlier.
#[derive(Debug, Default)]
pub struct Pipe {
    last: Instant,
}

impl Pipe {
    /// When something put in now, with this delay, comes out.
    pub fn arrival(&mut self, now: Instant, delay: Duration) -> Instant {
        self.last = self.last.max(now + delay);
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_happen_in_time_order_and_at_one_moment_in_the_order_they_were_scheduled() {
        let mut schedule = Schedule::default();
        for (at, what) in [(5, 'b'), (3, 'a'), (5, 'c'), (9, 'd'), (5, 'e')] {
            schedule.at(Instant(at), what);
        }
        let order: Vec<char> = std::iter::from_fn(|| schedule.pop()).map(|(_, what)| what).collect();
        assert_eq!(order, ['a', 'b', 'c', 'e', 'd']);
    }

    #[test]
    fn a_jump_moves_the_wall_clock_only() {
        let mut clock = Clock::default();
        clock.advance(Instant::from_millis(10));
        clock.jump(-25);
        let now = clock.now(0);
        assert_eq!((now.mono, now.wall), (Instant::from_millis(10), UnixMillis(EPOCH_MS - 15)));
    }

    #[test]
    fn a_pipe_keeps_its_order() {
        let mut pipe = Pipe::default();
        let first = pipe.arrival(Instant(10), Duration::from_nanos(50));
        assert_eq!(pipe.arrival(Instant(20), Duration::from_nanos(1)), first);
    }
}
