//! Partitions coming and going.
//!
//! The client holds the whole rebalance until it is answered with an assign or an unassign. An assignment is answered
//! as soon as it is known where it starts ([`assigning`](super::assigning)). A revoke is told to the engine and answered
//! when the engine has released all of it, while polling goes on; until then nothing of the whole assignment is fetched,
//! so it had better be short. What is lost is answered at once.

use std::collections::BTreeSet;

use rdkafka::{
    TopicPartitionList,
    consumer::{Consumer as _, RebalanceProtocol},
    error::KafkaResult,
};

use super::{Phase, Poller};
use crate::{
    engine::event::Event,
    kafka::{context::Listed, partitions},
    record::PartitionId,
};

/// A revoke the client waits for.
#[derive(Debug)]
pub struct Revoke {
    ids: Vec<PartitionId>,
    /// Not yet released by the engine.
    held: BTreeSet<PartitionId>,
    listed: Listed,
}

impl Poller {
    fn unassign(&self, list: &TopicPartitionList) -> KafkaResult<()> {
        match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => self.consumer.incremental_unassign(list),
            _ => self.consumer.unassign(),
        }
    }

    pub(super) fn on_revoke(&mut self, listed: Listed, lost: bool) {
        if self.phase != Phase::Running {
            self.answer_quietly();
            return;
        }
        // An assignment that was not answered yet is not waited for any more.
        self.assigning = None;
        let known = listed.names.iter().filter_map(|(topic, number)| self.partitions.find(topic, *number));
        let ids: Vec<_> = known.filter(|id| self.partitions.is_ours(*id)).collect();
        for id in &ids {
            self.stash.drop_partition(*id);
            self.partitions.set_phase(*id, partitions::Phase::Revoking);
        }
        let held = if lost { BTreeSet::new() } else { ids.iter().copied().collect() };
        if !ids.is_empty() {
            self.outbox.push(Event::Revoked { partitions: ids.clone(), lost });
        }
        let done = held.is_empty();
        self.revoke = Some(Revoke { ids, held, listed });
        if done {
            self.give_back();
        }
    }

    pub(super) fn release(&mut self, ids: &[PartitionId]) {
        let Some(revoke) = &mut self.revoke else { return };
        for id in ids {
            revoke.held.remove(id);
        }
        if revoke.held.is_empty() {
            self.give_back();
        }
    }

    /// The assignment may be lost while its revoke is being drained. The client then only sets a mark.
    pub(super) fn check_lost(&mut self) {
        if self.revoke.is_some() && self.consumer.assignment_lost() {
            self.lose_revoked();
        }
    }

    /// What is being revoked is no longer ours even to commit.
    pub(super) fn lose_revoked(&mut self) {
        let Some(revoke) = &self.revoke else { return };
        self.outbox.push(Event::Revoked { partitions: revoke.ids.clone(), lost: true });
        self.give_back();
    }

    /// Answers a revoke.
    pub(super) fn give_back(&mut self) {
        let Some(Revoke { ids, listed, .. }) = self.revoke.take() else { return };
        self.forget_pauses(&ids);
        let retained: Vec<_> = self.partitions.assigned().collect();
        self.aim(&retained);
        let result = self.unassign(&listed.list);
        for id in ids {
            self.partitions.set_phase(id, partitions::Phase::Released);
        }
        if let Err(error) = result {
            return self.fail(format!("the client does not take its partitions back: {error}"));
        }
        self.place(&retained);
    }

    /// Answers whatever rebalance is under way with "nothing", on the way out.
    pub(super) fn answer_quietly(&mut self) {
        (self.assigning, self.revoke) = (None, None);
        // There is nothing to be done about a refusal, and the client ends its close without an answer if it must.
        let _ = self.consumer.unassign();
        for (_, slot) in self.partitions.iter_mut() {
            slot.phase = partitions::Phase::Released;
        }
    }
}
