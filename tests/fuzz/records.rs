//! What is in a record, or beside a committed offset.

use std::{sync::Arc, time::Duration};

use sluicegate::{
    engine::{
        admission::{Deadline, deadline},
        event::{Batch, BatchId},
        ledger::completed::{Completed, encode},
    },
    record::{PartitionId, PayloadBuilder, Record},
    time::UnixMillis,
    worker::{
        protocol::{json, validity},
        settings::ValueFormat,
    },
};

pub fn batch(header: Option<(&[u8], &[u8])>, value: &[u8]) -> Batch {
    let record = |offset| {
        let mut payload = PayloadBuilder::with_capacity(Some(b"key"), Some(value), 64);
        if let Some((name, value)) = header {
            payload.header(name, Some(value));
        }
        Record::new(PartitionId(0), 3, offset, -1, payload.finish())
    };
    let records = (1234..1237).map(record).collect();
    Batch { id: BatchId(1), topic: Arc::from("orders"), records, not_after: None, timeout: Duration::ZERO }
}

pub fn deadline_header(input: &[u8]) {
    let mut payload = PayloadBuilder::with_capacity(None, None, 32 + input.len());
    payload.header(b"deadline_ms", Some(input));
    let text = std::str::from_utf8(input).ok();
    // What the standard library takes for a number, but for its plus sign.
    let number = text.filter(|text| !text.starts_with('+')).and_then(|text| text.parse::<i64>().ok());
    let expected = number.map_or(Deadline::Malformed, |ms| Deadline::At(UnixMillis(ms)));
    assert_eq!(deadline(&payload.finish()), expected);
}

pub fn commit_metadata(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    for frontier in [0, 7, 1_000_000, i64::MAX] {
        let Some(set) = Completed::decode(&text, frontier) else { continue };
        let runs: Vec<_> = set.from(frontier).collect();
        assert!(runs.iter().all(|(from, to)| frontier <= *from && from < to));
        assert!(runs.windows(2).all(|pair| pair[0].1 < pair[1].0));
        let again = encode(frontier, runs.iter().copied(), usize::MAX);
        assert!(again.len() <= text.len().max(8), "{again} for {text}");
        assert!(again.is_empty() || Completed::decode(&again, frontier).is_some());
    }
}

/// A name, a colon and a value; then the record's value.
pub fn record_headers(input: &[u8]) {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let (line, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let at = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
    let header = (&line[..at], line.get(at + 2..).unwrap_or_default());
    let batch = batch(Some(header), value);
    for format in [ValueFormat::Auto, ValueFormat::Json, ValueFormat::Binary] {
        let request = json::encode(&batch, "b", format);
        let body: serde_json::Value = serde_json::from_slice(&request.body).expect("a request is JSON");
        for entry in body["entries"].as_array().expect("entries") {
            let trace = entry.get("traceparent").map(|trace| trace.as_str().expect("text"));
            assert!(trace.is_none_or(|trace| trace.len() == 55 && trace.is_ascii()), "{trace:?}");
        }
    }
}

pub fn json_validity(input: &[u8]) {
    let known =
        std::str::from_utf8(input).is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
    let ours = validity::check(input).is_ok();
    assert!(known || !ours, "it is taken, and serde_json does not take it");
    // What is refused on top: lone surrogates, and nesting.
    let depth = input.iter().filter(|byte| matches!(byte, b'[' | b'{')).count();
    let may_differ = input.windows(2).any(|pair| pair == b"\\u") || depth > validity::DEPTH_MAX as usize;
    assert!(ours || !known || may_differ, "it is refused, and serde_json takes it");
}
