//! Records that retention deleted before they were read: the one loss that is nobody's mistake here, so it is told.
//!
//! A log has gaps of its own (compaction, aborted records, transaction markers), so a jump of the offsets says nothing.
//! It is remembered, the brokers are asked where the log begins, and if that lies beyond where the first jump began, what
//! lay between is gone. Of several jumps before the answer the whole way counts, so that it is never told too little.

use std::time::Duration;

use crate::{
    engine::{Effects, Engine, assignment::Partition, event::Command, fact::Fact},
    record::PartitionId,
    time::Now,
};

/// A transactional topic has a gap at every commit: its leader is asked no more often than this.
const ASK_EVERY: Duration = Duration::from_secs(10);

/// Offsets that were jumped over: from the first one that was due to the last one that came instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    from: i64,
    to: i64,
}

impl Gap {
    /// The whole way, with what was jumped over before.
    fn behind(self, earlier: Option<Self>) -> Self {
        Self { from: earlier.map_or(self.from, |earlier| earlier.from), ..self }
    }
}

/// What one partition has jumped over.
#[derive(Debug, Default)]
pub struct Gaps {
    /// Since the brokers were asked last.
    new: Option<Gap>,
    /// Before: the answer decides.
    asked: Option<Gap>,
}

impl Gaps {
    fn add(&mut self, gap: Gap) {
        self.new = Some(gap.behind(self.new));
    }

    fn is_empty(&self) -> bool {
        self.new.is_none() && self.asked.is_none()
    }

    /// What was asked about before and not answered is asked about again.
    fn ask(&mut self) {
        if let Some(new) = self.new.take() {
            self.asked = Some(new.behind(self.asked));
        }
    }
}

impl Partition {
    /// The log brings `offset` next, a record or its end.
    pub(super) fn note_gap(&mut self, offset: i64) {
        if let Some(due) = self.ledger.position().or(self.resumed_at).filter(|due| *due < offset) {
            self.gaps.add(Gap { from: due, to: offset });
        }
    }
}

impl Engine {
    /// Asks where the logs begin that have gaps; looked at about once a second.
    pub(super) fn ask_for_starts(&mut self, now: Now, out: &mut Effects) {
        if self.starts_asked_at.is_some_and(|asked| now.mono < asked + ASK_EVERY) {
            return;
        }
        let mut ids = Vec::new();
        for (id, partition) in self.partitions.owned_mut().filter(|(_, partition)| !partition.gaps.is_empty()) {
            partition.gaps.ask();
            ids.push(id);
        }
        if !ids.is_empty() {
            self.starts_asked_at = Some(now.mono);
            out.command(Command::ReadStarts(ids));
        }
    }

    pub(super) fn on_starts_read(&mut self, found: &[(PartitionId, i64)], out: &mut Effects) {
        for (id, start) in found {
            let Some(partition) = self.partitions.get_mut(*id) else { continue };
            let Some(gap) = partition.gaps.asked.take().filter(|gap| gap.from < *start) else { continue };
            let (topic, number) = (partition.topic.clone(), partition.number);
            out.fact(Fact::RecordsGone { topic, number, from: gap.from, to: gap.to.min(*start) });
        }
    }
}
