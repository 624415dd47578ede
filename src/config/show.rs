//! Values made fit to be shown: secrets hidden, control characters escaped, long texts cut.

use crate::config::{
    flag::{Flag, Kind},
    parse::redact_url,
    secret::HIDDEN,
};

/// Characters of a value that are shown.
const SHOWN_MAX: usize = 120;

/// The text given for `flag`.
pub(crate) fn flag(flag: &Flag, text: &str) -> String {
    match flag.kind {
        _ if flag.secret => HIDDEN.into(),
        Kind::Url => plain(&redact_url(text)),
        _ => plain(text),
    }
}

/// A text that is no secret.
pub(crate) fn plain(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(SHOWN_MAX) {
        match c {
            '"' | '\'' | '\\' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    if text.chars().count() > SHOWN_MAX {
        shown.push_str("...");
    }
    // An empty or blank value would not be seen.
    if shown.trim().is_empty() { format!("\"{shown}\"") } else { shown }
}
