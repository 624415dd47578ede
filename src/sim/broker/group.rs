//! The group: who owns which partition, and what is committed.

use crate::{
    engine::event::{CommitId, CommitOutcome, Committed, Event, Mark},
    record::PartitionId,
    sim::{
        broker::{Broker, client::Phase},
        due::{CommitRequest, Cx, Due},
        fault::{CommitMood, Set},
        setup::Setup,
        trace::Step,
    },
};

impl Broker {
    /// Gives the member every partition that is free and meant for it.
    pub fn join(&mut self, cx: &mut Cx<'_>, setup: &Setup) {
        if self.client.left {
            return;
        }
        let free: Vec<PartitionId> = self.client.in_phase(Phase::Released).filter(|id| !self.is_away(*id)).collect();
        if free.is_empty() {
            return;
        }
        self.place_retained();
        let mut assigned = Vec::new();
        for id in free {
            self.change_owner(id);
            let start = self.logs.get(id.index()).map_or(0, |log| log.start());
            let from = self.committed(id).unwrap_or(start);
            self.client.begin(id, from);
            cx.note(Step::Assigned { partition: id });
            assigned.extend(self.assignment(id));
        }
        self.client.tell(cx, Event::Assigned(assigned));
        self.fetch_all(cx, setup);
    }

    /// How often a partition was assigned to this process; `None` while it is not.
    pub fn begun(&self, id: PartitionId) -> Option<u32> {
        self.client.slots.get(id.index()).filter(|slot| slot.phase == Phase::Assigned).map(|slot| slot.begun)
    }

    /// The group wants these partitions elsewhere.
    pub fn take_away(&mut self, cx: &mut Cx<'_>, set: Set, lost: bool) {
        let ids: Vec<PartitionId> = self.ids().filter(|id| set.has(*id)).collect();
        for id in &ids {
            if let Some(away) = self.away.get_mut(id.index()) {
                *away = true;
            }
        }
        let phase = |id: &PartitionId| self.client.slots.get(id.index()).map_or(Phase::Released, |slot| slot.phase);
        let (ours, next): (Vec<_>, _) = if lost {
            (ids.into_iter().filter(|id| phase(id) != Phase::Released).collect(), Phase::Released)
        } else {
            (ids.into_iter().filter(|id| phase(id) == Phase::Assigned).collect(), Phase::Revoking)
        };
        if ours.is_empty() {
            return;
        }
        for id in &ours {
            self.client.stop(*id, next);
            if lost {
                self.change_owner(*id);
            }
        }
        self.tell_revoked(cx, ours, lost);
        self.place_retained();
    }

    /// These partitions may come back; another member may have worked on those that were given away.
    pub fn come_back(&mut self, cx: &mut Cx<'_>, setup: &Setup, set: Set) {
        for id in self.ids().filter(|id| set.has(*id)) {
            let released = self.client.slots.get(id.index()).is_some_and(|slot| slot.phase == Phase::Released);
            if self.is_away(id) && released && setup.broker.others_work {
                self.others_work(cx, id);
            }
            if let Some(away) = self.away.get_mut(id.index()) {
                *away = false;
            }
        }
        let delay = setup.broker.rebalance.draw(cx.rng);
        cx.after(delay, Due::Join { process: cx.process });
    }

    fn others_work(&mut self, cx: &mut Cx<'_>, id: PartitionId) {
        let Some(log) = self.logs.get(id.index()) else { return };
        let from = self.committed(id).unwrap_or(log.start()).max(log.start());
        let first = log.index_at(from);
        let index = first + cx.rng.below((log.records().len() - first) as u64 + 1) as usize;
        let to = log.records().get(index).map_or(log.end(), |record| record.offset);
        if to > from {
            self.change_owner(id);
            self.elsewhere.push((id, from, to));
            self.set_committed(id, to, "");
        }
    }

    pub(super) fn release(&mut self, cx: &mut Cx<'_>, setup: &Setup, ids: &[PartitionId]) {
        let mut wanted_back = false;
        for id in ids {
            let revoking = self.client.slots.get(id.index()).is_some_and(|slot| slot.phase == Phase::Revoking);
            if revoking {
                self.client.stop(*id, Phase::Released);
                self.change_owner(*id);
                wanted_back |= !self.is_away(*id);
                cx.note(Step::Released { partition: *id });
            }
        }
        self.place_retained();
        if wanted_back {
            let delay = setup.broker.rebalance.draw(cx.rng);
            cx.after(delay, Due::Join { process: cx.process });
        }
    }

    pub(super) fn leave(&mut self, cx: &mut Cx<'_>, setup: &Setup) {
        if setup.settings.commit_interval.is_none() {
            self.commit_handed();
        }
        self.client.stop_all();
        self.ids().for_each(|id| self.change_owner(id));
        self.client.left = true;
        self.client.tell(cx, Event::Left);
    }

    pub(super) fn send_commit(&mut self, cx: &mut Cx<'_>, setup: &Setup, id: CommitId, asked: Vec<Mark>) {
        let (mut marks, mut refused) = (Vec::new(), Vec::new());
        for mark in asked {
            let ours = self.client.slots.get(mark.partition.index()).is_some_and(|slot| slot.phase != Phase::Released);
            if ours {
                let owner = self.owner(mark.partition);
                marks.push((mark, owner));
            } else {
                refused.push(mark.answered(CommitOutcome::EpochOver("NOT_ASSIGNED".to_owned())));
            }
        }
        let delay = setup.broker.commit.draw(cx.rng).saturating_mul(self.commit_times());
        cx.after(delay, Due::Commit(CommitRequest { process: cx.process, id, marks, refused }));
    }

    /// A commit reaches the coordinator.
    pub fn on_commit(&mut self, cx: &mut Cx<'_>, request: CommitRequest) {
        let CommitRequest { process, id, marks, refused: mut results } = request;
        let applies = !matches!(self.commit_mood, Some(CommitMood::Failing | CommitMood::Unanswered));
        let fails = matches!(self.commit_mood, Some(CommitMood::Failing | CommitMood::AppliedButFailing));
        let unanswered = matches!(self.commit_mood, Some(CommitMood::Unanswered | CommitMood::AppliedButUnanswered));
        for (mark, owner) in marks {
            let over_now = owner != self.owner(mark.partition);
            let too_large = mark.metadata.len() > self.metadata_bytes_max;
            if applies && !over_now && !too_large {
                self.set_committed(mark.partition, mark.offset, &mark.metadata);
            }
            let outcome = match (over_now, fails) {
                (false, _) if too_large => CommitOutcome::Failed("OFFSET_METADATA_TOO_LARGE".to_owned()),
                (true, _) => CommitOutcome::EpochOver("ILLEGAL_GENERATION".to_owned()),
                (false, true) => CommitOutcome::Failed("REQUEST_TIMED_OUT".to_owned()),
                (false, false) => CommitOutcome::Applied,
            };
            results.push(mark.answered(outcome));
        }
        // A process that is gone hears nothing.
        if !unanswered && process == cx.process && !self.client.left {
            self.client.tell(cx, Event::Committed { id, results });
        }
    }

    /// What the client's own timer commits with `USE_MANUAL_COMMIT=false`.
    pub(super) fn commit_handed(&mut self) {
        for id in self.ids() {
            let handed = self.client.slots.get(id.index()).and_then(|slot| slot.handed);
            if let Some(handed) = handed {
                self.set_committed(id, handed, "");
            }
        }
    }

    fn commit_times(&self) -> u32 {
        match self.commit_mood {
            Some(CommitMood::Slow { times }) => times,
            _ => 1,
        }
    }

    fn place_retained(&mut self) {
        let retained: Vec<PartitionId> = self.client.assigned().collect();
        retained.into_iter().for_each(|id| self.client.place(id));
    }

    fn is_away(&self, id: PartitionId) -> bool {
        self.away.get(id.index()).copied().unwrap_or(true)
    }

    fn owner(&self, id: PartitionId) -> u64 {
        self.owners.get(id.index()).copied().unwrap_or(0)
    }

    fn change_owner(&mut self, id: PartitionId) {
        if let Some(owner) = self.owners.get_mut(id.index()) {
            *owner += 1;
        }
    }

    fn set_committed(&mut self, id: PartitionId, offset: i64, metadata: &str) {
        if let Some(committed) = self.committed.get_mut(id.index()) {
            *committed = Some(Committed { offset, metadata: metadata.into() });
        }
    }
}
