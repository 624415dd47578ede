//! From the text of a value to the value, by the flag's kind, bounds included.
//!
//! Total: no input panics, and what does not fit is a [`Fault`] with a next step.

mod address;
mod number;
#[cfg(test)]
mod tests;
mod url;

pub(crate) use self::{
    address::is_broker,
    url::{is_local, redact_url},
};

use std::{path::PathBuf, time::Duration};

use crate::config::{
    flag::{Flag, Kind},
    secret::Secret,
    value::Value,
};

/// Why a text is not a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// To be read after the flag's name.
    pub what: String,
    pub next: String,
}

impl Fault {
    pub fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { what: what.into(), next: next.into() }
    }
}

/// Reads `text` as a value of `flag`. Blanks around it do not count, except in secrets.
pub(crate) fn parse(flag: &Flag, text: &str) -> Result<Value, Fault> {
    if text.is_empty() || (!flag.secret && text.trim().is_empty()) {
        return Err(Fault::new("is empty", "give it a value, or remove it to take the default"));
    }
    if text.contains('\0') {
        return Err(Fault::new("has a zero byte in it", "remove the zero byte"));
    }
    if flag.secret {
        return Ok(Value::Secret(Secret::new(text.to_owned())));
    }
    let text = text.trim();
    match flag.kind {
        Kind::Bool => parse_bool(text),
        Kind::Int { min, max, .. } => number::int(text, min, max).map(Value::Int),
        Kind::Duration { min, max, bare } => {
            number::millis(text, min, max, bare).map(|ms| Value::Duration(Duration::from_millis(ms)))
        }
        Kind::Size { min, max } => number::bytes(text, min, max).map(Value::Size),
        Kind::Percent { min, max } => number::percent(text, min, max).map(Value::Percent),
        Kind::Words(words) => parse_word(text, words),
        Kind::Text => Ok(Value::Text(text.to_owned())),
        Kind::List => parse_list(text),
        Kind::Url => url::parse_url(text).map(Value::Url),
        Kind::Address => address::parse_address(text).map(Value::Address),
        Kind::Path => Ok(Value::Path(PathBuf::from(text))),
    }
}

fn parse_bool(text: &str) -> Result<Value, Fault> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(Value::Bool(true)),
        "false" | "no" | "off" | "0" => Ok(Value::Bool(false)),
        _ => Err(Fault::new("is neither true nor false", "set it to true or false")),
    }
}

fn parse_word(text: &str, words: &'static [&'static str]) -> Result<Value, Fault> {
    match words.iter().find(|word| word.eq_ignore_ascii_case(text)) {
        Some(word) => Ok(Value::Word(word)),
        None => Err(Fault::new("is not one of its words", format!("set it to {}", words.join(" or ")))),
    }
}

fn parse_list(text: &str) -> Result<Value, Fault> {
    let entries: Vec<String> = text.split(',').map(|entry| entry.trim().to_owned()).collect();
    if entries.iter().any(String::is_empty) {
        return Err(Fault::new("has an empty entry", "put one comma between two entries, and none at the ends"));
    }
    Ok(Value::List(entries))
}
