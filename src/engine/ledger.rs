//! Which offsets of one partition, in one epoch, are finished.
//!
//! The window holds one entry per *record*, not per offset, so a gap of any size (compaction, transaction markers)
//! costs nothing. Records finish in any order; the frontier is the offset of the oldest unfinished one, which is the
//! only thing ever committed. What is finished beyond it goes along as text ([`completed`]), so that the next epoch,
//! here or elsewhere, passes it over. Misuse is a typed error and changes nothing.

pub mod completed;

use std::collections::VecDeque;

use self::completed::Completed;

use crate::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// An offset that is not beyond the last one: the log went back, a new epoch has to begin.
    #[error("offset {offset} is not beyond the last one, {expected} or later was due")]
    Backwards { expected: i64, offset: i64 },
    #[error("record {seq} finished twice")]
    Twice { seq: u64 },
    #[error("record {seq} was never charged")]
    Unknown { seq: u64 },
}

impl LedgerError {
    /// Label in metrics.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Backwards { .. } => "backwards",
            Self::Twice { .. } => "twice",
            Self::Unknown { .. } => "unknown",
        }
    }
}

/// One partition's records from the frontier on. Its length is bounded by the engine, which stops fetching the
/// partition before `span_max` is reached.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// Oldest unfinished record first; the front is never finished.
    window: VecDeque<Entry>,
    /// Sequence number of the front.
    base: u64,
    /// The next offset the log can bring.
    next: Option<i64>,
    /// Since when the front has been the front.
    front_since: Instant,
    /// What was finished before this epoch began and has not come by yet.
    before: Completed,
    /// Finished records in the window.
    beyond: u32,
    /// Grows whenever there is something new to commit.
    revision: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    offset: i64,
    finished: bool,
}

impl Ledger {
    /// A ledger that begins where another one ended: at its frontier, with what was finished beyond.
    pub fn resume(before: Completed) -> Self {
        Self { before, ..Self::default() }
    }

    /// Whether a record was finished before this epoch began. Asked in the order of the offsets, once each.
    pub fn was_completed(&mut self, offset: i64) -> bool {
        self.before.has(offset)
    }

    /// Takes a record in and numbers it.
    ///
    /// # Errors
    /// [`LedgerError::Backwards`] when the offset was passed before.
    pub fn charge(&mut self, now: Instant, offset: i64) -> Result<u64, LedgerError> {
        if let Some(expected) = self.next.filter(|next| offset < *next) {
            return Err(LedgerError::Backwards { expected, offset });
        }
        if self.window.is_empty() {
            self.front_since = now;
        }
        if self.next.is_none() {
            self.before.begin_at(offset);
        }
        self.window.push_back(Entry { offset, finished: false });
        self.next = Some(offset.saturating_add(1));
        Ok(self.base + self.window.len() as u64 - 1)
    }

    /// Finishes a record. True when the frontier moved.
    ///
    /// # Errors
    /// [`LedgerError::Twice`] or [`LedgerError::Unknown`].
    pub fn finish(&mut self, now: Instant, seq: u64) -> Result<bool, LedgerError> {
        let Some(index) = seq.checked_sub(self.base) else {
            return Err(LedgerError::Twice { seq });
        };
        let entry = usize::try_from(index).ok().and_then(|i| self.window.get_mut(i));
        let entry = entry.ok_or(LedgerError::Unknown { seq })?;
        if std::mem::replace(&mut entry.finished, true) {
            return Err(LedgerError::Twice { seq });
        }
        self.beyond += 1;
        self.revision += 1;
        if index != 0 {
            return Ok(false);
        }
        while self.window.front().is_some_and(|front| front.finished) {
            self.window.pop_front();
            self.base += 1;
            self.beyond -= 1;
        }
        self.front_since = now;
        Ok(true)
    }

    /// The log was read up to `offset` and held nothing more: markers and compacted records count as read. True when
    /// the frontier moved.
    pub fn reach_end(&mut self, offset: i64) -> bool {
        if self.next.is_some_and(|next| next >= offset) {
            return false;
        }
        if self.next.replace(offset).is_none() {
            self.before.begin_at(offset);
        }
        self.window.is_empty()
    }

    /// The next offset to read after a restart; `None` until the partition has shown a record or its end.
    pub fn frontier(&self) -> Option<i64> {
        self.window.front().map(|front| front.offset).or(self.next)
    }

    /// What is finished beyond the frontier, as text of at most `bytes_max`; empty when nothing is.
    pub fn completed(&self, bytes_max: usize) -> String {
        let (Some(frontier), Some(next)) = (self.frontier(), self.next) else { return String::new() };
        if self.beyond == 0 && self.before.is_empty() {
            return String::new();
        }
        completed::encode(frontier, joined(self.runs().chain(self.before.from(next))), bytes_max)
    }

    /// Runs of finished records in the window; a run reaches to the next unfinished record.
    fn runs(&self) -> impl Iterator<Item = (i64, i64)> {
        let nexts = self.window.iter().skip(1).map(|entry| entry.offset).chain(self.next);
        let finished = self.window.iter().zip(nexts).filter(|(entry, _)| entry.finished);
        finished.map(|(entry, next)| (entry.offset, next))
    }

    /// Changes whenever a record is finished.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Finished records beyond the frontier.
    pub fn beyond(&self) -> u32 {
        self.beyond
    }

    /// The next offset the log can bring.
    pub fn position(&self) -> Option<i64> {
        self.next
    }

    /// Records from the frontier on, finished ones in between included.
    pub fn span(&self) -> u32 {
        u32::try_from(self.window.len()).unwrap_or(u32::MAX)
    }

    /// Unfinished records.
    pub fn unfinished(&self) -> u32 {
        self.span() - self.beyond
    }

    /// Since when the oldest unfinished record has held the frontier; `None` when nothing is unfinished.
    pub fn held_since(&self) -> Option<Instant> {
        (!self.window.is_empty()).then_some(self.front_since)
    }
}

/// Runs that touch are one.
fn joined(runs: impl Iterator<Item = (i64, i64)>) -> impl Iterator<Item = (i64, i64)> {
    let mut runs = runs.peekable();
    std::iter::from_fn(move || {
        let (from, mut to) = runs.next()?;
        while let Some((_, end)) = runs.next_if(|(next, _)| *next == to) {
            to = end;
        }
        Some((from, to))
    })
}

#[cfg(test)]
mod tests;
