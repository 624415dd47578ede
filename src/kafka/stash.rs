//! What was taken from the client and not yet handed over, and how much may be.
//!
//! The client is asked only when the stash is empty and there is credit, for at most the records that credit covers.
//! What byte credit then does not cover waits here, at most one poll's worth. First in, first out: so the order within
//! a partition is kept, and an end stays behind the records it follows. Nothing here knows Kafka.

use std::collections::VecDeque;

use crate::{
    engine::event::PartitionEnd,
    record::{PartitionId, Record},
};

#[derive(Debug)]
pub struct Stash {
    entries: VecDeque<Entry>,
    records: u32,
    bytes: u64,
    poll_records_max: u32,
    record_bytes_max: u64,
}

#[derive(Debug)]
enum Entry {
    Record(Record),
    End(PartitionEnd),
}

/// One poll as it is handed over. Never empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Polled {
    pub records: Vec<Record>,
    pub ends: Vec<PartitionEnd>,
}

impl Stash {
    /// Polls of at most `poll_records_max`; a record charged with more than `record_bytes_max` passes without byte
    /// credit and takes none.
    pub fn new(poll_records_max: u32, record_bytes_max: u64) -> Self {
        let poll_records_max = poll_records_max.max(1);
        Self { entries: VecDeque::new(), records: 0, bytes: 0, poll_records_max, record_bytes_max }
    }

    pub fn grant(&mut self, records: u32, bytes: u64) {
        self.records = self.records.saturating_add(records);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// How many entries the client may be asked for now.
    pub fn room(&self) -> usize {
        if self.entries.is_empty() && self.bytes > 0 { self.records.min(self.poll_records_max) as usize } else { 0 }
    }

    pub fn push_record(&mut self, record: Record) {
        self.entries.push_back(Entry::Record(record));
    }

    pub fn push_end(&mut self, end: PartitionEnd) {
        self.entries.push_back(Entry::End(end));
    }

    /// The partition is no longer ours: what is stashed of it goes to its next owner.
    pub fn drop_partition(&mut self, id: PartitionId) {
        self.entries.retain(|entry| entry.partition() != id);
    }

    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Hands over what the credit covers.
    pub fn poll(&mut self) -> Option<Polled> {
        let mut polled = Polled::default();
        while let Some(entry) = self.entries.pop_front() {
            match entry {
                Entry::End(end) => {
                    polled.ends.retain(|earlier| earlier.partition != end.partition);
                    polled.ends.push(end);
                }
                Entry::Record(record) if self.affords(&record, polled.records.len()) => {
                    // A record behind an end says all that the end said.
                    polled.ends.retain(|end| end.partition != record.partition);
                    if polled.records.is_empty() {
                        polled.records.reserve_exact(self.entries.len() + 1);
                    }
                    self.use_up(&record);
                    polled.records.push(record);
                }
                Entry::Record(record) => {
                    self.entries.push_front(Entry::Record(record));
                    break;
                }
            }
        }
        (!polled.records.is_empty() || !polled.ends.is_empty()).then_some(polled)
    }

    fn affords(&self, record: &Record, polled: usize) -> bool {
        self.records > 0
            && polled < self.poll_records_max as usize
            && (record.charge() <= self.bytes || self.is_oversized(record))
    }

    fn is_oversized(&self, record: &Record) -> bool {
        record.charge() > self.record_bytes_max
    }

    /// The engine counts along, and by the same rule: if the two ever disagreed, it would think bytes granted that are
    /// not there, and nothing would come any more.
    fn use_up(&mut self, record: &Record) {
        self.records -= 1;
        if !self.is_oversized(record) {
            self.bytes = self.bytes.saturating_sub(record.charge());
        }
    }
}

impl Entry {
    fn partition(&self) -> PartitionId {
        match self {
            Self::Record(record) => record.partition,
            Self::End(end) => end.partition,
        }
    }
}

#[cfg(test)]
mod tests;
