//! The sidecar's envelope, written straight from librdkafka's messages: no record is copied but into its request.
//!
//! Byte for byte what `worker::protocol::json` writes for a record without headers whose value is JSON and whose key
//! is text ([`check`] holds the two together); anything else the benchmark does not produce, and the floor refuses.

use std::sync::Arc;

use sluicegate::{
    engine::event::{Batch, BatchId},
    record::{PartitionId, Payload, Record},
    worker::{
        protocol::{
            json,
            text::{Digits, push_text},
            validity,
        },
        settings::ValueFormat,
    },
};

use super::queue::Message;
use crate::Outcome;

/// Room for an entry beside its key and value.
const ENTRY_BYTES: usize = 384;

/// A record, borrowed.
struct Entry<'a> {
    partition: i32,
    offset: i64,
    timestamp: i64,
    key: &'a [u8],
    value: &'a [u8],
}

impl<'a> Entry<'a> {
    /// # Errors
    /// A record that is not of the benchmark's making.
    fn of(message: &'a Message) -> Outcome<Self> {
        if message.has_headers() {
            return Err("a record with headers".into());
        }
        Ok(Self {
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp(),
            key: message.key().ok_or("a record without a key")?,
            value: message.value().ok_or("a record without a value")?,
        })
    }
}

/// A whole request in the borrowed way.
///
/// # Errors
/// A record that is not of the benchmark's making.
pub fn encode(topic: &str, sequence: u64, messages: &[Message]) -> Outcome<Vec<u8>> {
    let values = messages.iter().map(|message| message.value().map_or(0, <[u8]>::len)).sum();
    let mut body = begin(topic, sequence, messages.len(), values)?;
    for message in messages {
        push(&mut body, topic, &Entry::of(message)?)?;
    }
    end(&mut body);
    Ok(body)
}

/// The same request by way of the sidecar's own encoder, which wants records that own their bytes: one copy and one
/// allocation a record more.
///
/// # Errors
/// A record that is not of the benchmark's making.
pub fn encode_copied(topic: &Arc<str>, sequence: u64, messages: &[Message]) -> Outcome<Vec<u8>> {
    let copied = |message: &Message| {
        let entry = Entry::of(message)?;
        let payload = Payload::new(Some(entry.key), Some(entry.value));
        Ok(Record::new(PartitionId(0), entry.partition, entry.offset, entry.timestamp, payload))
    };
    let records = messages.iter().map(copied).collect::<Outcome<Vec<Record>>>()?;
    let batch = batch(topic, sequence, records);
    let encoded = json::encode(&batch, &sequence.to_string(), ValueFormat::Auto);
    if encoded.undecodable.is_empty() { Ok(encoded.body) } else { Err("a value that is not JSON".into()) }
}

fn batch(topic: &Arc<str>, sequence: u64, records: Vec<Record>) -> Batch {
    let (id, timeout) = (BatchId(sequence), std::time::Duration::ZERO);
    Batch { id, topic: Arc::clone(topic), records, not_after: None, timeout }
}

/// A request body without entries, with room for that many bytes of values.
fn begin(topic: &str, sequence: u64, records: usize, values: usize) -> Outcome<Vec<u8>> {
    let mut out = Vec::with_capacity(values + records * (ENTRY_BYTES + 2 * topic.len()) + 256);
    out.extend_from_slice(b"{\"id\":\"");
    out.extend_from_slice(Digits::new(i64::try_from(sequence)?).as_bytes());
    out.extend_from_slice(b"\",\"topic\":\"");
    push_text(&mut out, topic);
    out.extend_from_slice(
        b"\",\"pubsubname\":\"sluicegate\",\"type\":\"com.dapr.event.sent.bulk\",\"metadata\":{},\"entries\":[",
    );
    Ok(out)
}

/// Ends a body to which entries were pushed.
fn end(out: &mut Vec<u8>) {
    // In the place of the last entry's comma.
    out.pop();
    out.extend_from_slice(b"]}");
}

/// Adds an entry and a comma.
fn push(out: &mut Vec<u8>, topic: &str, entry: &Entry<'_>) -> Outcome<()> {
    let key = std::str::from_utf8(entry.key)?;
    validity::check(entry.value).map_err(|at| format!("a value that is not JSON, from byte {at}"))?;
    let partition = Digits::new(entry.partition.into());
    let offset = Digits::new(entry.offset);
    let timestamp = Digits::new(entry.timestamp);
    out.extend_from_slice(b"{\"entryId\":\"");
    push_text(out, topic);
    out.push(b'-');
    out.extend_from_slice(partition.as_bytes());
    out.push(b'-');
    out.extend_from_slice(offset.as_bytes());
    out.extend_from_slice(b"\",\"attempt\":1,\"key\":\"");
    push_text(out, key);
    out.extend_from_slice(b"\",\"partition\":");
    out.extend_from_slice(partition.as_bytes());
    out.extend_from_slice(b",\"offset\":");
    out.extend_from_slice(offset.as_bytes());
    out.extend_from_slice(b",\"timestamp\":");
    out.extend_from_slice(timestamp.as_bytes());
    out.extend_from_slice(b",\"metadata\":{\"__topic\":\"");
    push_text(out, topic);
    out.extend_from_slice(b"\",\"__partition\":\"");
    out.extend_from_slice(partition.as_bytes());
    out.extend_from_slice(b"\",\"__offset\":\"");
    out.extend_from_slice(offset.as_bytes());
    out.extend_from_slice(b"\",\"__timestamp\":\"");
    out.extend_from_slice(timestamp.as_bytes());
    out.extend_from_slice(b"\",\"__key\":\"");
    push_text(out, key);
    out.extend_from_slice(b"\"},\"contentType\":\"application/json\",\"event\":");
    out.extend_from_slice(entry.value);
    out.extend_from_slice(b"},");
    Ok(())
}

/// Whether floor and sidecar write the same request.
///
/// # Errors
/// When they do not, with both.
pub fn check() -> Outcome<()> {
    let (topic, key, value) = ("a topic", "user \"7\"", r#"{"text":"one \u00e9 two"}"#);
    let offsets = [0, 9_999_999_999];
    let mut ours = begin(topic, 12, offsets.len(), 100)?;
    for offset in offsets {
        let entry =
            Entry { partition: 3, offset, timestamp: 1_700_000_000_000, key: key.as_bytes(), value: value.as_bytes() };
        push(&mut ours, topic, &entry)?;
    }
    end(&mut ours);
    let payload = Payload::new(Some(key.as_bytes()), Some(value.as_bytes()));
    let record = |offset| Record::new(PartitionId(0), 3, offset, 1_700_000_000_000, payload.clone());
    let batch = batch(&Arc::from(topic), 12, offsets.map(record).into());
    let theirs = json::encode(&batch, "12", ValueFormat::Auto).body;
    if ours == theirs {
        return Ok(());
    }
    let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
    Err(format!("the floor's envelope is not the sidecar's:\n{}\n{}", text(&ours), text(&theirs)).into())
}
