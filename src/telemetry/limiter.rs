//! How many log events of one kind go out: the first hundred of each second whole, the rest as a number. Of trouble that
//! lasts only what is new (`repeats`).
//!
//! Pure: it is told the time. Metrics are counted whatever it says.

use std::{sync::Mutex, time::Duration};

use super::{events::EventName, repeats::Repeats};
use crate::time::Instant;

/// Events of one kind that go out whole in a second.
pub const WHOLE_PER_SECOND: u32 = 100;
const WINDOW: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Goes out, and says how many of its kind were left out before it, if any.
    Whole { suppressed: Option<u64> },
    /// Counted.
    LeftOut,
}

/// One kind of event. Its second begins with its first event.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    since: Option<Instant>,
    passed: u32,
    left_out: u64,
}

impl Window {
    fn is_over(&self, now: Instant) -> bool {
        self.since.is_none_or(|since| now >= since + WINDOW)
    }

    fn admit(&mut self, now: Instant) -> Pass {
        if self.is_over(now) {
            *self = Self { since: Some(now), passed: 0, left_out: self.left_out };
        }
        if self.passed >= WHOLE_PER_SECOND {
            self.left_out += 1;
            return Pass::LeftOut;
        }
        self.passed += 1;
        Pass::Whole { suppressed: self.take() }
    }

    fn take(&mut self) -> Option<u64> {
        Some(std::mem::take(&mut self.left_out)).filter(|count| *count > 0)
    }
}

/// All kinds. Shared by the task that logs and the thread that reports what was left out when a second ends quietly.
#[derive(Debug)]
pub struct Limiter {
    windows: Mutex<[Window; EventName::ALL.len()]>,
    repeats: Mutex<Repeats>,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { windows: Mutex::new([Window::default(); EventName::ALL.len()]), repeats: Mutex::default() }
    }
}

impl Limiter {
    pub fn admit(&self, event: EventName, now: Instant) -> Pass {
        let mut windows = self.windows.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        windows.get_mut(event as usize).map_or(Pass::Whole { suppressed: None }, |window| window.admit(now))
    }

    /// The same for an event that says this, and may say it again and again.
    pub fn admit_new(&self, event: EventName, text: &str, now: Instant) -> Pass {
        let mut repeats = self.repeats.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Pass::Whole { suppressed: repeated } = repeats.admit(text, now) else { return Pass::LeftOut };
        let Pass::Whole { suppressed } = self.admit(event, now) else {
            // It was not told after all: the next one may be.
            repeats.forget(text);
            return Pass::LeftOut;
        };
        Pass::Whole { suppressed: repeated.map_or(suppressed, |count| Some(count + suppressed.unwrap_or(0))) }
    }

    /// What was left out in seconds that are over, by kind; told once.
    pub fn settle(&self, now: Instant) -> Vec<(EventName, u64)> {
        let mut windows = self.windows.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let over = EventName::ALL.iter().zip(windows.iter_mut()).filter(|(_, window)| window.is_over(now));
        over.filter_map(|(event, window)| Some((*event, window.take()?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: EventName = EventName::TtlExpired;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    fn whole(limiter: &Limiter, count: usize, ms: u64) -> usize {
        (0..count).filter(|_| matches!(limiter.admit(EVENT, at(ms)), Pass::Whole { .. })).count()
    }

    #[test]
    fn the_first_hundred_of_each_second_go_out_whole_whatever_their_number() {
        // (count, at ms) → how many go out
        let table = [
            (vec![(99, 0)], vec![99]),
            (vec![(100, 0)], vec![100]),
            (vec![(101, 0)], vec![100]),
            (vec![(60, 0), (60, 999)], vec![60, 40]),
            (vec![(60, 0), (60, 1_000)], vec![60, 60]),
            (vec![(150, 5_000), (150, 5_999), (150, 6_000)], vec![100, 0, 100]),
        ];
        for (bursts, expected) in table {
            let limiter = Limiter::default();
            let out: Vec<usize> = bursts.iter().map(|(count, ms)| whole(&limiter, *count, *ms)).collect();
            assert_eq!(out, expected, "{bursts:?}");
        }
    }

    #[test]
    fn the_next_one_says_how_many_were_left_out() {
        let limiter = Limiter::default();
        whole(&limiter, 130, 0);
        assert_eq!(limiter.admit(EVENT, at(1_000)), Pass::Whole { suppressed: Some(30) });
        assert_eq!(limiter.admit(EVENT, at(1_001)), Pass::Whole { suppressed: None });
    }

    #[test]
    fn a_second_that_ends_quietly_is_settled_once() {
        let limiter = Limiter::default();
        whole(&limiter, 130, 0);
        assert_eq!(limiter.settle(at(999)), []);
        assert_eq!(limiter.settle(at(1_000)), [(EVENT, 30)]);
        assert_eq!(limiter.settle(at(2_000)), []);
        assert_eq!(limiter.admit(EVENT, at(2_000)), Pass::Whole { suppressed: None });
    }

    #[test]
    fn one_kind_does_not_use_up_the_share_of_another() {
        let limiter = Limiter::default();
        whole(&limiter, 500, 0);
        assert_eq!(limiter.admit(EventName::DeadLettered, at(0)), Pass::Whole { suppressed: None });
    }
}
