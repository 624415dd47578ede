//! The group's committed offsets, read back now and then and compared with what was committed: the one promise that
//! somebody else can break. Another tool, or another process under the same name, may commit past what is unfinished.
//!
//! What the group should have lies between what was acknowledged when the question was asked and the frontier when the
//! answer comes. Anything else is told, and the frontier is committed again.

use crate::{
    engine::{Effects, Engine, event::Command, fact::Fact},
    record::PartitionId,
    time::{Instant, Now},
};

#[derive(Debug, Default)]
pub struct Audit {
    asked_at: Instant,
    /// Committed offsets read back and compared.
    pub compared: u64,
}

impl Engine {
    /// Asks, when it is time; looked at about once a second.
    pub(super) fn ask_for_committed(&mut self, now: Now, out: &mut Effects) {
        let Some(every) = self.settings.audit_every.filter(|_| self.settings.commit_interval.is_some()) else { return };
        if now.mono < self.audit.asked_at + every || self.drain.is_some() {
            return;
        }
        self.audit.asked_at = now.mono;
        let mut ids = Vec::new();
        for (id, partition) in self.partitions.owned_mut() {
            partition.audited = partition.committed;
            if partition.audited.is_some() {
                ids.push(id);
            }
        }
        if !ids.is_empty() {
            out.command(Command::ReadCommitted(ids));
        }
    }

    pub(super) fn on_committed_read(&mut self, found: &[(PartitionId, Option<i64>)], out: &mut Effects) {
        for (id, found) in found {
            // Nothing was asked in this epoch, or it was answered already.
            let Some(partition) = self.partitions.get_mut(*id) else { continue };
            let Some(known) = partition.audited.take() else { continue };
            let frontier = partition.ledger.frontier();
            let agrees = found.is_some_and(|found| known <= found && Some(found) <= frontier);
            self.audit.compared += 1;
            if agrees {
                continue;
            }
            let (topic, number) = (partition.topic.clone(), partition.number);
            (partition.asked, partition.committed) = (None, None);
            self.commits.mark_dirty(*id, &mut partition.dirty);
            out.fact(Fact::CommittedDiffers { topic, number, known, found: *found });
        }
    }
}
