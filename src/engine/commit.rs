//! When which frontiers are committed, and what is finished beyond them: at most one commit in flight, at most one per
//! interval, and at once when a partition is to be given back.

use std::time::Duration;

use crate::{
    engine::{
        assignment::{Partition, Partitions, Phase},
        event::{Command, CommitId, CommitOutcome, CommitResult, Mark},
    },
    record::PartitionId,
    time::Instant,
};

#[derive(Debug, Default)]
pub struct Commits {
    in_flight: Option<InFlight>,
    /// Partitions of which something finished since a commit was last asked for. Each at most once
    /// (`Partition::dirty`).
    dirty: Vec<PartitionId>,
    /// Among them is the start of one of which the group has nothing: it does not wait for the interval.
    at_once: bool,
    /// Room for what is finished beyond a frontier.
    metadata_bytes: usize,
    next_id: u64,
    asked_at: Option<Instant>,
    applied_at: Option<Instant>,
    last_error: Option<String>,
}

#[derive(Debug)]
struct InFlight {
    id: CommitId,
    since: Instant,
}

/// A commit without an answer for this long is given up and its late answer ignored. The client parks commits for up
/// to a session timeout while the coordinator is away, then answers.
pub const ANSWER_WAIT: Duration = Duration::from_secs(60);

/// The broker's `offset.metadata.max.bytes` is smaller than what was sent.
const METADATA_TOO_LARGE: &str = "OFFSET_METADATA_TOO_LARGE";

/// Less room than this is not worth having.
const METADATA_BYTES_MIN: usize = 64;

impl Commits {
    pub fn new(metadata_bytes: usize) -> Self {
        Self { metadata_bytes, ..Self::default() }
    }

    /// Whether what is finished beyond a frontier is kept.
    pub fn keeps_completed(&self) -> bool {
        self.metadata_bytes > 0
    }

    /// The partition's frontier moved, or something beyond it was finished.
    pub fn mark_dirty(&mut self, id: PartitionId, dirty: &mut bool) {
        if !std::mem::replace(dirty, true) {
            self.dirty.push(id);
        }
    }

    /// It is known where a partition begins of which the group has nothing.
    pub fn mark_start(&mut self, id: PartitionId, dirty: &mut bool) {
        self.at_once = true;
        self.mark_dirty(id, dirty);
    }

    /// Asks for every partition that has news, if the interval is over or `urgent`.
    pub fn ask(
        &mut self,
        now: Instant,
        interval: Duration,
        urgent: bool,
        partitions: &mut Partitions,
    ) -> Option<Command> {
        self.give_up_waiting(now, partitions);
        let due = urgent || self.at_once || self.asked_at.is_none_or(|asked| now >= asked + interval);
        if !due || self.in_flight.is_some() || self.dirty.is_empty() {
            return None;
        }
        self.at_once = false;
        let mut offsets = Vec::with_capacity(self.dirty.len());
        for id in self.dirty.drain(..) {
            let Some(partition) = partitions.get_mut(id).filter(|p| p.dirty && p.phase != Phase::Released) else {
                continue;
            };
            partition.dirty = false;
            let Some(offset) = partition.ledger.frontier() else { continue };
            let (asked, revision) = (partition.asked.max(partition.committed), partition.ledger.revision());
            let beyond = self.metadata_bytes > 0 && Some(offset) == asked && revision != partition.asked_revision;
            if beyond || asked.is_none_or(|asked| offset > asked) {
                (partition.asked, partition.asked_revision) = (Some(offset), revision);
                partition.untaken_since.get_or_insert(now);
                let metadata = partition.ledger.completed(self.metadata_bytes).into();
                offsets.push(Mark { partition: id, offset, metadata });
            }
        }
        if offsets.is_empty() {
            return None;
        }
        let id = CommitId(self.next_id);
        self.next_id += 1;
        self.asked_at = Some(now);
        self.in_flight = Some(InFlight { id, since: now });
        Some(Command::Commit { id, offsets })
    }

    /// Nobody knows what became of it: everything it asked for is asked for again.
    fn give_up_waiting(&mut self, now: Instant, partitions: &mut Partitions) {
        if self.in_flight.take_if(|commit| now >= commit.since + ANSWER_WAIT).is_none() {
            return;
        }
        self.last_error = Some("no answer".to_owned());
        for (id, partition) in partitions.owned_mut().filter(|(_, p)| p.asked.is_some() && !p.is_committed()) {
            partition.forget_asked();
            self.mark_dirty(id, &mut partition.dirty);
        }
    }

    /// Notes what became of a commit. How long it took, unless the answer is to one that was given up.
    pub fn on_answer(
        &mut self,
        now: Instant,
        id: CommitId,
        results: &[CommitResult],
        all: &mut Partitions,
    ) -> Option<Duration> {
        let took = now.since(self.in_flight.take_if(|commit| commit.id == id)?.since);
        let too_large =
            |r: &CommitResult| matches!(&r.outcome, CommitOutcome::Failed(code) if code == METADATA_TOO_LARGE);
        // Once for an answer, however many partitions it says so of.
        if results.iter().any(too_large) {
            self.metadata_bytes = Some(self.metadata_bytes / 2).filter(|m| *m >= METADATA_BYTES_MIN).unwrap_or(0);
        }
        for result in results {
            let partition = all.get_mut(result.partition).filter(|p| p.phase != Phase::Released);
            match &result.outcome {
                CommitOutcome::Applied => {
                    self.applied_at = Some(now);
                    // The same number is in `asked` unless the epoch ended meanwhile.
                    if let Some(p) = partition.filter(|p| p.asked == Some(result.offset)) {
                        (p.committed, p.untaken_since) = (Some(result.offset), None);
                        p.committed_revision = p.asked_revision;
                    }
                }
                CommitOutcome::EpochOver(code) => self.last_error = Some(code.clone()),
                CommitOutcome::Failed(code) => {
                    self.last_error = Some(code.clone());
                    if let Some(p) = partition.filter(|p| p.asked == Some(result.offset)) {
                        p.forget_asked();
                        self.mark_dirty(result.partition, &mut p.dirty);
                    }
                }
            }
        }
        Some(took)
    }

    pub fn in_flight(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Whether all that finished of these partitions was asked for and answered, one way or the other.
    pub fn is_settled<'a>(&self, mut partitions: impl Iterator<Item = &'a Partition>) -> bool {
        partitions.all(|p| !p.dirty && (!self.in_flight() || p.asked.is_none() || p.is_committed()))
    }

    pub fn next_wake(&self, interval: Duration) -> Option<Instant> {
        match &self.in_flight {
            Some(commit) => Some(commit.since + ANSWER_WAIT),
            None if self.dirty.is_empty() => None,
            None if self.at_once => Some(Instant::ZERO),
            None => Some(self.asked_at.map_or(Instant::ZERO, |asked| asked + interval)),
        }
    }

    pub fn applied_at(&self) -> Option<Instant> {
        self.applied_at
    }

    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }
}
