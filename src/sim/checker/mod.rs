//! Judges a run from outside: from what the broker's model handed over, what the worker's model was sent and answered,
//! what the dead-letter topic holds, and what the engine says of itself.
//!
//! It keeps its own account of every record ([`book`]) and never looks into the engine. [`Checker::before`] sees each
//! event on its way in, [`Checker::after`] the effects on their way out; the first promise that does not hold ends the
//! run.

mod answers;
mod book;
mod bounds;
mod commits;
mod end;
mod letters;
mod sending;

pub use book::End;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::{self, Display, Formatter},
    sync::Arc,
    time::Duration,
};

use crate::{
    engine::{
        Effects,
        event::{Action, BatchId, Command, CommitId, Event},
        fact::{Fact, GateStage},
        settings::EngineSettings,
        snapshot::Snapshot,
    },
    record::{PartitionId, Record},
    sim::{
        broker::{Broker, log::Log},
        checker::book::{Book, Entry, Owned, Place, Waiting},
        report::Tally,
    },
    time::{Instant, Now},
};

/// What is promised: I1 to I9 of docs/ARCHITECTURE.md, and a few that follow from the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Promise {
    /// One disposition a record and epoch; nothing lost.
    I1,
    /// A commit never passes an unfinished record.
    I2,
    /// Commits never go back within an epoch, and go one at a time.
    I3,
    /// Nothing is sent after its deadline.
    I4,
    /// Concurrency, batch caps, topics and order.
    I5,
    /// Queue, waiting records and span are bounded, and zero after a drain.
    I6,
    /// Nothing is done for an epoch that is over.
    I7,
    /// Everything drains, and nothing takes longer than it may.
    I8,
    /// Knobs stay where they are set.
    I9,
    /// The gate shuts at its high watermark and opens at its low one, and the client is told so.
    Gate,
    /// The dead-letter budget.
    Budget,
    /// Nobody is charged for what is not their own failure, and nobody is given up without a reason.
    Charge,
    /// What the engine tells adds up to what was seen.
    Facts,
    /// The engine found itself in the wrong.
    Engine,
    /// The scenario's own expectations.
    Expected,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub promise: Promise,
    pub at: Instant,
    pub what: String,
}

impl Display for Violation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} does not hold at {:.3} ms: {}", self.promise, self.at.0 as f64 / 1e6, self.what)
    }
}

/// A batch with the worker.
#[derive(Debug)]
struct Out {
    records: Vec<Sent>,
    bytes: u64,
}

/// One record of it: which, and in which of the checker's epochs.
#[derive(Debug, Clone, Copy)]
struct Sent {
    partition: PartitionId,
    index: usize,
    epoch: u32,
}

#[derive(Debug)]
pub struct Checker {
    settings: EngineSettings,
    shutdown: Duration,
    books: Vec<Book>,
    out: BTreeMap<BatchId, Out>,
    waiting: Waiting,
    /// The commit that is not answered yet.
    commit: Option<(CommitId, Instant)>,
    /// Shut since.
    gate: Option<Instant>,
    /// When the engine has to have left.
    leave_due: Option<Instant>,
    draining: bool,
    drain_until: Option<Instant>,
    /// The smallest the learnt byte cap may be.
    cap_floor: u64,
    /// Letters posted and records settled lately.
    posted: VecDeque<Instant>,
    settled: VecDeque<(Instant, u32)>,
    pub tally: Tally,
    violation: Option<Violation>,
}

/// Time for the last commit, beyond the deadline of a drain, and for the step that follows.
const GRACE: Duration = Duration::from_millis(3_050);

impl Checker {
    pub fn new(settings: &EngineSettings, shutdown: Duration, partitions: usize) -> Self {
        Self {
            cap_floor: settings.batch_bytes_max,
            settings: settings.clone(),
            shutdown,
            books: (0..partitions).map(|_| Book::default()).collect(),
            out: BTreeMap::new(),
            waiting: Waiting { record_bytes_max: settings.max_record_bytes, ..Waiting::default() },
            commit: None,
            gate: None,
            leave_due: None,
            draining: false,
            drain_until: None,
            posted: VecDeque::new(),
            settled: VecDeque::new(),
            tally: Tally::default(),
            violation: None,
        }
    }

    /// The first promise that did not hold.
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    pub fn violate(&mut self, now: Instant, promise: Promise, what: impl Into<String>) {
        if self.violation.is_none() {
            self.violation = Some(Violation { promise, at: now, what: what.into() });
        }
    }

    /// An event is about to reach the engine.
    pub fn before(&mut self, now: Now, event: &Event, broker: &Broker) {
        match event {
            Event::Assigned(assignments) => {
                for id in assignments.iter().map(|assignment| assignment.id) {
                    let Some(log) = broker.log(id) else { continue };
                    let from = broker.committed(id).unwrap_or(log.start());
                    self.end_epoch(id, log, from);
                    let book = &mut self.books[id.index()];
                    (book.owned, book.paused) = (Owned::Active, false);
                    book.begun += 1;
                }
            }
            Event::Revoked { partitions, lost } => self.on_revoked(now, partitions, *lost, broker),
            Event::Polled { records, .. } => {
                for record in records {
                    self.on_polled(now, record, broker);
                }
            }
            Event::Settled(settled) => self.on_answer(now, settled, broker),
            Event::DeadLettered(answer) => self.on_letter_answered(now, answer, broker),
            Event::Committed { id, results } => self.on_committed(*id, results),
            Event::Drain { deadline } => self.on_drain(*deadline, broker),
            Event::Progress(_) | Event::Left | Event::Wake => {}
        }
    }

    /// The engine has taken the event.
    pub fn after(&mut self, now: Now, effects: &Effects, snapshot: &Snapshot, broker: &Broker) {
        for fact in &effects.facts {
            self.on_fact(now, fact, broker);
        }
        for action in &effects.actions {
            match action {
                Action::Dispatch(batch) => self.on_dispatch(now, batch, broker),
                Action::DeadLetter(letter) => self.on_letter(now, letter, broker),
                Action::Source(command) => self.on_command(now, command, broker),
            }
        }
        self.check_bounds(now, snapshot);
    }

    fn on_fact(&mut self, now: Now, fact: &Fact, broker: &Broker) {
        match fact {
            Fact::Expired { record, .. } => self.on_expired(now, record, broker),
            Fact::Skipped { topic, number, offset, reason } => {
                self.on_skipped(now, topic, *number, *offset, *reason, broker);
            }
            Fact::PartitionStopped { topic, number, offset, reason } => {
                self.on_stopped(now, topic, *number, *offset, *reason, broker);
            }
            Fact::Completed { records, late, .. } => {
                self.tally.told_completed += u64::from(*records);
                self.tally.told_late += u64::from(*late);
            }
            Fact::DeadLettered { .. } => self.tally.told_lettered += 1,
            Fact::Paused(gate) | Fact::Resumed(gate) => {
                let shuts = matches!(fact, Fact::Paused(_));
                self.on_gate(now, gate, shuts);
                self.tally.pauses += u64::from(shuts && gate.stage == GateStage::Soft);
                self.tally.hard_pauses += u64::from(shuts && gate.stage == GateStage::Hard);
            }
            Fact::Violation { invariant, what } => {
                self.violate(now.mono, Promise::Engine, format!("{invariant}: {what}"));
            }
            _ => {}
        }
    }

    fn on_command(&mut self, now: Now, command: &Command, broker: &Broker) {
        match command {
            Command::Commit { id, offsets } => self.on_commit(now, *id, offsets, broker),
            Command::Release(ids) => self.on_release(now, ids, broker),
            Command::Leave => self.on_leave(now, broker),
            Command::Pause(ids) => ids.iter().for_each(|id| self.books[id.index()].paused = true),
            Command::Resume(ids) => ids.iter().for_each(|id| self.books[id.index()].paused = false),
            Command::Grant { .. } if self.gate.is_some() => {
                self.violate(now.mono, Promise::Gate, "credit is granted while the gate is shut");
            }
            Command::Grant { .. } | Command::Repair(_) => {}
        }
    }

    fn on_polled(&mut self, now: Now, record: &Record, broker: &Broker) {
        let id = record.partition;
        let Some((log, index)) = broker.log(id).and_then(|log| Some((log, log.index_of(record.offset)?))) else {
            return self.violate(now.mono, Promise::Engine, "the model handed over a record that is not in its log");
        };
        self.tally.polled += 1;
        let book = &self.books[id.index()];
        if book.owned != Owned::Active || book.stopped || self.draining {
            return;
        }
        if record.offset < book.next {
            self.end_epoch(id, log, record.offset);
        }
        let (ttl, ordering, poison) = (self.settings.ttl, self.settings.ordering, self.settings.max_record_bytes);
        let said = &log.records()[index];
        let book = &mut self.books[id.index()];
        book.next = record.offset + 1;
        book.first.get_or_insert(index);
        let expired = said.is_expired(ttl, now.wall);
        let entry = book.entry(index);
        if said.payload_bytes() > poison && !expired {
            entry.doomed = Some(crate::engine::event::Reason::TooLarge);
        } else if said.tombstone
            && !expired
            && self.settings.tombstones == crate::engine::settings::TombstonePolicy::Poison
        {
            entry.doomed = Some(crate::engine::event::Reason::Tombstone);
        }
        book.put(index, said, Place::Held, &mut self.waiting);
        if let Some(mark) = book::mark(ordering, said) {
            book.line_up(mark, index);
        }
    }

    fn on_expired(&mut self, now: Now, record: &Record, broker: &Broker) {
        let Some((log, index)) = broker.log(record.partition).and_then(|l| Some((l, l.index_of(record.offset)?)))
        else {
            return self.violate(now.mono, Promise::I1, "a record that was never written expired");
        };
        if !log.records()[index].is_expired(self.settings.ttl, now.wall) {
            let what = format!("{} expired before its deadline", name(log, record.offset));
            return self.violate(now.mono, Promise::I1, what);
        }
        self.tally.told_expired += 1;
        self.finish(now, record.partition, log, index, End::Expired);
    }

    /// A record that waits with the engine is finished.
    fn finish(&mut self, now: Now, id: PartitionId, log: &Log, index: usize, end: End) {
        let ordering = self.settings.ordering;
        let record = &log.records()[index];
        let place = self.books[id.index()].place(index);
        // The answer that stopped its partition found it expired.
        let stopped = place == Place::LetGo && end == End::Expired && self.books[id.index()].stopped;
        if place != Place::Held && !stopped {
            let what = format!("{} is finished ({end:?}) where it is {place:?}", name(log, record.offset));
            return self.violate(now.mono, Promise::I1, what);
        }
        let book = &mut self.books[id.index()];
        book.put(index, record, Place::Finished(end), &mut self.waiting);
        if let Some(mark) = book::mark(ordering, record) {
            book.step_out(mark, index);
        }
        self.tally.count(end);
        self.settled.push_back((now.mono, 1));
    }

    /// Everything of an epoch that waits is abandoned.
    fn let_go(&mut self, id: PartitionId, log: &Log) {
        self.let_go_if(id, log, |_| true);
    }

    fn let_go_if(&mut self, id: PartitionId, log: &Log, which: impl Fn(&Entry) -> bool) {
        for index in self.books[id.index()].held() {
            if !which(self.books[id.index()].entry(index)) {
                continue;
            }
            self.books[id.index()].put(index, &log.records()[index], Place::LetGo, &mut self.waiting);
            self.tally.abandoned += 1;
        }
    }

    fn end_epoch(&mut self, id: PartitionId, log: &Log, next: i64) {
        self.let_go(id, log);
        self.books[id.index()].begin(next, log.index_at(next));
    }

    fn on_revoked(&mut self, now: Now, partitions: &[PartitionId], lost: bool, broker: &Broker) {
        for id in partitions {
            let Some(log) = broker.log(*id) else { continue };
            self.let_go(*id, log);
            let book = &mut self.books[id.index()];
            if lost {
                (book.owned, book.release_due, book.stopped) = (Owned::No, None, false);
            } else if book.owned == Owned::Active {
                book.owned = Owned::Draining;
                book.release_due = Some(now.mono + self.settings.revoke_drain + GRACE);
            }
        }
    }

    fn on_release(&mut self, now: Now, ids: &[PartitionId], broker: &Broker) {
        for id in ids {
            let book = &mut self.books[id.index()];
            if book.owned == Owned::Active {
                self.violate(now.mono, Promise::I7, "a partition is given back that nobody asked for");
            } else if book.owned == Owned::Draining
                && let Some(log) = broker.log(*id)
            {
                self.let_go(*id, log);
                let book = &mut self.books[id.index()];
                (book.owned, book.release_due, book.stopped) = (Owned::No, None, false);
            }
        }
    }

    fn on_drain(&mut self, deadline: Instant, broker: &Broker) {
        self.draining = true;
        self.drain_until = Some(self.drain_until.map_or(deadline, |until| until.min(deadline)));
        self.leave_due = Some(self.leave_due.map_or(deadline + GRACE, |due| due.min(deadline + GRACE)));
        for id in broker.ids() {
            if let Some(log) = broker.log(id) {
                self.let_go(id, log);
            }
        }
    }

    fn on_leave(&mut self, now: Now, broker: &Broker) {
        if !self.draining {
            self.violate(now.mono, Promise::I8, "the group is left and nobody asked for it");
        }
        self.leave_due = None;
        for id in broker.ids() {
            if let Some(log) = broker.log(id) {
                self.let_go(id, log);
            }
            let book = &mut self.books[id.index()];
            (book.owned, book.release_due) = (Owned::No, None);
        }
    }

    /// The process is gone, and everything it knew.
    pub fn process_over(&mut self, broker: &Broker) {
        for id in broker.ids() {
            if let Some(log) = broker.log(id) {
                self.let_go(id, log);
            }
            let book = &mut self.books[id.index()];
            (book.owned, book.release_due, book.stopped) = (Owned::No, None, false);
            book.begun = 0;
        }
        self.out.clear();
        (self.commit, self.gate, self.leave_due) = (None, None, None);
        (self.draining, self.drain_until) = (false, None);
        self.cap_floor = self.settings.batch_bytes_max;
        self.posted.clear();
        self.settled.clear();
    }

    /// Another member finished what lies between two offsets.
    pub fn on_elsewhere(&mut self, id: PartitionId, log: &Log, from: i64, to: i64) {
        for index in log.index_at(from)..log.index_at(to) {
            self.books[id.index()].entry(index).elsewhere = true;
        }
    }
}

/// `topic-0 [1] offset 7`
fn name(log: &Log, offset: i64) -> String {
    format!("{} [{}] offset {offset}", log.topic, log.number)
}

/// The partition of a topic's name and number.
fn find(broker: &Broker, topic: &Arc<str>, number: i32) -> Option<PartitionId> {
    broker.ids().find(|id| broker.log(*id).is_some_and(|log| log.topic == *topic && log.number == number))
}
