//! The partitions that are ours, each with its epoch, its ledger and its own reasons to be paused.

use std::{sync::Arc, time::Duration};

use crate::{
    engine::{event::Assignment, fact::PauseReason, gone::Gaps, ledger::Ledger, queue::LaneId},
    record::{Epoch, PartitionId, Record},
    time::Instant,
};

/// One partition, for as long as the process lives; what belongs to an epoch is made anew with each assignment.
#[derive(Debug)]
pub struct Partition {
    pub topic: Arc<str>,
    pub lane: LaneId,
    pub number: i32,
    pub epoch: Epoch,
    pub phase: Phase,
    pub ledger: Ledger,
    /// Records of this epoch with the worker or with the dead-letter topic.
    pub in_flight: u32,
    /// Records of this epoch in the queue.
    pub queued: u32,
    /// Records of this epoch in the retry pool.
    pub retrying: u32,
    /// Acknowledged by the group.
    pub committed: Option<i64>,
    /// Asked for last; never goes back within an epoch.
    pub asked: Option<i64>,
    /// The ledger's revision as of what was asked for last, and as of what the group acknowledged.
    pub asked_revision: u64,
    pub committed_revision: u64,
    /// Since when commits have been asked for and none was taken.
    pub untaken_since: Option<Instant>,
    /// The group has nothing, and what is to be kept is where it begins, which is not known yet.
    pub owes_start: bool,
    /// In the list of partitions whose frontier moved.
    pub dirty: bool,
    pub pauses: Pauses,
    /// What the client was told last. Nothing at the start of an epoch: a pause of the one before may still be on its
    /// way to it, so it is told either way.
    pub paused_in_client: Option<bool>,
    pub end: Option<i64>,
    pub stall: Stall,
    /// What was acknowledged when the group was asked what it has.
    pub audited: Option<i64>,
    /// The offset that was told to hold the frontier while nearly everything behind it is done.
    pub head_told: Option<i64>,
    /// What the group had committed when this epoch began.
    pub resumed_at: Option<i64>,
    /// Jumps of the offsets that nobody has looked into yet.
    pub gaps: Gaps,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not ours.
    Released,
    Active,
    /// Revoked; its in-flight work is waited for.
    Draining,
}

/// Commits that are not taken for this long bound what is taken in. Until then, how much is uncommitted is a matter of
/// speed.
const UNTAKEN_AFTER: Duration = Duration::from_secs(10);

/// A partition's own reasons to be paused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pauses {
    pub span: bool,
    pub uncommitted: bool,
    pub order: bool,
    pub stopped: bool,
}

impl Pauses {
    pub fn any(self) -> bool {
        self.span || self.uncommitted || self.order || self.stopped
    }

    pub fn reasons(self) -> impl Iterator<Item = PauseReason> {
        let each = [
            (self.span, PauseReason::Span),
            (self.uncommitted, PauseReason::Uncommitted),
            (self.order, PauseReason::Order),
            (self.stopped, PauseReason::Stopped),
        ];
        each.into_iter().filter_map(|(on, reason)| on.then_some(reason))
    }
}

/// The watchdog's notes on one partition.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stall {
    pub position: Option<i64>,
    /// Since when it has stood there although it should move.
    pub since: Option<Instant>,
    /// Repairs in a row that did not help.
    pub repairs: u32,
}

/// Every partition ever assigned, by its id. Bounded by the partitions of the subscribed topics.
#[derive(Debug, Default)]
pub struct Partitions {
    all: Vec<Option<Partition>>,
}

impl Partitions {
    /// Starts a new epoch of a partition.
    pub fn assign(&mut self, assignment: &Assignment, lane: LaneId, ledger: Ledger) {
        let index = assignment.id.index();
        if self.all.len() <= index {
            self.all.resize_with(index + 1, || None);
        }
        let Some(slot) = self.all.get_mut(index) else { return };
        let epoch = slot.as_ref().map_or(Epoch(1), |old| Epoch(old.epoch.0 + 1));
        *slot = Some(Partition {
            topic: Arc::clone(&assignment.topic),
            lane,
            number: assignment.number,
            epoch,
            phase: Phase::Active,
            ledger,
            in_flight: 0,
            queued: 0,
            retrying: 0,
            committed: None,
            asked: None,
            asked_revision: 0,
            committed_revision: 0,
            untaken_since: None,
            owes_start: false,
            dirty: false,
            pauses: Pauses::default(),
            paused_in_client: None,
            end: None,
            stall: Stall::default(),
            audited: None,
            head_told: None,
            resumed_at: assignment.committed.as_ref().map(|kept| kept.offset),
            gaps: Gaps::default(),
        });
    }

    pub fn get(&self, id: PartitionId) -> Option<&Partition> {
        self.all.get(id.index())?.as_ref()
    }

    pub fn get_mut(&mut self, id: PartitionId) -> Option<&mut Partition> {
        self.all.get_mut(id.index())?.as_mut()
    }

    /// The partition a record belongs to, if its epoch is still going on.
    pub fn current(&mut self, record: &Record) -> Option<&mut Partition> {
        self.get_mut(record.partition).filter(|p| p.phase != Phase::Released && p.epoch == record.notes.epoch)
    }

    /// Partitions that are ours, draining ones included.
    pub fn owned(&self) -> impl Iterator<Item = (PartitionId, &Partition)> {
        self.iter().filter(|(_, partition)| partition.phase != Phase::Released)
    }

    pub fn owned_mut(&mut self) -> impl Iterator<Item = (PartitionId, &mut Partition)> {
        let numbered = self.all.iter_mut().enumerate();
        let all = numbered.filter_map(|(index, slot)| Some((PartitionId(u32::try_from(index).ok()?), slot.as_mut()?)));
        all.filter(|(_, partition)| partition.phase != Phase::Released)
    }

    pub fn active(&self) -> impl Iterator<Item = (PartitionId, &Partition)> {
        self.iter().filter(|(_, partition)| partition.phase == Phase::Active)
    }

    fn iter(&self) -> impl Iterator<Item = (PartitionId, &Partition)> {
        let numbered = self.all.iter().enumerate();
        numbered.filter_map(|(index, slot)| Some((PartitionId(u32::try_from(index).ok()?), slot.as_ref()?)))
    }
}

impl Partition {
    /// The epoch is over: whatever still carries it is stale from here on.
    pub fn end_epoch(&mut self) {
        self.epoch = Epoch(self.epoch.0 + 1);
        self.ledger = Ledger::default();
        self.in_flight = 0;
        self.queued = 0;
        self.retrying = 0;
        self.asked = None;
        self.committed = None;
        (self.asked_revision, self.committed_revision) = (0, 0);
        self.dirty = false;
        self.stall = Stall::default();
        (self.audited, self.head_told) = (None, None);
        (self.resumed_at, self.untaken_since, self.gaps) = (None, None, Gaps::default());
        self.pauses = Pauses::default();
    }

    /// All that was asked for is acknowledged.
    pub fn is_committed(&self) -> bool {
        self.asked == self.committed && self.asked_revision == self.committed_revision
    }

    /// Unfinished records of it that wait or are out, but for the dead letters that are held.
    pub fn held(&self) -> u32 {
        self.queued + self.retrying + self.in_flight
    }

    /// Records finished since what the group acknowledged, and those that are yet to be: after a kill they come again, as
    /// far as the commit's metadata did not tell of them.
    pub fn uncommitted(&self) -> u64 {
        let finished = self.ledger.revision().saturating_sub(self.committed_revision);
        finished + u64::from(self.ledger.unfinished())
    }

    /// Commits are asked for and not taken, for longer than a coordinator takes to move.
    pub fn is_untaken(&self, now: Instant) -> bool {
        self.untaken_since.is_some_and(|since| now >= since + UNTAKEN_AFTER)
    }

    /// What was asked for has failed: it is asked for again.
    pub fn forget_asked(&mut self) {
        self.asked = None;
        self.asked_revision = self.committed_revision;
    }

    /// Records between the committed offset, or the frontier while nothing is committed yet, and the log's end.
    pub fn lag(&self) -> Option<i64> {
        let from = self.committed.or_else(|| self.ledger.frontier())?;
        Some((self.end? - from).max(0))
    }
}
