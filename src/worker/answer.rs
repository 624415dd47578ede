//! From an HTTP answer to an [`Answer`] and a few words for people.
//!
//! Which answer means what is [`classify`]'s table; here the body is read as the protocol has it and the words are
//! chosen. Words are at most [`DETAIL_BYTES_MAX`], UTF-8, on one line, whatever the worker sent.

use std::{fmt::Write as _, time::Duration};

use super::{
    classify::{Meaning, Seen, Shape, advice, classify},
    link::Failure,
    protocol::{
        json::Encoded,
        statuses::{self, Oddities, Statuses},
    },
    told::told,
};
use crate::{
    engine::event::{Answer, Batch, Said, Told, Verdict},
    record::RequestId,
    time::UnixMillis,
};

/// A cap on what goes into dead letters, logs and `/state`.
pub const DETAIL_BYTES_MAX: usize = 1024;

/// What a worker should answer, for those who answered something else.
const EXAMPLE: &str = r#"expected an empty body, null, or {"statuses":[{"entryId":"orders-0-42","status":"SUCCESS"}]} with status SUCCESS, RETRY or DROP"#;

/// An answer's head, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub status: u16,
    pub retry_after: Option<Duration>,
    /// The `content-encoding`, unless it is `identity`.
    pub encoding: Option<Box<str>>,
    pub told: Told,
}

impl Head {
    pub fn new(status: u16, headers: &hyper::HeaderMap, wall: UnixMillis) -> Self {
        let text = |name| headers.get(name).and_then(|value: &hyper::header::HeaderValue| value.to_str().ok());
        Self {
            status,
            retry_after: text(hyper::header::RETRY_AFTER).and_then(|value| retry_after(value, wall)),
            encoding: headers
                .get(hyper::header::CONTENT_ENCODING)
                .map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase())
                .filter(|encoding| !encoding.is_empty() && encoding != "identity")
                .map(String::into_boxed_str),
            told: told(headers),
        }
    }

    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }
}

/// Seconds, or an HTTP date; a date that has passed is zero.
fn retry_after(value: &str, wall: UnixMillis) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Too many digits for a number is a very long time, which the engine caps.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(wall.until(UnixMillis(i64::try_from(date.as_millis()).ok()?)))
}

/// What an answer means, with a word on it.
#[derive(Debug, PartialEq, Eq)]
pub struct Reading {
    pub answer: Answer,
    pub detail: Option<Box<str>>,
    /// Of the requests over HTTP in the batch.
    pub said: Vec<(RequestId, Said)>,
}

/// Reads a whole answer. Of an answer that is not a 2xx the body may be cut: it is only quoted.
pub fn read(head: &Head, body: &[u8], batch: &Batch, request: &Encoded) -> Reading {
    if head.is_success() { read_success(head, body, batch, request) } else { read_refusal(head, body) }
}

fn read_success(head: &Head, body: &[u8], batch: &Batch, request: &Encoded) -> Reading {
    let text = body.trim_ascii();
    let mut said = Vec::new();
    let (shape, verdicts, detail) = if text.is_empty() || text == b"null" {
        (Shape::Empty, Vec::new(), None)
    } else if let Some(encoding) = &head.encoding {
        let what = format!("it is compressed (content-encoding: {encoding}), and no encoding was offered");
        (Shape::Other, Vec::new(), Some(wrong_shape(head, body, &what)))
    } else {
        match statuses::read(text, batch, &request.undecodable) {
            Ok(Statuses { verdicts, said: kept, oddities }) => {
                said = kept;
                let detail = statuses_detail(&verdicts, &oddities, body);
                (Shape::Statuses, verdicts, detail)
            }
            Err(error) => (Shape::Other, Vec::new(), Some(wrong_shape(head, body, &error.to_string()))),
        }
    };
    let answer = classify(Seen::Success(shape)).answer(verdicts, None);
    with_undecodable(Reading { answer, detail: detail.map(limited), said }, batch, request)
}

/// The records that were not sent have a verdict too, if those that were have one.
fn with_undecodable(reading: Reading, batch: &Batch, request: &Encoded) -> Reading {
    if request.undecodable.is_empty() || !matches!(reading.answer, Answer::Done | Answer::Each(_)) {
        return reading;
    }
    let verdicts = match reading.answer {
        Answer::Each(verdicts) => verdicts,
        _ => sent(Verdict::Success, batch, request),
    };
    let mut detail = undecodable_detail(request);
    if let Some(more) = reading.detail {
        detail.push_str("; ");
        detail.push_str(&more);
    }
    Reading { answer: Answer::Each(verdicts), detail: Some(limited(detail)), said: reading.said }
}

/// The reading for a batch of which nothing can be sent.
pub fn all_undecodable(batch: &Batch, request: &Encoded) -> Reading {
    let answer = Answer::Each(sent(Verdict::Success, batch, request));
    Reading { answer, detail: Some(limited(undecodable_detail(request))), said: Vec::new() }
}

/// `verdict` for every record that was sent.
fn sent(verdict: Verdict, batch: &Batch, request: &Encoded) -> Vec<Verdict> {
    let mut verdicts = vec![verdict; batch.records.len()];
    for index in &request.undecodable {
        if let Some(verdict) = verdicts.get_mut(*index as usize) {
            *verdict = Verdict::Undecodable;
        }
    }
    verdicts
}

fn undecodable_detail(request: &Encoded) -> String {
    let (count, at) = (request.undecodable.len(), request.first_offence.unwrap_or_default());
    format!("{count} not sent: the value is not valid JSON (the first of them from byte {at})")
}

/// An answer whose status says it all; the body is quoted.
fn read_refusal(head: &Head, body: &[u8]) -> Reading {
    let meaning = classify(Seen::Status(head.status));
    let detail = match meaning {
        Meaning::Misconfigured => {
            Some(format!("answer {}: {}; got: {}", head.status, advice(head.status), quoted(head, body)))
        }
        _ if body.is_empty() => None,
        _ => Some(quoted(head, body)),
    };
    Reading { answer: meaning.answer(Vec::new(), head.retry_after), detail: detail.map(limited), said: Vec::new() }
}

/// The reading of a call that came to no answer.
pub fn no_answer(failure: Failure) -> Reading {
    let meaning = classify(Seen::Fault(failure.fault));
    let text = match meaning {
        Meaning::Misconfigured => {
            format!(
                "what answers at WORKER_URL does not speak HTTP/1.1 (TLS and HTTP/2 are not spoken here): {}",
                failure.text
            )
        }
        _ => failure.text,
    };
    Reading { answer: meaning.answer(Vec::new(), None), detail: Some(limited(text)), said: Vec::new() }
}

fn wrong_shape(head: &Head, body: &[u8], what: &str) -> String {
    format!("answer {} has a body that is not an answer: {what}; {EXAMPLE}; got: {}", head.status, quoted(head, body))
}

/// Nothing to say when all is well; otherwise what was odd, and the worker's own words.
fn statuses_detail(verdicts: &[Verdict], oddities: &Oddities, body: &[u8]) -> Option<String> {
    let plain = *oddities == Oddities::default();
    if plain && verdicts.iter().all(|verdict| *verdict == Verdict::Success) {
        return None;
    }
    let mut text = String::new();
    let mut say = |count: u32, what: &str, example: Option<&str>| {
        if count > 0 {
            let example = example.map(|example| format!(" ({example})")).unwrap_or_default();
            // Writing into a string does not fail.
            let _ = write!(text, "{count} {what}{example}; ");
        }
    };
    say(oddities.missing, "entries without a status", None);
    say(oddities.unknown_ids, "statuses for an entryId that was not sent", oddities.unknown_id.as_deref());
    say(oddities.unknown_statuses, "statuses that are not SUCCESS, RETRY or DROP", oddities.unknown_status.as_deref());
    say(oddities.repeats, "repeated statuses", None);
    text.push_str(&lossy(body));
    Some(text)
}

fn quoted(head: &Head, body: &[u8]) -> String {
    match &head.encoding {
        Some(encoding) => format!("{} bytes of {encoding}", body.len()),
        None if body.is_empty() => "no body".to_owned(),
        None => lossy(body),
    }
}

/// As much as can be shown at all: the rest would only be cut later.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..DETAIL_BYTES_MAX).unwrap_or(bytes)).into_owned()
}

/// What somebody sent, fit to be shown.
pub fn one_line(bytes: &[u8]) -> Box<str> {
    limited(lossy(bytes))
}

/// On one line and within the cap.
fn limited(text: String) -> Box<str> {
    let mut text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut end = text.len().min(DETAIL_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.into_boxed_str()
}

#[cfg(test)]
mod tests;
