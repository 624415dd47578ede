//! What the client took and has not handed over, and how much credit it has: the adapter's rules, in the adapter's
//! words (a record that byte credit does not cover waits here, at most one poll's worth; ends stay behind the records
//! they follow).

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
pub enum Entry {
    Record(Record),
    End(PartitionEnd),
}

impl Stash {
    pub fn new(poll_records_max: u32, record_bytes_max: u64) -> Self {
        Self { entries: VecDeque::new(), records: 0, bytes: 0, poll_records_max, record_bytes_max }
    }

    pub fn grant(&mut self, records: u32, bytes: u64) {
        self.records = self.records.saturating_add(records);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Entries that may be taken now.
    pub fn room(&self) -> u32 {
        if self.entries.is_empty() && self.bytes > 0 { self.records.min(self.poll_records_max) } else { 0 }
    }

    pub fn push(&mut self, entry: Entry) {
        self.entries.push_back(entry);
    }

    pub fn drop_partition(&mut self, id: PartitionId) {
        self.entries.retain(|entry| entry.partition() != id);
    }

    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// What the credit covers, never empty.
    pub fn poll(&mut self) -> Option<(Vec<Record>, Vec<PartitionEnd>)> {
        let (mut records, mut ends) = (Vec::new(), Vec::<PartitionEnd>::new());
        while let Some(entry) = self.entries.pop_front() {
            let id = entry.partition();
            match entry {
                Entry::End(end) => {
                    ends.retain(|earlier| earlier.partition != id);
                    ends.push(end);
                }
                Entry::Record(record) if self.affords(&record, records.len()) => {
                    ends.retain(|end| end.partition != id);
                    self.records -= 1;
                    // What passes without byte credit takes none.
                    if record.charge() <= self.record_bytes_max {
                        self.bytes = self.bytes.saturating_sub(record.charge());
                    }
                    records.push(record);
                }
                Entry::Record(record) => {
                    self.entries.push_front(Entry::Record(record));
                    break;
                }
            }
        }
        (!records.is_empty() || !ends.is_empty()).then_some((records, ends))
    }

    fn affords(&self, record: &Record, polled: usize) -> bool {
        let charge = record.charge();
        let room = self.records > 0 && polled < self.poll_records_max as usize;
        room && (charge <= self.bytes || charge > self.record_bytes_max)
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
mod tests {
    use super::*;
    use crate::record::{MIN_CHARGE_BYTES, Payload};

    fn record(offset: i64) -> Entry {
        Entry::Record(Record::new(PartitionId(0), 0, offset, -1, Payload::new(None, Some(b"v"))))
    }

    #[test]
    fn nothing_is_handed_over_beyond_the_credit() {
        let mut stash = Stash::new(4, 1000);
        assert_eq!(stash.room(), 0);
        stash.grant(3, 2 * MIN_CHARGE_BYTES);
        assert_eq!(stash.room(), 3);
        (0..3).for_each(|offset| stash.push(record(offset)));
        assert_eq!(stash.poll().unwrap().0.len(), 2, "bytes for two");
        assert!(stash.poll().is_none());
        assert_eq!(stash.room(), 0, "one waits");
        stash.grant(0, MIN_CHARGE_BYTES);
        assert_eq!(stash.poll().unwrap().0.len(), 1);
    }

    #[test]
    fn an_end_waits_for_the_records_before_it() {
        let mut stash = Stash::new(4, 1000);
        stash.grant(1, 1000);
        (0..2).for_each(|offset| stash.push(record(offset)));
        stash.push(Entry::End(PartitionEnd { partition: PartitionId(0), offset: 2 }));
        assert!(stash.poll().unwrap().1.is_empty());
        stash.grant(1, 0);
        assert_eq!(stash.poll().unwrap().1.len(), 1);
    }
}
