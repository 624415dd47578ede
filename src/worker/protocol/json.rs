//! The request of protocol `json`: the envelope of Dapr's bulk subscribe, with raw values.
//!
//! One pass over the records into one buffer. A value that is JSON travels as it is, byte for byte; anything else as
//! base64, and `contentType` tells which. docs/WORKER.md has the shape with every field; optional fields are left
//! out when there is nothing to say. Nothing a producer wrote can break out of its string: keys, header names and
//! header values are UTF-8 and escaped, or base64 in a field whose name says so.

use super::{
    text::{Digits, push_base64, push_text},
    validity,
};
use crate::{
    engine::event::Batch,
    record::{Payload, Record},
    worker::settings::ValueFormat,
};

/// A request body, and what had to stay out of it.
#[derive(Debug)]
pub struct Encoded {
    pub body: Vec<u8>,
    /// Indexes into the batch, ascending, of records whose value is not what `VALUE_FORMAT=json` promises.
    pub undecodable: Vec<u32>,
    /// Where the first of them stops being JSON.
    pub first_offence: Option<usize>,
}

/// Headers are repeated in `metadata`, as Dapr does, while there are at most this many: the map's names have to be
/// unique, and looking for repeats takes the square of their number.
const METADATA_HEADERS_MAX: usize = 64;

/// The longest `content-type` header that is passed on.
const CONTENT_TYPE_BYTES_MAX: usize = 128;

const OCTET_STREAM: &str = "application/octet-stream";

/// How a value travels.
enum Form<'a> {
    Json(&'a [u8]),
    Base64(&'a [u8]),
    /// A tombstone.
    Null,
}

/// A header that is UTF-8 on both sides.
type TextHeader<'a> = (&'a str, Option<&'a str>);

/// Writes the whole batch. `batch_id` names this batch in logs on both sides and is plain ASCII.
pub fn encode(batch: &Batch, batch_id: &str, format: ValueFormat) -> Encoded {
    let mut encoded =
        Encoded { body: Vec::with_capacity(capacity(batch, format)), undecodable: Vec::new(), first_offence: None };
    let out = &mut encoded.body;
    out.extend_from_slice(b"{\"id\":\"");
    push_text(out, batch_id);
    out.extend_from_slice(b"\",\"topic\":\"");
    let topic_start = out.len();
    push_text(out, &batch.topic);
    // The topic is in every entry twice; it is escaped once and copied from here.
    let topic = topic_start..out.len();
    out.extend_from_slice(
        b"\",\"pubsubname\":\"sluicegate\",\"type\":\"com.dapr.event.sent.bulk\",\"metadata\":{},\"entries\":[",
    );
    let mut separator: &[u8] = b"";
    // The record's headers as text; one allocation serves the whole batch.
    let mut headers = Vec::new();
    for (index, record) in batch.records.iter().enumerate() {
        let form = match form(record.payload.value(), format) {
            Ok(form) => form,
            Err(offence) => {
                encoded.undecodable.push(index as u32);
                encoded.first_offence.get_or_insert(offence);
                continue;
            }
        };
        out.extend_from_slice(separator);
        separator = b",";
        headers.clear();
        let all_text = read_headers(&record.payload, &mut headers);
        push_entry(out, topic.clone(), record, form, &headers);
        if !all_text {
            push_binary_headers(out, &record.payload);
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    encoded
}

/// Room for the body without growing, for records of the usual kind.
fn capacity(batch: &Batch, format: ValueFormat) -> usize {
    let bytes: usize = batch.records.iter().map(|record| record.payload.len()).sum();
    let bytes = if format == ValueFormat::Binary { bytes / 3 * 4 } else { bytes };
    bytes + batch.records.len() * (384 + 2 * batch.topic.len()) + 256
}

fn form(value: Option<&[u8]>, format: ValueFormat) -> Result<Form<'_>, usize> {
    let Some(value) = value else { return Ok(Form::Null) };
    match format {
        ValueFormat::Binary => Ok(Form::Base64(value)),
        ValueFormat::Auto => Ok(if validity::check(value).is_ok() { Form::Json(value) } else { Form::Base64(value) }),
        ValueFormat::Json => validity::check(value).map(|()| Form::Json(value)),
    }
}

/// One entry, still open at its end.
fn push_entry(
    out: &mut Vec<u8>,
    topic: std::ops::Range<usize>,
    record: &Record,
    form: Form<'_>,
    headers: &[TextHeader<'_>],
) {
    let partition = Digits::new(record.number.into());
    let offset = Digits::new(record.offset);
    let key = record.payload.key();
    let key_text = key.and_then(|key| std::str::from_utf8(key).ok());

    out.extend_from_slice(b"{\"entryId\":\"");
    out.extend_from_within(topic.clone());
    out.push(b'-');
    out.extend_from_slice(partition.as_bytes());
    out.push(b'-');
    out.extend_from_slice(offset.as_bytes());
    out.extend_from_slice(b"\",\"attempt\":");
    out.extend_from_slice(Digits::new(i64::from(record.notes.attempts) + 1).as_bytes());
    if let Some(deadline) = record.notes.deadline {
        out.extend_from_slice(b",\"deadlineMs\":");
        out.extend_from_slice(Digits::new(deadline.0).as_bytes());
    }
    match (key_text, key) {
        (Some(text), _) => {
            out.extend_from_slice(b",\"key\":\"");
            push_text(out, text);
            out.push(b'"');
        }
        (None, Some(key)) => {
            out.extend_from_slice(b",\"keyBase64\":\"");
            push_base64(out, key);
            out.push(b'"');
        }
        (None, None) => {}
    }
    out.extend_from_slice(b",\"partition\":");
    out.extend_from_slice(partition.as_bytes());
    out.extend_from_slice(b",\"offset\":");
    out.extend_from_slice(offset.as_bytes());
    let timestamp = (record.timestamp >= 0).then(|| Digits::new(record.timestamp));
    if let Some(timestamp) = &timestamp {
        out.extend_from_slice(b",\"timestamp\":");
        out.extend_from_slice(timestamp.as_bytes());
    }
    push_headers(out, headers);
    out.extend_from_slice(b",\"metadata\":{\"__topic\":\"");
    out.extend_from_within(topic);
    out.extend_from_slice(b"\",\"__partition\":\"");
    out.extend_from_slice(partition.as_bytes());
    out.extend_from_slice(b"\",\"__offset\":\"");
    out.extend_from_slice(offset.as_bytes());
    if let Some(timestamp) = &timestamp {
        out.extend_from_slice(b"\",\"__timestamp\":\"");
        out.extend_from_slice(timestamp.as_bytes());
    }
    if let Some(text) = key_text {
        out.extend_from_slice(b"\",\"__key\":\"");
        push_text(out, text);
    }
    out.push(b'"');
    push_metadata_headers(out, headers);
    out.push(b'}');
    push_event(out, form, headers);
}

fn push_event(out: &mut Vec<u8>, form: Form<'_>, headers: &[TextHeader<'_>]) {
    match form {
        Form::Json(value) => {
            out.extend_from_slice(b",\"contentType\":\"application/json\",\"event\":");
            out.extend_from_slice(value);
        }
        Form::Base64(value) => {
            out.extend_from_slice(b",\"contentType\":\"");
            push_text(out, binary_content_type(headers));
            out.extend_from_slice(b"\",\"event\":\"");
            push_base64(out, value);
            out.push(b'"');
        }
        Form::Null => out.extend_from_slice(b",\"event\":null"),
    }
}

/// What the producer called it in a `content-type` header, unless it called it JSON: that word is for values that
/// travel as JSON, and the worker tells the two apart by it.
fn binary_content_type<'a>(headers: &[TextHeader<'a>]) -> &'a str {
    let named = headers.iter().rev().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    named
        .and_then(|(_, value)| *value)
        .filter(|text| text.len() <= CONTENT_TYPE_BYTES_MAX && text.contains('/'))
        .filter(|text| text.bytes().all(|byte| matches!(byte, b' '..=b'~')))
        .filter(|text| !text.to_ascii_lowercase().contains("json"))
        .unwrap_or(OCTET_STREAM)
}

/// Whether all of them are text; those that are, are in `headers`.
fn read_headers<'a>(payload: &'a Payload, headers: &mut Vec<TextHeader<'a>>) -> bool {
    let mut all_text = true;
    for (name, value) in payload.headers() {
        match text_header(name, value) {
            Some(header) => headers.push(header),
            None => all_text = false,
        }
    }
    all_text
}

fn text_header<'a>(name: &'a [u8], value: Option<&'a [u8]>) -> Option<TextHeader<'a>> {
    let name = std::str::from_utf8(name).ok()?;
    match value {
        Some(value) => Some((name, Some(std::str::from_utf8(value).ok()?))),
        None => Some((name, None)),
    }
}

/// `headers`, and `traceparent` when one of them is a valid one.
fn push_headers(out: &mut Vec<u8>, headers: &[TextHeader<'_>]) {
    if headers.is_empty() {
        return;
    }
    let mut opening: &[u8] = b",\"headers\":[[\"";
    for (name, value) in headers {
        out.extend_from_slice(opening);
        opening = b",[\"";
        push_text(out, name);
        match value {
            Some(value) => {
                out.extend_from_slice(b"\",\"");
                push_text(out, value);
                out.extend_from_slice(b"\"]");
            }
            None => out.extend_from_slice(b"\",null]"),
        }
    }
    out.push(b']');
    let traces = headers.iter().rev().filter(|(name, _)| *name == "traceparent");
    if let Some(traceparent) = traces.filter_map(|(_, value)| *value).find(|text| is_traceparent(text.as_bytes())) {
        out.extend_from_slice(b",\"traceparent\":\"");
        out.extend_from_slice(traceparent.as_bytes());
        out.push(b'"');
    }
}

/// `headersBase64`: the headers that are not text on one side or the other.
#[cold]
fn push_binary_headers(out: &mut Vec<u8>, payload: &Payload) {
    let mut opening: &[u8] = b",\"headersBase64\":[[\"";
    for (name, value) in payload.headers().filter(|(name, value)| text_header(name, *value).is_none()) {
        out.extend_from_slice(opening);
        opening = b",[\"";
        push_base64(out, name);
        match value {
            Some(value) => {
                out.extend_from_slice(b"\",\"");
                push_base64(out, value);
                out.extend_from_slice(b"\"]");
            }
            None => out.extend_from_slice(b"\",null]"),
        }
    }
    out.push(b']');
}

/// Dapr puts Kafka headers into `metadata` too. Of several with one name the last counts, as it does there.
fn push_metadata_headers(out: &mut Vec<u8>, headers: &[TextHeader<'_>]) {
    if headers.len() > METADATA_HEADERS_MAX {
        return;
    }
    let mut rest = headers;
    while let Some(((name, value), after)) = rest.split_first() {
        rest = after;
        let ours =
            name.starts_with("__") && matches!(*name, "__topic" | "__partition" | "__offset" | "__timestamp" | "__key");
        if ours || after.iter().any(|(later, _)| later == name) {
            continue;
        }
        out.extend_from_slice(b",\"");
        push_text(out, name);
        out.extend_from_slice(b"\":\"");
        push_text(out, value.unwrap_or_default());
        out.push(b'"');
    }
}

/// The W3C form `00-<32 hex>-<16 hex>-<2 hex>`: lower case, a known length, no all-zero ids, not version ff.
fn is_traceparent(text: &[u8]) -> bool {
    let hex = |range: std::ops::Range<usize>| {
        text.get(range.clone()).is_some_and(|part| part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
    };
    let zero = |range: std::ops::Range<usize>| {
        text.get(range.clone()).is_some_and(|part| part.iter().all(|byte| *byte == b'0'))
    };
    text.len() == 55
        && [2, 35, 52].iter().all(|dash| text.get(*dash) == Some(&b'-'))
        && [0..2, 3..35, 36..52, 53..55].into_iter().all(hex)
        && !zero(3..35)
        && !zero(36..52)
        && !text.starts_with(b"ff")
}

#[cfg(test)]
mod tests;
