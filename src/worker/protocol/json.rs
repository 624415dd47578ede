//! The request of protocol `json`: the envelope of Dapr's bulk subscribe, with raw values.
//!
//! One pass over the records into one buffer. A value that is JSON travels as it is, byte for byte; anything else as
//! base64, and `contentType` tells which. docs/WORKER.md has the shape with every field; optional fields are left
//! out when there is nothing to say. Nothing a producer wrote can break out of its string: keys, header names and
//! header values are UTF-8 and escaped, or base64 in a field whose name says so.

use super::{
    headers::{
        TextHeader, binary_content_type, push_binary_headers, push_headers, push_metadata_headers, read_headers,
    },
    text::{Digits, push_base64, push_text},
    validity,
};
use crate::{engine::event::Batch, record::Record, worker::settings::ValueFormat};

/// A request body, and what had to stay out of it.
#[derive(Debug)]
pub struct Encoded {
    pub body: Vec<u8>,
    /// Indexes into the batch, ascending, of records whose value is not what `VALUE_FORMAT=json` promises.
    pub undecodable: Vec<u32>,
    /// Where the first of them stops being JSON.
    pub first_offence: Option<usize>,
}

/// How a value travels.
enum Form<'a> {
    Json(&'a [u8]),
    Base64(&'a [u8]),
    /// A tombstone.
    Null,
}

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

#[cfg(test)]
mod tests;
