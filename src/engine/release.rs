//! Giving partitions back: one revoke, or everything at shutdown.
//!
//! Both go the same way: what waits is let go, what is in flight is waited for until a deadline, the last frontiers
//! are committed, and only then are the partitions released. Lost partitions skip all of it: they are someone else's.

use std::time::Duration;

use crate::{
    engine::{
        Effects, Engine,
        assignment::Phase,
        event::Command,
        fact::{DrainState, Fact},
    },
    record::{PartitionId, Record},
    time::{Instant, Now},
};

/// Partitions the group wants back.
#[derive(Debug)]
pub struct Revoke {
    partitions: Vec<PartitionId>,
    since: Instant,
    deadline: Instant,
    /// How often the last commit was tried.
    commits_asked: u32,
}

/// The way out of the group.
#[derive(Debug)]
pub struct Drain {
    deadline: Instant,
    stage: DrainStage,
    /// How often the last commit was tried.
    commits_asked: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DrainStage {
    Finishing,
    /// The last commit is waited for until then.
    Committing {
        until: Instant,
    },
    Leaving,
    Done,
}

/// A last commit that fails is asked for again, but a group that refuses it will not be held up for ever.
const LAST_COMMITS_MAX: u32 = 3;
/// Time for the last commit, beyond the deadline for the work.
const COMMIT_GRACE: Duration = Duration::from_secs(3);
/// What is kept of a drain's time for leaving the group.
const LEAVE_RESERVE: Duration = Duration::from_secs(3);

impl Drain {
    /// What is out is waited for, and those who wait for an answer are served.
    pub fn is_finishing(&self) -> bool {
        self.stage == DrainStage::Finishing
    }

    pub fn is_leaving(&self) -> bool {
        self.stage == DrainStage::Leaving
    }

    pub fn is_done(&self) -> bool {
        self.stage == DrainStage::Done
    }

    /// When the present stage has taken as long as it may.
    fn until(&self) -> Option<Instant> {
        match self.stage {
            DrainStage::Finishing => Some(self.deadline),
            DrainStage::Committing { until } => Some(until),
            DrainStage::Leaving | DrainStage::Done => None,
        }
    }
}

impl Engine {
    pub(super) fn on_revoked(&mut self, now: Now, partitions: Vec<PartitionId>, lost: bool, out: &mut Effects) {
        let revoked = u32::try_from(partitions.len()).unwrap_or(u32::MAX);
        out.fact(Fact::PartitionsMoved { assigned: Vec::new(), revoked: partitions.clone(), lost });
        out.fact(Fact::Rebalanced { assigned: 0, revoked, lost });
        if lost {
            for id in &partitions {
                self.revokes.iter_mut().for_each(|revoke| revoke.partitions.retain(|other| other != id));
                self.release_partition(*id, "lost", out);
            }
            self.revokes.retain(|revoke| !revoke.partitions.is_empty());
            return;
        }
        for id in &partitions {
            self.let_go_waiting(*id, "revoked", out);
            if let Some(partition) = self.partitions.get_mut(*id).filter(|p| p.phase == Phase::Active) {
                partition.phase = Phase::Draining;
            }
        }
        let deadline = now.mono + self.settings.revoke_drain;
        self.revokes.push(Revoke { partitions, since: now.mono, deadline, commits_asked: 0 });
    }

    pub(super) fn advance_revokes(&mut self, now: Now, out: &mut Effects) {
        let mut index = 0;
        while let Some(revoke) = self.revokes.get(index) {
            let busy = revoke.partitions.iter().filter_map(|id| self.partitions.get(*id)).any(|p| p.in_flight > 0);
            let late = now.mono >= revoke.deadline;
            if (busy && !late) || self.must_wait_for_commit(now, Some(index), out) {
                index += 1;
                continue;
            }
            let revoke = self.revokes.remove(index);
            self.release(now, &revoke, out);
        }
    }

    fn release(&mut self, now: Now, revoke: &Revoke, out: &mut Effects) {
        let owned = revoke.partitions.iter().filter_map(|id| self.partitions.get(*id));
        let unfinished = owned.map(|partition| partition.in_flight).sum();
        for id in &revoke.partitions {
            self.release_partition(*id, "revoked", out);
        }
        let partitions = u32::try_from(revoke.partitions.len()).unwrap_or(u32::MAX);
        out.fact(Fact::Released { partitions, unfinished, took: now.mono.since(revoke.since) });
        out.command(Command::Release(revoke.partitions.clone()));
    }

    /// The epoch ends here: nothing of it is handed to a commit or a producer any more.
    fn release_partition(&mut self, id: PartitionId, cause: &'static str, out: &mut Effects) {
        // Released first: the client is not told to resume what goes.
        if let Some(partition) = self.partitions.get_mut(id) {
            partition.phase = Phase::Released;
            partition.paused_in_client = None;
        }
        self.abandon_partition(id, cause, out);
    }

    /// Lets go of everything of a partition that is not with the worker, and ends its epoch.
    pub(super) fn abandon_partition(&mut self, id: PartitionId, cause: &'static str, out: &mut Effects) {
        self.let_go_waiting(id, cause, out);
        if let Some(partition) = self.partitions.get_mut(id) {
            partition.end_epoch();
            self.reconcile_pauses(out);
        }
    }

    /// Lets go of the records of a partition that wait: queued, to be retried, or to be dead-lettered.
    pub(super) fn let_go_waiting(&mut self, id: PartitionId, cause: &'static str, out: &mut Effects) {
        let mut gone: Vec<Record> = Vec::new();
        self.queue.abandon(id, |_, record| gone.push(record));
        self.retries.abandon(id, |record| gone.push(record));
        self.letters.abandon(id, |record| gone.push(record));
        for behind in self.in_flight.behind_mut() {
            gone.extend(behind.extract_if(.., |record| record.partition == id));
        }
        if let Some(partition) = self.partitions.get_mut(id) {
            (partition.queued, partition.retrying) = (0, 0);
        }
        self.abandoned(&gone, cause, out);
    }

    pub(super) fn abandoned(&mut self, gone: &[Record], cause: &'static str, out: &mut Effects) {
        gone.iter().for_each(|record| self.let_go(record));
        if let Some(records) = u32::try_from(gone.len()).ok().filter(|records| *records > 0) {
            out.fact(Fact::Abandoned { records, cause });
        }
    }

    pub(super) fn on_drain(&mut self, deadline: Instant, out: &mut Effects) {
        if let Some(drain) = &mut self.drain {
            // Asked twice: the tighter of the two deadlines counts.
            drain.deadline = drain.deadline.min(deadline);
            return;
        }
        let ids: Vec<PartitionId> = self.partitions.owned().map(|(id, _)| id).collect();
        let before = self.queue.records() + self.retries.records() + self.letters.held();
        ids.iter().for_each(|id| self.let_go_waiting(*id, "shutdown", out));
        let left = self.queue.records() + self.retries.records() + self.letters.held();
        let state = DrainState::Started { in_flight: self.in_flight.records(), abandoned: before - left };
        out.fact(Fact::Drain { state });
        self.drain = Some(Drain { deadline, stage: DrainStage::Finishing, commits_asked: 0 });
    }

    pub(super) fn advance_drain(&mut self, now: Now, out: &mut Effects) {
        let Some((stage, deadline)) = self.drain.as_ref().map(|drain| (drain.stage, drain.deadline)) else { return };
        if stage == DrainStage::Finishing {
            let late = now.mono >= deadline;
            if late || self.worker.trouble().is_some() {
                self.dismiss_requests(now, late, out);
            }
            let waits = self.queue.records() > 0 || self.retries.records() > 0;
            let finished = !waits && self.in_flight.is_empty() && self.letters.in_flight() == 0;
            if !finished && !late {
                return;
            }
            let Some(drain) = &mut self.drain else { return };
            // With the brokers away there is no answer to wait for, and the whole has to end in time all the same.
            let until = (now.mono + COMMIT_GRACE).max(drain.deadline.before(LEAVE_RESERVE));
            drain.stage = DrainStage::Committing { until };
            out.fact(Fact::Drain { state: DrainState::Settled { unfinished: self.in_flight.records() } });
        }
        let committing = self.drain.as_ref().is_some_and(|drain| matches!(drain.stage, DrainStage::Committing { .. }));
        if committing && !self.must_wait_for_commit(now, None, out) {
            out.fact(Fact::Drain { state: DrainState::Leaving { uncommitted: self.uncommitted() } });
            let ids: Vec<PartitionId> = self.partitions.owned().map(|(id, _)| id).collect();
            ids.iter().for_each(|id| self.release_partition(*id, "shutdown", out));
            self.revokes.clear();
            out.command(Command::Leave);
            if let Some(drain) = &mut self.drain {
                drain.stage = DrainStage::Leaving;
            }
        }
    }

    /// Partitions with something finished that the group does not know of.
    fn uncommitted(&self) -> u32 {
        if self.settings.commit_interval.is_none() {
            return 0;
        }
        let behind = self.partitions.owned().filter(|(_, p)| p.dirty || (p.asked.is_some() && !p.is_committed()));
        u32::try_from(behind.count()).unwrap_or(u32::MAX)
    }

    pub(super) fn on_left(&mut self, out: &mut Effects) {
        if let Some(drain) = self.drain.as_mut().filter(|drain| drain.stage != DrainStage::Done) {
            drain.stage = DrainStage::Done;
            self.look_at_what_is_left(out);
            out.fact(Fact::Drain { state: DrainState::Done });
        }
    }

    /// Asks for the last commit of a revoke (by index) or of the drain, and says whether to wait for its answer.
    fn must_wait_for_commit(&mut self, now: Now, revoke: Option<usize>, out: &mut Effects) -> bool {
        let Some(interval) = self.settings.commit_interval else { return false };
        if self.last_commit_settled(revoke) {
            return false;
        }
        let (asked, until) = match (revoke.and_then(|index| self.revokes.get_mut(index)), &mut self.drain) {
            (Some(revoke), _) => (&mut revoke.commits_asked, Some(revoke.deadline + COMMIT_GRACE)),
            (None, Some(drain)) => {
                let until = drain.until();
                (&mut drain.commits_asked, until)
            }
            (None, None) => return false,
        };
        if until.is_none_or(|until| now.mono >= until) || (*asked >= LAST_COMMITS_MAX && !self.commits.in_flight()) {
            return false;
        }
        if let Some(command) = self.commits.ask(now.mono, interval, true, &mut self.partitions) {
            *asked += 1;
            self.send_commit(command, out);
        }
        !self.last_commit_settled(revoke)
    }

    fn last_commit_settled(&self, revoke: Option<usize>) -> bool {
        match revoke.and_then(|index| self.revokes.get(index)) {
            Some(revoke) => self.commits.is_settled(revoke.partitions.iter().filter_map(|id| self.partitions.get(*id))),
            None => self.commits.is_settled(self.partitions.owned().map(|(_, partition)| partition)),
        }
    }

    /// Deadlines of what is being given back: first for its work, then for its last commit.
    pub(super) fn release_wake(&self, now: Now) -> Option<Instant> {
        let of_revoke = |deadline| if now.mono < deadline { deadline } else { deadline + COMMIT_GRACE };
        let revokes = self.revokes.iter().map(|revoke| of_revoke(revoke.deadline));
        revokes.chain(self.drain.as_ref().and_then(Drain::until)).min()
    }
}
