//! Promises looked at while they are kept: how often each was looked at, and how often it did not hold.
//!
//! A counter that must stay zero says nothing unless something grows beside it. Each look is a comparison of what is at
//! hand anyway; the simulator's checker is the one that looks from outside.

use crate::{
    engine::{Effects, Engine, assignment::Phase, event::Mark, fact::Fact, snapshot::SentinelState},
    record::Record,
    time::Now,
};

/// By its number in docs/ARCHITECTURE.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invariant {
    I1,
    I2,
    I3,
    I4,
    I5,
    I6,
    I7,
    I8,
    I9,
    I10,
}

impl Invariant {
    pub const ALL: [Self; 10] =
        [Self::I1, Self::I2, Self::I3, Self::I4, Self::I5, Self::I6, Self::I7, Self::I8, Self::I9, Self::I10];

    pub const fn name(self) -> &'static str {
        match self {
            Self::I1 => "I1",
            Self::I2 => "I2",
            Self::I3 => "I3",
            Self::I4 => "I4",
            Self::I5 => "I5",
            Self::I6 => "I6",
            Self::I7 => "I7",
            Self::I8 => "I8",
            Self::I9 => "I9",
            Self::I10 => "I10",
        }
    }
}

#[derive(Debug, Default)]
pub struct Sentinels {
    checks: [u64; Invariant::ALL.len()],
    breaches: [u64; Invariant::ALL.len()],
}

impl Sentinels {
    pub fn breaches(&self) -> u64 {
        self.breaches.iter().sum()
    }

    /// A promise was looked at so often, beside the breaches that were told.
    pub(super) fn looked(&mut self, invariant: Invariant, times: u64) {
        self.checks[invariant as usize] += times;
    }

    pub fn state(&self) -> Vec<SentinelState> {
        let counts = self.checks.iter().zip(&self.breaches);
        let each = Invariant::ALL.iter().zip(counts);
        each.map(|(invariant, (checks, breaches))| SentinelState {
            invariant: invariant.name(),
            checks: *checks,
            breaches: *breaches,
        })
        .collect()
    }
}

impl Engine {
    /// A promise is looked at.
    pub(super) fn look(&mut self, invariant: Invariant, holds: bool, what: impl FnOnce() -> String, out: &mut Effects) {
        self.sentinels.looked(invariant, 1);
        if !holds {
            self.violate(invariant, what(), out);
        }
    }

    /// A promise was broken: counted, told, and the safer of two ways taken by the caller.
    pub(super) fn violate(&mut self, invariant: Invariant, what: String, out: &mut Effects) {
        self.sentinels.breaches[invariant as usize] += 1;
        out.fact(Fact::Violation { invariant: invariant.name(), what });
    }

    /// An offset is about to be committed: the partition is ours, it was read, it is not below what was committed, and the
    /// records that are held somewhere in here are those that the ledger has as unfinished. With more of them held, one was
    /// finished too early; with fewer, one was lost on the way.
    pub(super) fn look_at_mark(&mut self, mark: &Mark, out: &mut Effects) {
        let Some(partition) = self.partitions.get(mark.partition) else { return };
        let (topic, number, offset) = (partition.topic.clone(), partition.number, mark.offset);
        let ours = partition.phase != Phase::Released;
        let (frontier, position, committed) =
            (partition.ledger.frontier(), partition.ledger.position(), partition.committed);
        let unfinished = partition.ledger.unfinished();
        let held = partition.held() + self.letters.held_of(mark.partition);
        let all_are_here = partition.phase == Phase::Active && !partition.pauses.stopped && self.drain.is_none();

        self.look(Invariant::I7, ours, || format!("{topic}-{number}: {offset} is committed and not ours"), out);
        let early = frontier != Some(offset) || position < frontier || held > unfinished;
        let what = || format!("{topic}-{number}: {offset} is committed, the frontier is {frontier:?}, {held} are held");
        self.look(Invariant::I2, !early, what, out);
        let what = || format!("{topic}-{number}: {offset} is committed after {committed:?}");
        self.look(Invariant::I3, committed <= Some(offset), what, out);
        let what = || format!("{topic}-{number}: {unfinished} records are unfinished and {held} of them held");
        self.look(Invariant::I1, held >= unfinished || !all_are_here, what, out);
    }

    /// The group is left: nothing waits any more.
    pub(super) fn look_at_what_is_left(&mut self, out: &mut Effects) {
        let left = self.queue.records() + self.retries.records() + self.letters.held();
        let bytes = self.queue.bytes() + self.retries.bytes();
        let what = || format!("{left} records and {bytes} bytes are held after the drain");
        self.look(Invariant::I6, left == 0 && bytes == 0, what, out);
    }

    /// A batch is about to be handed to the worker.
    pub(super) fn look_at_batch(&mut self, now: Now, records: &[Record], bytes: u64, out: &mut Effects) {
        let expired = records.iter().find(|r| super::admission::is_expired(r.notes.deadline, now.wall));
        let what = || format!("offset {:?} is dispatched after its deadline", expired.map(|record| record.offset));
        self.look(Invariant::I4, expired.is_none(), what, out);

        let (batches, most) = (self.in_flight.batches(), self.settings.most());
        let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
        let fits = count == 1 || bytes <= self.settings.batch_bytes_max;
        let holds = batches < self.values.concurrency.max(1) && count <= most.1 && fits;
        let what = || format!("{count} records, {bytes} bytes are dispatched beside {batches} batches");
        self.look(Invariant::I5, holds, what, out);

        let stray = records.iter().position(|record| !self.may_go_on(record));
        let what = || format!("offset {:?} is dispatched and not ours", stray.map(|at| records[at].offset));
        self.look(Invariant::I7, stray.is_none(), what, out);
    }
}
