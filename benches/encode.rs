//! What one record costs on its way into a request body: `cargo bench --no-default-features --bench encode`.
//!
//! A micro-measure without a framework: each line is the best of several rounds, in nanoseconds per record, for
//! batches of 32 records of about 1 KiB. The two "mark" lines are the price of serde_json's own validity check.

use std::{hint::black_box, sync::Arc, time::Duration};

use serde::de::IgnoredAny;
use sluicegate::{
    engine::event::{Batch, BatchId},
    record::{PartitionId, Payload, PayloadBuilder, Record},
    time::UnixMillis,
    worker::{
        protocol::{json, statuses, validity},
        settings::ValueFormat,
    },
};

const BATCH: usize = 32;

fn main() {
    let fields = many_fields();
    let text = one_long_text();
    let binary: Vec<u8> = (0..1024_u32).map(|n| (n * 7 + 128) as u8).collect();
    println!("value sizes: fields {}, text {}, binary {}", fields.len(), text.len(), binary.len());

    for (name, value) in [("fields", &fields), ("text", &text)] {
        report(&format!("mark  serde_json ignored, {name}"), || serde_json::from_slice::<IgnoredAny>(value).is_ok());
        report(&format!("check {name}"), || validity::check(value).is_ok());
    }
    for (name, value) in [("fields", &fields), ("text", &text), ("binary", &binary)] {
        let plain = batch(|| Payload::new(Some(b"customer-4711"), Some(value)));
        report_batch(&format!("encode {name}, key"), || json::encode(&plain, "0-1", ValueFormat::Auto).body.len());
        let rich = batch(|| {
            let mut payload = PayloadBuilder::with_capacity(Some(b"customer-4711"), Some(value), 200);
            payload.header(b"deadline_ms", Some(b"1700000005000"));
            payload.header(b"traceparent", Some(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
            payload.header(b"content-type", Some(b"application/json"));
            payload.finish()
        });
        report_batch(&format!("encode {name}, key and 3 headers"), || {
            json::encode(&rich, "0-1", ValueFormat::Auto).body.len()
        });
    }

    let asked = batch(|| Payload::new(None, Some(b"1")));
    let answer = answer(&asked);
    report_batch("read an answer with statuses", || {
        statuses::read(&answer, &asked, &[]).map_or(0, |read| read.verdicts.len())
    });
}

/// A typical business record: short names, numbers, short texts, some nesting.
fn many_fields() -> Vec<u8> {
    let item =
        r#"{"sku":"AB-1029","name":"Drip tray, large","qty":3,"price":12.95,"tags":["kitchen","steel"],"stock":true}"#;
    let items = [item; 8].join(",");
    format!(r#"{{"id":"0f9c1f7e","customer":4711,"paid":null,"note":"leave at the \"back\" door","items":[{items}]}}"#)
        .into_bytes()
}

/// A prompt: nearly all of it one string.
fn one_long_text() -> Vec<u8> {
    let words = "the quick brown fox jumps over the lazy dog and keeps running ".repeat(16);
    format!(r#"{{"prompt":"{words}","max_tokens":64}}"#).into_bytes()
}

fn batch(payload: impl Fn() -> Payload) -> Batch {
    let record = |n: usize| {
        let mut record = Record::new(PartitionId(3), 3, 1_000_000 + n as i64, 1_700_000_000_000 + n as i64, payload());
        record.notes.deadline = Some(UnixMillis(1_700_000_005_000));
        record
    };
    Batch {
        id: BatchId(1),
        topic: Arc::from("orders.created"),
        records: (0..BATCH).map(record).collect(),
        not_after: None,
        timeout: Duration::from_secs(1),
    }
}

fn answer(batch: &Batch) -> Vec<u8> {
    let entries: Vec<_> = batch
        .records
        .iter()
        .map(|r| format!(r#"{{"entryId":"{}-{}-{}","status":"SUCCESS"}}"#, batch.topic, r.number, r.offset))
        .collect();
    format!(r#"{{"statuses":[{}]}}"#, entries.join(",")).into_bytes()
}

fn report<T>(name: &str, work: impl FnMut() -> T) {
    println!("{:>8.0} ns  {name}", best_ns(work));
}

fn report_batch<T>(name: &str, work: impl FnMut() -> T) {
    println!("{:>8.0} ns  {name}", best_ns(work) / BATCH as f64);
}

/// The best of 15 rounds of 20 ms: the least disturbed one says most about the code.
fn best_ns<T>(mut work: impl FnMut() -> T) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..15 {
        let (mut runs, start) = (0_u32, std::time::Instant::now());
        while start.elapsed() < Duration::from_millis(20) {
            for _ in 0..20 {
                black_box(work());
            }
            runs += 20;
        }
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(runs));
    }
    best
}
