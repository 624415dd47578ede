//! Judges a run from outside: from what the broker's model handed over, what the worker's model was sent and answered,
//! what the dead-letter topic holds, and what the engine says of itself.
//!
//! It keeps its own account of every record (`book`) and never looks into the engine. [`Checker::before`] sees each
//! event on its way in, [`Checker::after`] the effects on their way out; the first promise that does not hold ends the
//! run.

mod answers;
mod book;
mod bounds;
mod commits;
mod end;
mod heads;
mod knobs;
mod letters;
mod promise;
mod records;
mod requests;
mod sending;

pub use book::End;
pub use promise::{Promise, Violation};

use std::{
    collections::{BTreeMap, VecDeque},
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
    record::{PartitionId, RequestId},
    sim::{
        broker::{Broker, log::Log},
        checker::{
            book::{Book, Owned, Waiting},
            knobs::Told,
        },
        report::Tally,
    },
    time::{Instant, Now},
};

/// A batch with the worker.
#[derive(Debug)]
struct Out {
    records: Vec<Sent>,
    requests: Vec<(usize, RequestId)>,
    /// All that were sent together.
    sent: usize,
    bytes: u64,
    since: Instant,
    timeout: Duration,
    /// Another was out at some time while it was.
    has_company: bool,
}

/// One record of it: which, and in which of the checker's epochs.
#[derive(Debug, Clone, Copy)]
struct Sent {
    /// Its place in the batch.
    place: usize,
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
    /// The latest batch that the worker had a word for.
    answered: Option<BatchId>,
    waiting: Waiting,
    requests: requests::Requests,
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
    told: Told,
    heads: heads::Heads,
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
            told: Told::new(settings),
            settings: settings.clone(),
            shutdown,
            books: (0..partitions).map(|_| Book::default()).collect(),
            out: BTreeMap::new(),
            answered: None,
            waiting: Waiting { record_bytes_max: settings.max_record_bytes, ..Waiting::default() },
            requests: requests::Requests::default(),
            commit: None,
            gate: None,
            leave_due: None,
            draining: false,
            drain_until: None,
            heads: heads::Heads::default(),
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
            Event::Requested(request) => self.on_requested(now, request),
            Event::CallerGone(id) => self.on_caller_gone(*id),
            Event::Progress(_)
            | Event::Pulse(_)
            | Event::CommittedRead(_)
            | Event::StartsRead(_)
            | Event::Left
            | Event::Wake => {}
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
                Action::Reply(reply) => self.on_reply(now, reply),
            }
        }
        self.check_bounds(now, snapshot);
        self.check_requests(now, snapshot);
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
            // A commit that was given up may arrive behind a later one and take the group back. Nobody commits more.
            Fact::CommittedDiffers { known, found, .. } => {
                self.tally.commits_overtaken += 1;
                if *found >= Some(*known) {
                    let what = format!("{known} was committed, and they say {found:?} is wrong");
                    self.violate(now.mono, Promise::Facts, what);
                }
            }
            Fact::RecordsGone { topic, number, from, to } => {
                let start = broker.logs.iter().find(|log| log.number == *number && log.topic == *topic).map(Log::start);
                if from >= to || start.is_none_or(|start| start <= *from) {
                    let what =
                        format!("{topic}-{number}: {from} to {to} are said to be gone, the log begins at {start:?}");
                    self.violate(now.mono, Promise::Facts, what);
                }
            }
            Fact::HeadOfLine(_) => self.tally.heads_told += 1,
            Fact::KnobMoved { decision, applied } => self.on_knob(now, decision, *applied),
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
            Command::Grant { .. } | Command::Repair(_) | Command::ReadCommitted(_) | Command::ReadStarts(_) => {}
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
