//! The last things that went wrong, for `/state`: a ring, shared by the task that notices and the thread that shows.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use super::events::EventName;
use crate::time::UnixMillis;

const KEPT: usize = 20;
/// Bytes of one text.
const TEXT_MAX: usize = 512;

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LastError {
    /// Wall time of the latest, milliseconds since the Unix epoch.
    pub at_ms: UnixMillis,
    pub event: &'static str,
    pub text: String,
    /// How often since it is in the list.
    pub times: u64,
}

#[derive(Debug, Clone, Default)]
pub struct LastErrors {
    ring: Arc<Mutex<VecDeque<LastError>>>,
}

impl LastErrors {
    /// The same again only counts, so that one storm does not push everything else out.
    pub fn remember(&self, at: UnixMillis, event: EventName, text: &str) {
        let text = shorten(text, TEXT_MAX);
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let again = ring.iter().position(|last| last.event == event.name() && last.text == text);
        let times = again.and_then(|index| ring.remove(index)).map_or(0, |last| last.times);
        if ring.len() >= KEPT {
            ring.pop_front();
        }
        ring.push_back(LastError { at_ms: at, event: event.name(), text: text.to_owned(), times: times + 1 });
    }

    /// Oldest first.
    pub fn list(&self) -> Vec<LastError> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// The longest beginning of at most `max` bytes that ends between two characters.
pub fn shorten(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_twenty_are_kept_and_repeats_are_counted() {
        let errors = LastErrors::default();
        for at in 0..30 {
            errors.remember(UnixMillis(at), EventName::ClientError, &format!("error {}", at.min(25)));
        }
        let list = errors.list();
        assert_eq!(list.len(), 20);
        assert_eq!(list[0].text, "error 6");
        let last = LastError { at_ms: UnixMillis(29), event: "client_error", text: "error 25".to_owned(), times: 5 };
        assert_eq!(list[19], last);
        // Two that take turns push nothing out.
        for at in 30..100 {
            errors.remember(UnixMillis(at), EventName::ClientError, &format!("error {}", 24 + at % 2));
        }
        assert_eq!(errors.list()[0], list[0]);
        assert_eq!((errors.list()[18].times, errors.list()[19].times), (36, 40));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(shorten("äöü", 3), "ä");
        assert_eq!(shorten("abc", 9), "abc");
        assert_eq!(shorten("ü", 1), "");
    }
}
