//! The sidecar's envelope, written straight from librdkafka's messages: no record is copied but into its request.
//!
//! Byte for byte what `worker::protocol::json` writes for a record without headers whose value is JSON and whose key
//! is text; anything else the benchmark does not produce, and the floor refuses.

use super::queue::Message;
use crate::{
    Outcome,
    interim::{
        text::{Digits, push_text},
        validity,
    },
};

/// Room for an entry beside its key and value.
const ENTRY_BYTES: usize = 384;

/// One request body.
///
/// # Errors
/// A record that is not of the benchmark's making.
pub fn encode(topic: &str, sequence: u64, messages: &[Message]) -> Outcome<Vec<u8>> {
    let values: usize = messages.iter().map(|m| m.value().map_or(0, <[u8]>::len)).sum();
    let mut out = Vec::with_capacity(values + messages.len() * (ENTRY_BYTES + 2 * topic.len()) + 256);
    out.extend_from_slice(b"{\"id\":\"");
    out.extend_from_slice(Digits::new(i64::try_from(sequence)?).as_bytes());
    out.extend_from_slice(b"\",\"topic\":\"");
    push_text(&mut out, topic);
    out.extend_from_slice(
        b"\",\"pubsubname\":\"sluicegate\",\"type\":\"com.dapr.event.sent.bulk\",\"metadata\":{},\"entries\":[",
    );
    for (index, message) in messages.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_entry(&mut out, topic, message)?;
    }
    out.extend_from_slice(b"]}");
    Ok(out)
}

fn push_entry(out: &mut Vec<u8>, topic: &str, message: &Message) -> Outcome<()> {
    let key = std::str::from_utf8(message.key().unwrap_or_default())?;
    let value = message.value().ok_or("a record without a value")?;
    validity::check(value).map_err(|at| format!("a value that is not JSON, from byte {at}"))?;
    if message.has_headers() {
        return Err("a record with headers".into());
    }
    let partition = Digits::new(message.partition().into());
    let offset = Digits::new(message.offset());
    let timestamp = Digits::new(message.timestamp());
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
    out.extend_from_slice(value);
    out.push(b'}');
    Ok(())
}
