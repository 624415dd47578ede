//! Trouble that lasts says the same again and again: it is told once, counted, and told again after a while with the
//! count.
//!
//! Pure: it is told the time.

use std::time::Duration;

use super::limiter::Pass;
use crate::time::Instant;

/// Between two lines that say the same.
pub const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Different ones that are remembered: a refusal of a topic reads differently for each partition. Of more the one told
/// longest ago is forgotten, and may be told early.
const KEPT: usize = 512;

#[derive(Debug, Default)]
pub struct Repeats(Vec<Told>);

#[derive(Debug)]
struct Told {
    text: String,
    at: Instant,
    left_out: u64,
}

impl Repeats {
    pub fn admit(&mut self, text: &str, now: Instant) -> Pass {
        if let Some(told) = self.0.iter_mut().find(|told| told.text == text) {
            if now < told.at + AGAIN_AFTER {
                told.left_out += 1;
                return Pass::LeftOut;
            }
            told.at = now;
            return Pass::Whole { suppressed: Some(std::mem::take(&mut told.left_out)).filter(|count| *count > 0) };
        }
        if self.0.len() >= KEPT
            && let Some(oldest) = self.0.iter().enumerate().min_by_key(|(_, told)| told.at).map(|(index, _)| index)
        {
            self.0.swap_remove(oldest);
        }
        self.0.push(Told { text: text.to_owned(), at: now, left_out: 0 });
        Pass::Whole { suppressed: None }
    }

    pub fn forget(&mut self, text: &str) {
        self.0.retain(|told| told.text != text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    #[test]
    fn the_same_is_told_once_a_minute_with_the_number_of_times() {
        let mut repeats = Repeats::default();
        assert_eq!(repeats.admit("down", at(0)), Pass::Whole { suppressed: None });
        for second in 1..60 {
            assert_eq!(repeats.admit("down", at(second)), Pass::LeftOut);
        }
        assert_eq!(repeats.admit("denied", at(30)), Pass::Whole { suppressed: None }, "something else is told at once");
        assert_eq!(repeats.admit("down", at(60)), Pass::Whole { suppressed: Some(59) });
        assert_eq!(repeats.admit("down", at(120)), Pass::Whole { suppressed: None });
    }

    #[test]
    fn no_more_than_so_many_are_remembered() {
        let mut repeats = Repeats::default();
        for number in 0..2 * KEPT as u64 {
            assert_eq!(
                repeats.admit(&number.to_string(), Instant::from_millis(number)),
                Pass::Whole { suppressed: None }
            );
        }
        assert_eq!(repeats.0.len(), KEPT);
        assert_eq!(
            repeats.admit(&KEPT.to_string(), Instant::from_millis(2 * KEPT as u64)),
            Pass::LeftOut,
            "the newest are"
        );
    }
}
