//! What is known of one partition while the history is gone through.

/// What was produced to it and what has become of that.
#[derive(Debug, Default)]
pub struct Lane {
    /// In the order of their offsets.
    pub records: Vec<Known>,
    /// All before this one are finished.
    first: usize,
}

#[derive(Debug, Clone)]
pub struct Known {
    pub offset: i64,
    pub number: u64,
    pub deadline_ms: Option<i64>,
    /// In the dead letters, or gone from the broker: finished without the worker.
    pub excused: bool,
    /// The sidecar's life (kills so far) in which the worker last finished it.
    pub done_in: Option<u32>,
}

impl Known {
    pub fn is_finished(&self, at_ms: i64) -> bool {
        self.done_in.is_some() || self.excused || self.deadline_ms.is_some_and(|deadline| deadline < at_ms)
    }
}

impl Lane {
    pub fn find(&mut self, offset: i64) -> Option<&mut Known> {
        let at = self.records.binary_search_by_key(&offset, |record| record.offset).ok()?;
        Some(&mut self.records[at])
    }

    /// The first record that is not finished.
    pub fn unfinished(&mut self, at_ms: i64) -> Option<&Known> {
        while self.records.get(self.first)?.is_finished(at_ms) {
            self.first += 1;
        }
        self.records.get(self.first)
    }

    /// Records the worker has finished at or after this offset.
    pub fn done_from(&self, offset: i64) -> u64 {
        let from = self.records.partition_point(|record| record.offset < offset);
        self.records[from..].iter().filter(|record| record.done_in.is_some()).count() as u64
    }
}
