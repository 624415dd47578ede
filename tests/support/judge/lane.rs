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
    /// Ends in the dead letters: once the worker has refused it, those of its key behind it may go while its letter is
    /// still under way.
    pub refused: bool,
    /// Gone from the broker: finished without anybody.
    pub removed: bool,
    /// The sidecar's life (kills so far) in which the worker last finished it, or its dead letter was taken.
    pub done_in: Option<u32>,
}

impl Known {
    pub fn is_finished(&self, at_ms: i64) -> bool {
        self.done_in.is_some() || self.removed || self.has_expired(at_ms)
    }

    fn has_expired(&self, at_ms: i64) -> bool {
        self.deadline_ms.is_some_and(|deadline| deadline < at_ms)
    }

    /// Whether nothing finished it but its deadline.
    pub fn only_expired(&self, at_ms: i64) -> bool {
        self.done_in.is_none() && !self.removed && self.has_expired(at_ms)
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

    /// Records at or after this offset that the worker or a dead letter has finished.
    pub fn done_from(&self, offset: i64) -> u64 {
        let from = self.records.partition_point(|record| record.offset < offset);
        self.records[from..].iter().filter(|record| record.done_in.is_some()).count() as u64
    }
}
