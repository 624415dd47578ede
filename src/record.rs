//! One Kafka message as every part of the gate sees it.
//!
//! A [`Payload`] owns one allocation that holds key, value and headers together: a record that waits in the queue
//! costs what its own bytes cost, and pins nothing of the client's fetch buffers.

use crate::time::{Instant, UnixMillis};

/// A partition, numbered by the source: dense, from zero, the same for the life of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct PartitionId(pub u32);

impl PartitionId {
    /// What requests over HTTP have instead of one: no source ever numbers a partition like this.
    pub const REQUESTS: Self = Self(u32::MAX);

    /// As an index into a dense table.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One assignment of one partition. Work of an older epoch is recognised by it and ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
#[serde(transparent)]
pub struct Epoch(pub u32);

/// A request over HTTP, numbered by the adapter: ascending, and not used again by the next process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct RequestId(pub u64);

/// The partition's number that the worker sees of a request.
const REQUEST_NUMBER: i32 = -1;

/// A record between the poll and its disposition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub partition: PartitionId,
    /// Kafka's own partition number, for the worker and for people.
    pub number: i32,
    pub offset: i64,
    /// Milliseconds since the Unix epoch; -1 when the record has none.
    pub timestamp: i64,
    pub payload: Payload,
    /// What the engine notes on the record as it passes. The source leaves it at its default.
    pub notes: Notes,
}

/// The engine's marks on a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notes {
    pub epoch: Epoch,
    /// Place in the partition's ledger, counted from the start of the epoch.
    pub seq: u64,
    /// Expired when the wall clock is past it.
    pub deadline: Option<UnixMillis>,
    /// Failures charged to this record alone.
    pub attempts: u16,
    pub admitted_at: Instant,
    /// What must not overtake it: a hash of partition and key, or of the partition. Zero when order is free.
    pub order: u64,
    /// Whether it holds that against later records: from the moment it leaves the queue.
    pub holds_order: bool,
    /// It was sent although it had been foretold that it would be late: its end says whether that was right.
    pub foretold_late: bool,
}

impl Record {
    /// The source's half of a record.
    pub fn new(partition: PartitionId, number: i32, offset: i64, timestamp: i64, payload: Payload) -> Self {
        Self { partition, number, offset, timestamp, payload, notes: Notes::default() }
    }

    /// What a request over HTTP asks of the worker. It belongs to no partition and has no place in a log.
    pub fn of_request(id: RequestId, timestamp: i64, payload: Payload) -> Self {
        let offset = i64::try_from(id.0).unwrap_or(i64::MAX);
        Self::new(PartitionId::REQUESTS, REQUEST_NUMBER, offset, timestamp, payload)
    }

    /// The request it came with; `None` for a record from Kafka.
    pub fn request(&self) -> Option<RequestId> {
        (self.partition == PartitionId::REQUESTS).then(|| RequestId(self.offset.unsigned_abs()))
    }

    /// Bytes this record is charged with in every byte bound. Never less than [`MIN_CHARGE_BYTES`], so that empty
    /// values are bounded too.
    pub fn charge(&self) -> u64 {
        (self.payload.len() as u64).max(MIN_CHARGE_BYTES)
    }
}

/// The least any record is charged: about what its bookkeeping takes.
pub const MIN_CHARGE_BYTES: u64 = 128;

/// Key, value and headers in one allocation: `key | value | headers`, each header as
/// `name length u32 | name | value length u32 (MAX = null) | value`, little-endian.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Payload {
    bytes: Box<[u8]>,
    key_end: u32,
    value_end: u32,
    has_key: bool,
    has_value: bool,
}

const NULL_LEN: u32 = u32::MAX;

impl Payload {
    /// A record without headers.
    pub fn new(key: Option<&[u8]>, value: Option<&[u8]>) -> Self {
        PayloadBuilder::with_capacity(key, value, 0).finish()
    }

    pub fn key(&self) -> Option<&[u8]> {
        self.has_key.then(|| self.slice(0, self.key_end))
    }

    /// `None` is a tombstone, which is not the same as an empty value.
    pub fn value(&self) -> Option<&[u8]> {
        self.has_value.then(|| self.slice(self.key_end, self.value_end))
    }

    /// Headers in the order they were produced. Names are bytes: producers write them, and nothing says they are
    /// UTF-8.
    pub fn headers(&self) -> Headers<'_> {
        Headers { rest: self.bytes.get(self.value_end as usize..).unwrap_or(&[]) }
    }

    /// Key, value and headers together, in bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn slice(&self, from: u32, to: u32) -> &[u8] {
        self.bytes.get(from as usize..to as usize).unwrap_or(&[])
    }
}

/// Fills a [`Payload`] with one allocation, given the room its headers need.
#[derive(Debug)]
pub struct PayloadBuilder {
    bytes: Vec<u8>,
    key_end: u32,
    value_end: u32,
    has_key: bool,
    has_value: bool,
}

impl PayloadBuilder {
    /// `header_bytes` is the sum of [`PayloadBuilder::header_len`] over the headers to come; a wrong figure costs a
    /// reallocation, nothing else.
    pub fn with_capacity(key: Option<&[u8]>, value: Option<&[u8]>, header_bytes: usize) -> Self {
        let (k, v) = (key.unwrap_or_default(), value.unwrap_or_default());
        let mut bytes = Vec::with_capacity(k.len() + v.len() + header_bytes);
        bytes.extend_from_slice(k);
        let key_end = bytes.len() as u32;
        bytes.extend_from_slice(v);
        let value_end = bytes.len() as u32;
        Self { bytes, key_end, value_end, has_key: key.is_some(), has_value: value.is_some() }
    }

    pub const fn header_len(name: usize, value: usize) -> usize {
        8 + name + value
    }

    pub fn header(&mut self, name: &[u8], value: Option<&[u8]>) {
        self.bytes.extend_from_slice(&(name.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(name);
        let len = value.map_or(NULL_LEN, |v| v.len() as u32);
        self.bytes.extend_from_slice(&len.to_le_bytes());
        self.bytes.extend_from_slice(value.unwrap_or_default());
    }

    pub fn finish(self) -> Payload {
        Payload {
            bytes: self.bytes.into_boxed_slice(),
            key_end: self.key_end,
            value_end: self.value_end,
            has_key: self.has_key,
            has_value: self.has_value,
        }
    }
}

/// Walks the headers of a [`Payload`].
#[derive(Debug, Clone)]
pub struct Headers<'a> {
    rest: &'a [u8],
}

impl<'a> Headers<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(len)?;
        self.rest = tail;
        Some(head)
    }

    fn take_len(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let name_len = self.take_len()?;
        let name = self.take(name_len as usize)?;
        let value = match self.take_len()? {
            NULL_LEN => None,
            len => Some(self.take(len as usize)?),
        };
        Some((name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_value_and_headers_come_back_as_they_went_in() {
        let mut builder = PayloadBuilder::with_capacity(Some(b"k"), Some(b"value"), 64);
        builder.header(b"deadline_ms", Some(b"17"));
        builder.header(b"\xff\xfe", None);
        builder.header(b"", Some(b""));
        let payload = builder.finish();
        assert_eq!(payload.key(), Some(&b"k"[..]));
        assert_eq!(payload.value(), Some(&b"value"[..]));
        let headers: Vec<_> = payload.headers().collect();
        let expected: [(&[u8], Option<&[u8]>); 3] =
            [(b"deadline_ms", Some(b"17")), (b"\xff\xfe", None), (b"", Some(b""))];
        assert_eq!(headers, expected);
    }

    #[test]
    fn a_null_value_is_not_an_empty_value() {
        assert_eq!(Payload::new(None, None).value(), None);
        assert_eq!(Payload::new(Some(b""), Some(b"")).value(), Some(&b""[..]));
        assert_eq!(Payload::new(None, Some(b"")).key(), None);
    }

    #[test]
    fn an_empty_record_is_still_charged() {
        let record = Record::new(PartitionId(0), 0, 0, -1, Payload::new(None, None));
        assert_eq!(record.charge(), MIN_CHARGE_BYTES);
    }
}
