//! The checker's own account of one partition: where every record is, as far as can be seen from outside the engine.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    engine::{event::BatchId, event::Reason, settings::Ordering},
    record::Epoch,
    sim::workload::LogRecord,
    time::Instant,
};

/// Who may work on a partition, as of what the engine was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Owned {
    #[default]
    No,
    Active,
    /// Revoked and not yet released.
    Draining,
}

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Place {
    /// Not handed to the engine in this epoch.
    #[default]
    Log,
    /// With the engine, waiting.
    Held,
    /// With the worker.
    Out(BatchId),
    /// On its way to the dead-letter topic.
    Letter,
    Finished(End),
    /// Abandoned: the next epoch gets it.
    LetGo,
}

/// How a record was finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Completed,
    Expired,
    DeadLettered,
    Skipped,
    /// By an epoch before this one, in which it came to its end.
    Before,
}

/// One record of the log.
#[derive(Debug, Clone, Copy, Default)]
pub struct Entry {
    /// The checker's number of the epoch that `place` and what follows belongs to.
    epoch: u32,
    pub place: Place,
    /// Failures that are its own.
    pub attempts: u16,
    /// What it was given up for.
    pub doomed: Option<Reason>,
    /// The engine's number of the epoch in which its letter was posted.
    pub posted_in: Option<Epoch>,
    /// In any epoch.
    pub successes: u32,
    pub finished_ever: bool,
    /// Another member finished it.
    pub elsewhere: bool,
}

/// Records with the engine that wait for something, over all partitions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    pub records: u64,
    pub bytes: u64,
    /// What one record counts at most.
    pub record_bytes_max: u64,
}

#[derive(Debug, Default)]
pub struct Book {
    pub owned: Owned,
    pub epoch: u32,
    /// How often it was assigned to this process, as far as the engine was told.
    pub begun: u32,
    /// Index of the first record of this epoch.
    pub first: Option<usize>,
    pub entries: Vec<Entry>,
    /// Everything before this index is finished, in whatever epoch.
    pub finished: usize,
    /// The next offset the source may hand over.
    pub next: i64,
    /// Everything before this index is settled as far as commits are concerned.
    pub verified: usize,
    /// Asked for last in this epoch.
    pub asked: Option<i64>,
    pub stopped: bool,
    /// As the client was told last.
    pub paused: bool,
    pub release_due: Option<Instant>,
    /// Ordered modes: unfinished records by order mark.
    pending: BTreeMap<u32, BTreeSet<usize>>,
}

impl Book {
    /// The entry of a record, as of this epoch.
    pub fn entry(&mut self, index: usize) -> &mut Entry {
        if self.entries.len() <= index {
            self.entries.resize_with(index + 1, Entry::default);
        }
        let epoch = self.epoch;
        let entry = &mut self.entries[index];
        if entry.epoch != epoch {
            *entry = Entry {
                epoch,
                successes: entry.successes,
                finished_ever: entry.finished_ever,
                elsewhere: entry.elsewhere,
                ..Entry::default()
            };
        }
        entry
    }

    /// Where a record is.
    pub fn place(&mut self, index: usize) -> Place {
        self.entry(index).place
    }

    /// Whether a record was handed over in this epoch.
    pub fn is_of_epoch(&self, index: usize, epoch: u32) -> bool {
        self.owned != Owned::No && self.epoch == epoch && self.entries.get(index).is_some_and(|e| e.epoch == epoch)
    }

    /// Moves a record, and keeps count of what waits.
    pub fn put(&mut self, index: usize, record: &LogRecord, place: Place, waiting: &mut Waiting) {
        let entry = self.entry(index);
        let before = std::mem::replace(&mut entry.place, place);
        // A record over the size limit is bounded by the window of credit, in records.
        let bytes = record.charge().min(waiting.record_bytes_max);
        if before == Place::Held {
            waiting.records -= 1;
            waiting.bytes -= bytes;
        }
        if place == Place::Held {
            waiting.records += 1;
            waiting.bytes += bytes;
        }
        if matches!(place, Place::Finished(_)) {
            entry.finished_ever = true;
        }
    }

    /// A new epoch: nothing of the old one counts any more.
    pub fn begin(&mut self, next: i64, index: usize) {
        self.epoch += 1;
        self.next = next;
        self.verified = index;
        self.first = None;
        self.asked = None;
        self.stopped = false;
        self.release_due = None;
        self.pending.clear();
    }

    /// Indices of the records that wait with the engine.
    pub fn held(&self) -> Vec<usize> {
        let held = |entry: &Entry| entry.epoch == self.epoch && entry.place == Place::Held;
        self.entries.iter().enumerate().filter(|(_, entry)| held(entry)).map(|(index, _)| index).collect()
    }

    /// A record takes its place in its order.
    pub fn line_up(&mut self, mark: u32, index: usize) {
        self.pending.entry(mark).or_default().insert(index);
    }

    pub fn step_out(&mut self, mark: u32, index: usize) {
        if let Some(line) = self.pending.get_mut(&mark) {
            line.remove(&index);
        }
    }

    /// Unfinished records that have to go before this one. What is given up holds nobody up.
    pub fn ahead_of(&self, mark: u32, index: usize) -> impl Iterator<Item = usize> {
        let line = self.pending.get(&mark).into_iter().flat_map(move |line| line.range(..index).copied());
        line.filter(|index| self.entries.get(*index).is_none_or(|entry| entry.doomed.is_none()))
    }
}

/// What a record may not overtake: its key, or anything in its partition; `None` when it is free.
pub fn mark(ordering: Ordering, record: &LogRecord) -> Option<u32> {
    match ordering {
        Ordering::None => None,
        Ordering::Key => (record.key > 0).then_some(record.key),
        Ordering::Partition => Some(0),
    }
}
