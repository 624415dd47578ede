//! What a worker answers.

use std::time::Duration;

use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};
use sluicegate::{
    engine::event::Answer,
    time::UnixMillis,
    worker::{
        answer::{self, DETAIL_BYTES_MAX},
        protocol::json,
        settings::ValueFormat,
        told::told,
    },
};

use crate::records::batch;

/// `name: value` lines as far as they are headers.
pub fn header_lines(input: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n').take(64) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
        let fits = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value.trim_ascii()));
        if let (Ok(name), Ok(value)) = fits {
            headers.append(name, value);
        }
    }
    headers
}

pub fn worker_answer(input: &[u8]) {
    let batch = batch(None, b"1");
    let request = json::encode(&batch, "b", ValueFormat::Auto);
    for status in [200, 207, 400, 413, 429, 500, 503] {
        let head = answer::Head::new(status, &HeaderMap::new(), UnixMillis(0));
        let reading = answer::read(&head, input, &batch, &request);
        if let Answer::Each(verdicts) = &reading.answer {
            assert_eq!(verdicts.len(), batch.records.len());
        }
        let words = reading.detail.as_deref().unwrap_or_default();
        assert!(words.len() <= DETAIL_BYTES_MAX && !words.contains(['\n', '\r', '\0']), "{words:?}");
        assert!(status == 200 || status == 207 || reading.answer != Answer::Done);
    }
}

pub fn answer_headers(input: &[u8]) {
    let headers = header_lines(input);
    let said = told(&headers);
    for time in [said.worked, said.queued].into_iter().flatten() {
        assert!(time <= Duration::from_secs(86_400));
    }
    assert!(said.capacity.is_none_or(|capacity| capacity > 0));
    let head = answer::Head::new(503, &headers, UnixMillis(1_764_000_000_000));
    assert!(head.encoding.is_none_or(|encoding| &*encoding != "identity"));
}
