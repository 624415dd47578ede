//! One partition's log: records with gaps between them, an end that may lie past the last record, and a start that
//! retention moves.

use std::sync::Arc;

use crate::sim::workload::LogRecord;

#[derive(Debug)]
pub struct Log {
    pub topic: Arc<str>,
    pub number: i32,
    /// All that were ever written, deleted ones included, so that a record keeps its index.
    records: Vec<LogRecord>,
    start: i64,
    end: i64,
}

impl Log {
    pub fn new(topic: Arc<str>, number: i32) -> Self {
        Self { topic, number, records: Vec::new(), start: 0, end: 0 }
    }

    /// The log start offset.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// The log end offset.
    pub fn end(&self) -> i64 {
        self.end
    }

    pub fn records(&self) -> &[LogRecord] {
        &self.records
    }

    /// Offsets that hold no record: compacted away, or a transaction marker.
    pub fn skip(&mut self, offsets: u64) {
        self.end = self.end.saturating_add_unsigned(offsets);
    }

    /// Writes a record at the end, wherever its own offset says it is.
    pub fn append(&mut self, record: LogRecord) {
        self.records.push(LogRecord { offset: self.end, ..record });
        self.end += 1;
    }

    /// Index of the first record at or after an offset.
    pub fn index_at(&self, offset: i64) -> usize {
        self.records.partition_point(|record| record.offset < offset)
    }

    /// Index of the record at an offset.
    pub fn index_of(&self, offset: i64) -> Option<usize> {
        self.records.binary_search_by_key(&offset, |record| record.offset).ok()
    }

    pub fn record(&self, offset: i64) -> Option<&LogRecord> {
        self.records.get(self.index_of(offset)?)
    }

    /// Deletes the oldest `pct` percent of what is there.
    pub fn trim(&mut self, pct: u32) {
        let first = self.index_at(self.start);
        let gone = (self.records.len() - first) * pct.min(100) as usize / 100;
        self.start = self.records.get(first + gone).map_or(self.end, |record| record.offset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::workload::Deadline;

    fn record() -> LogRecord {
        LogRecord { offset: 0, key: 0, bytes: 1, deadline: Deadline::None, tombstone: false, poison: None }
    }

    #[test]
    fn gaps_and_markers_take_offsets_and_hold_no_record() {
        let mut log = Log::new("t".into(), 0);
        log.append(record());
        log.skip(1_000_000_000);
        log.append(record());
        log.skip(1);
        assert_eq!(log.records().iter().map(|r| r.offset).collect::<Vec<_>>(), [0, 1_000_000_001]);
        assert_eq!((log.end(), log.index_of(5), log.index_at(5)), (1_000_000_003, None, 1));
    }

    #[test]
    fn retention_moves_the_start_to_a_record_or_to_the_end() {
        let mut log = Log::new("t".into(), 0);
        (0..10).for_each(|_| log.append(record()));
        log.trim(50);
        assert_eq!(log.start(), 5);
        log.trim(100);
        assert_eq!(log.start(), 10);
    }
}
