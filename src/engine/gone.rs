//! Records that retention deleted before they were read: the one loss that is nobody's mistake here, so it is told.
//!
//! A log has gaps of its own (compaction, aborted records, transaction markers), so a jump of the offsets says nothing.
//! The widest since the last look is kept, the brokers are asked where the log begins, and if that lies beyond where the
//! jump began, what was jumped over is gone.

use std::time::Duration;

use crate::{
    engine::{Effects, Engine, assignment::Partition, event::Command, fact::Fact},
    record::PartitionId,
    time::{Instant, Now},
};

/// A transactional topic has a gap at every commit: its leader is asked no more often than this.
const ASK_EVERY: Duration = Duration::from_secs(10);

/// Offsets that were jumped over: from the one that was due to the one that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    from: i64,
    to: i64,
    seen_at: Instant,
}

impl Partition {
    /// The log brings `offset` next, a record or its end.
    pub(super) fn note_gap(&mut self, now: Instant, offset: i64) {
        let due = self.ledger.position().or(self.resumed_at);
        let Some(from) = due.filter(|from| *from < offset) else { return };
        if self.gap.is_none_or(|known| known.to.saturating_sub(known.from) < offset.saturating_sub(from)) {
            self.gap = Some(Gap { from, to: offset, seen_at: now });
        }
    }
}

impl Engine {
    /// Asks where the logs begin that have gaps; looked at about once a second.
    pub(super) fn ask_for_starts(&mut self, now: Now, out: &mut Effects) {
        if self.starts_asked_at.is_some_and(|asked| now.mono < asked + ASK_EVERY) {
            return;
        }
        let ids: Vec<_> = self.partitions.active().filter(|(_, p)| p.gap.is_some()).map(|(id, _)| id).collect();
        if !ids.is_empty() {
            self.starts_asked_at = Some(now.mono);
            out.command(Command::ReadStarts(ids));
        }
    }

    pub(super) fn on_starts_read(&mut self, found: &[(PartitionId, i64)], out: &mut Effects) {
        let Some(asked_at) = self.starts_asked_at else { return };
        for (id, start) in found {
            let Some(partition) = self.partitions.get_mut(*id) else { continue };
            // A gap that was seen after the question may be of later doing.
            let Some(gap) = partition.gap.take_if(|gap| gap.seen_at <= asked_at) else { continue };
            if gap.from < *start {
                let (topic, number) = (partition.topic.clone(), partition.number);
                out.fact(Fact::RecordsGone { topic, number, from: gap.from, to: gap.to });
            }
        }
    }
}
