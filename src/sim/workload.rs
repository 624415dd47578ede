//! What producers write: when, how much, and what is odd about it.

use std::time::Duration;

use crate::{
    engine::admission::DEADLINE_HEADER,
    record::{MIN_CHARGE_BYTES, PartitionId, PayloadBuilder, Record},
    sim::rng::Rng,
    time::{Instant, UnixMillis},
};

#[derive(Debug, Clone)]
pub struct Workload {
    pub records: u32,
    /// They arrive in this many bursts, spread evenly over `over`.
    pub bursts: u32,
    pub over: Duration,
    /// Different keys; zero is none at all.
    pub keys: u32,
    pub unkeyed_per_mille: u32,
    pub bytes: (u32, u32),
    pub deadline_per_mille: u32,
    /// Relative to the wall clock at the append; may be negative.
    pub deadline_ms: (i64, i64),
    pub malformed_per_mille: u32,
    pub tombstone_per_mille: u32,
    /// Larger than `MAX_RECORD_BYTES`.
    pub oversize_per_mille: u32,
    pub poison_per_mille: u32,
    pub poisons: Vec<Poison>,
    /// These records (by number, from zero) are poison of the first kind, whatever the dice say.
    pub poison_at: Vec<u32>,
    /// Transaction markers and compacted gaps between records.
    pub marker_per_mille: u32,
    pub gap_per_mille: u32,
    pub gap_max: u64,
}

/// What is wrong with a record, for the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Poison {
    /// A batch with it is refused.
    Refused,
    /// A batch with it fails.
    Crash,
    /// The worker says DROP.
    Drop,
    /// The worker says RETRY, always.
    Retry,
    /// It cannot be put into a request.
    Undecodable,
}

impl Poison {
    pub const ALL: [Self; 5] = [Self::Refused, Self::Crash, Self::Drop, Self::Retry, Self::Undecodable];
}

/// What the `deadline_ms` header of a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    None,
    At(UnixMillis),
    Malformed,
}

/// A record in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRecord {
    pub offset: i64,
    /// Zero is no key.
    pub key: u32,
    pub bytes: u32,
    pub deadline: Deadline,
    pub tombstone: bool,
    pub poison: Option<Poison>,
}

impl Default for Workload {
    fn default() -> Self {
        Self {
            records: 1000,
            bursts: 1,
            over: Duration::ZERO,
            keys: 50,
            unkeyed_per_mille: 0,
            bytes: (100, 1000),
            deadline_per_mille: 0,
            deadline_ms: (0, 0),
            malformed_per_mille: 0,
            tombstone_per_mille: 0,
            oversize_per_mille: 0,
            poison_per_mille: 0,
            poisons: Poison::ALL.to_vec(),
            poison_at: Vec::new(),
            marker_per_mille: 0,
            gap_per_mille: 0,
            gap_max: 0,
        }
    }
}

impl Workload {
    /// When each burst comes and how many records it has.
    pub fn bursts(&self) -> impl Iterator<Item = (Instant, u32)> {
        let bursts = self.bursts.clamp(1, self.records.max(1));
        let (records, over) = (self.records, self.over);
        (0..bursts).map(move |index| {
            let share = |index: u32| (u64::from(records) * u64::from(index) / u64::from(bursts)) as u32;
            let at = over.as_nanos() * u128::from(index) / u128::from(bursts);
            (Instant(u64::try_from(at).unwrap_or(u64::MAX)), share(index + 1) - share(index))
        })
    }

    /// The `number`-th record, to be appended now at `offset`.
    pub fn record(&self, number: u32, offset: i64, wall: UnixMillis, oversize: u64, rng: &mut Rng) -> LogRecord {
        let key =
            if self.keys == 0 || rng.chance(self.unkeyed_per_mille) { 0 } else { 1 + rng.below(self.keys.into()) };
        let drawn = rng.range(self.bytes.0.into(), self.bytes.1.into());
        let bytes = if rng.chance(self.oversize_per_mille) { oversize + 1 + drawn } else { drawn };
        let span = self.deadline_ms.1.saturating_sub(self.deadline_ms.0).max(0).unsigned_abs();
        let at = wall.0.saturating_add(self.deadline_ms.0).saturating_add_unsigned(rng.range(0, span));
        let deadline = match (rng.chance(self.deadline_per_mille), rng.chance(self.malformed_per_mille)) {
            (_, true) => Deadline::Malformed,
            (true, false) => Deadline::At(UnixMillis(at)),
            (false, false) => Deadline::None,
        };
        let tombstone = rng.chance(self.tombstone_per_mille);
        let drawn = rng.pick(&self.poisons).filter(|_| rng.chance(self.poison_per_mille));
        let poison = if self.poison_at.contains(&number) { self.poisons.first().copied() } else { drawn };
        LogRecord { offset, key: key as u32, bytes: bytes as u32, deadline, tombstone, poison }
    }
}

impl LogRecord {
    /// As the source hands it over.
    pub fn to_record(self, partition: PartitionId, number: i32) -> Record {
        let key = self.key.to_be_bytes();
        let key = (self.key > 0).then_some(&key[..]);
        let value = vec![b'v'; self.bytes as usize];
        let value = (!self.tombstone).then_some(&value[..]);
        let mut builder = PayloadBuilder::with_capacity(key, value, 48);
        match self.deadline {
            Deadline::None => {}
            Deadline::At(at) => {
                // The last of several counts.
                builder.header(DEADLINE_HEADER, Some(b"1"));
                builder.header(DEADLINE_HEADER, Some(at.0.to_string().as_bytes()));
            }
            Deadline::Malformed => builder.header(DEADLINE_HEADER, Some(b"soon")),
        }
        Record::new(partition, number, self.offset, -1, builder.finish())
    }

    /// What it counts for in byte bounds.
    pub fn charge(&self) -> u64 {
        self.payload_bytes().max(MIN_CHARGE_BYTES)
    }

    /// Key, value and headers.
    pub fn payload_bytes(&self) -> u64 {
        let header = |value: usize| PayloadBuilder::header_len(DEADLINE_HEADER.len(), value);
        let headers = match self.deadline {
            Deadline::None => 0,
            Deadline::At(at) => header(1) + header(at.0.to_string().len()),
            Deadline::Malformed => header(4),
        };
        let key = if self.key > 0 { 4 } else { 0 };
        let value = if self.tombstone { 0 } else { u64::from(self.bytes) };
        key + value + headers as u64
    }

    /// Whether the wall clock is past its deadline, if deadlines count.
    pub fn is_expired(&self, ttl: bool, wall: UnixMillis) -> bool {
        matches!(self.deadline, Deadline::At(at) if ttl && wall > at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::admission::{self, Deadline as Read};

    #[test]
    fn bursts_add_up_to_the_number_of_records_and_are_spread_evenly() {
        let workload = Workload { records: 10, bursts: 3, over: Duration::from_secs(3), ..Workload::default() };
        let bursts: Vec<_> = workload.bursts().map(|(at, n)| (at.0 / 1_000_000_000, n)).collect();
        assert_eq!(bursts, [(0, 3), (1, 3), (2, 4)]);
        let empty = Workload { records: 0, ..Workload::default() };
        assert_eq!(empty.bursts().map(|(_, n)| n).sum::<u32>(), 0);
    }

    #[test]
    fn what_the_log_says_of_a_record_is_what_the_engine_reads() {
        let at = UnixMillis(1_700_000_000_123);
        let record =
            LogRecord { offset: 4, key: 7, bytes: 300, deadline: Deadline::At(at), tombstone: false, poison: None };
        let handed = record.to_record(PartitionId(1), 1);
        assert_eq!(admission::deadline(&handed.payload), Read::At(at));
        assert_eq!((handed.payload.len() as u64, handed.charge()), (record.payload_bytes(), record.charge()));
        let odd = LogRecord { deadline: Deadline::Malformed, tombstone: true, key: 0, ..record };
        let handed = odd.to_record(PartitionId(1), 1);
        assert_eq!(admission::deadline(&handed.payload), Read::Malformed);
        assert_eq!((handed.payload.key(), handed.payload.value()), (None, None));
        assert_eq!(handed.charge(), odd.charge());
    }
}
