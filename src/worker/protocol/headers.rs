//! Kafka headers in a request: as pairs, as a part of `metadata`, and the two that mean something.
//!
//! A producer may write any bytes into names and values. Headers that are text on both sides travel as text, the
//! others as base64 in a field of their own, so that nobody has to guess which it is.

use super::text::{push_base64, push_text};
use crate::record::Payload;

/// Headers are repeated in `metadata`, as Dapr does, while there are at most this many: the map's names have to be
/// unique, and looking for repeats takes the square of their number.
pub const METADATA_HEADERS_MAX: usize = 64;

/// The longest `content-type` header that is passed on.
const CONTENT_TYPE_BYTES_MAX: usize = 128;

const OCTET_STREAM: &str = "application/octet-stream";

/// A header that is UTF-8 on both sides.
pub type TextHeader<'a> = (&'a str, Option<&'a str>);

/// What the producer called it in a `content-type` header, unless it called it JSON: that word is for values that
/// travel as JSON, and the worker tells the two apart by it.
pub fn binary_content_type<'a>(headers: &[TextHeader<'a>]) -> &'a str {
    let named = headers.iter().rev().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    named
        .and_then(|(_, value)| *value)
        .filter(|text| text.len() <= CONTENT_TYPE_BYTES_MAX && text.contains('/'))
        .filter(|text| text.bytes().all(|byte| matches!(byte, b' '..=b'~')))
        .filter(|text| !text.to_ascii_lowercase().contains("json"))
        .unwrap_or(OCTET_STREAM)
}

/// Whether all of them are text; those that are, are in `headers`.
pub fn read_headers<'a>(payload: &'a Payload, headers: &mut Vec<TextHeader<'a>>) -> bool {
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
pub fn push_headers(out: &mut Vec<u8>, headers: &[TextHeader<'_>]) {
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
pub fn push_binary_headers(out: &mut Vec<u8>, payload: &Payload) {
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
pub fn push_metadata_headers(out: &mut Vec<u8>, headers: &[TextHeader<'_>]) {
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
