//! One run: the engine between a source and a worker, stepped through virtual time.

mod calls;
mod source;

use std::time::Duration;

use crate::{
    control::Policies,
    engine::{
        Effects, Engine,
        event::{Action, Answer, Batch, DeadLettered, Event, Reason, Settled, Told},
        fact::{Fact, GateStage},
        settings::EngineSettings,
    },
    record::PartitionId,
    sim::{
        rng::Rng,
        scheduler::{Clock, EPOCH_MS, Schedule},
        trial::{
            case::Case,
            log::{Arrival, Arrivals, Source},
            oracle,
            seen::Seen,
            worker::{Begun, Worker},
        },
    },
    time::{Instant, Now, UnixMillis},
};

enum Due {
    Arrive(Arrival),
    Poll,
    Send(Batch),
    Done(Begun),
    GiveUp {
        number: u64,
    },
    /// An answer on its way, and how long the worker worked for it.
    Answer {
        settled: Settled,
        worked: Duration,
    },
    Event(Event),
    Assign(Vec<PartitionId>),
    Wake(u64),
    Fault(usize),
    FaultOver(usize),
    Look,
    Progress,
}

/// A batch with the worker.
struct Out {
    batch: Batch,
    sent: Instant,
    is_swallowed: bool,
}

/// From dispatch to the worker, and from the worker back.
const WAY: Duration = Duration::from_micros(150);
const COMMIT: Duration = Duration::from_millis(2);
const POLL: Duration = Duration::from_micros(300);
const LOOK: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);

pub struct World<'a> {
    case: &'a Case,
    engine: Engine,
    effects: Effects,
    clock: Clock,
    due: Schedule<Due>,
    jitter: Rng,
    arrivals: Arrivals<'a>,
    source: Source,
    worker: Worker<'a>,
    /// By batch id.
    out: Vec<Option<Out>>,
    produced: u64,
    is_polling: bool,
    wake: (u64, Option<Instant>),
    seen: Seen,
    poll_records: u32,
}

/// Runs a case. The same seed gives the same run.
pub fn run(case: &Case, settings: EngineSettings, policies: Option<Policies>, seed: u64) -> Seen {
    let capacity = oracle::capacity_at_start(case, &settings);
    let poll_records = settings.max_poll_records;
    let engine = match policies {
        Some(policies) => Engine::with_policies(settings.clone(), policies),
        None => Engine::new(settings.clone()),
    };
    let world = World {
        case,
        engine,
        effects: Effects::default(),
        clock: Clock::default(),
        due: Schedule::default(),
        jitter: Rng::stream(seed, 13),
        arrivals: Arrivals::new(case, capacity, seed),
        source: Source::new(case.workload.partitions, settings.max_record_bytes),
        worker: Worker::new(&case.worker, case.seconds, seed),
        out: Vec::new(),
        produced: 0,
        is_polling: false,
        wake: (0, None),
        seen: Seen::new(case),
        poll_records,
    };
    world.run()
}

impl World<'_> {
    fn run(mut self) -> Seen {
        let end = instant(self.case.ends_s());
        let all: Vec<PartitionId> = (0..self.source.partitions.len() as u32).map(PartitionId).collect();
        self.assign(&all);
        for index in 0..self.case.faults.len() {
            self.due.at(instant(self.case.faults[index].at), Due::Fault(index));
        }
        self.due.at(Instant::ZERO, Due::Look);
        self.due.at(Instant::ZERO, Due::Progress);
        self.next_arrival();
        while let Some((at, due)) = self.due.pop() {
            if at >= end {
                break;
            }
            self.clock.advance(at);
            self.happen(at, due);
        }
        let now = self.now();
        let snapshot = self.engine.snapshot(now);
        self.seen.finish(&snapshot, &self.source);
        self.seen
    }

    fn now(&mut self) -> Now {
        self.clock.now(self.jitter.next_u32())
    }

    fn next_arrival(&mut self) {
        if let Some(arrival) = self.arrivals.next() {
            self.due.at(arrival.at, Due::Arrive(arrival));
        }
    }

    fn happen(&mut self, now: Instant, due: Due) {
        match due {
            Due::Arrive(arrival) => {
                self.source.append(self.produced, arrival);
                self.produced += 1;
                let is_stale = arrival.deadline_ms.is_some_and(|at| at < EPOCH_MS + (now.0 / 1_000_000) as i64);
                self.seen.offered(&arrival, is_stale);
                self.next_arrival();
                self.want_poll(now);
            }
            Due::Poll => self.poll(now),
            Due::Send(batch) => self.send(now, batch),
            Due::Done(begun) => self.done(now, begun),
            Due::GiveUp { number } => self.give_up(now, number),
            Due::Answer { settled, worked } => self.answer(now, settled, worked),
            Due::Event(event) => self.step(event),
            Due::Assign(partitions) => self.assign(&partitions),
            Due::Wake(token) if token == self.wake.0 => {
                self.wake.1 = None;
                self.step(Event::Wake);
            }
            Due::Wake(_) => {}
            Due::Fault(index) => self.fault(now, index),
            Due::FaultOver(index) => self.fault_over(index),
            Due::Look => self.look(now),
            Due::Progress => self.progress(now),
        }
    }

    fn step(&mut self, event: Event) {
        let now = self.now();
        self.engine.step(now, event, &mut self.effects);
        let mut actions = std::mem::take(&mut self.effects.actions);
        for action in actions.drain(..) {
            self.perform(now, action);
        }
        self.effects.actions = actions;
        let mut facts = std::mem::take(&mut self.effects.facts);
        for fact in facts.drain(..) {
            self.fact(now, &fact);
        }
        self.effects.facts = facts;
        let at = self.engine.next_wake(now).map(|at| at.max(now.mono));
        if at != self.wake.1 {
            self.wake = (self.wake.0 + 1, at);
            if let Some(at) = at {
                self.due.at(at, Due::Wake(self.wake.0));
            }
        }
    }

    fn perform(&mut self, now: Now, action: Action) {
        match action {
            Action::Dispatch(batch) => self.due.at(now.mono + WAY, Due::Send(batch)),
            Action::DeadLetter(letter) => {
                self.due.at(now.mono + COMMIT, Due::Event(Event::DeadLettered(DeadLettered::Acknowledged { letter })));
            }
            Action::Source(command) => self.command(now.mono, command),
            // Nobody calls here.
            Action::Reply(_) => {}
        }
    }

    fn fact(&mut self, now: Now, fact: &Fact) {
        match fact {
            Fact::Expired { record, .. } => {
                self.finish_record(record.partition, record.offset, |seen| &mut seen.expired)
            }
            Fact::Skipped { number, offset, reason: Reason::Hopeless, .. } => {
                let id = PartitionId(*number as u32);
                let arrival = self.source.partitions[id.index()].records[*offset as usize];
                let by = arrival.deadline_ms.map_or(now.mono, |at| now.mono_at(UnixMillis(at)));
                self.seen.undated_drops += u64::from(arrival.deadline_ms.is_none());
                if self.worker.could_have(now.mono, by, arrival.bytes.into()) {
                    self.seen.false_drops += 1;
                }
                self.finish_record(id, *offset, |seen| &mut seen.hopeless);
            }
            Fact::Paused(gate) if gate.stage == GateStage::Hard => {
                self.seen.hardened(now.mono, gate.partitions.len());
            }
            Fact::KnobMoved { decision, .. } => self.seen.decided(decision),
            Fact::Violation { invariant, what } => self.seen.violations.push(format!("{invariant}: {what}")),
            _ => {}
        }
    }

    fn look(&mut self, now: Instant) {
        let at = self.now();
        let snapshot = self.engine.snapshot(at);
        let possible = oracle::possible_at(self.case, now.0 as f64 * 1e-9);
        self.seen.look(now, &snapshot, possible);
        self.due.at(now + LOOK, Due::Look);
    }
}

fn settled(batch: Batch, answer: Answer, took: Duration, capacity: Option<u32>) -> Settled {
    let told = Told { capacity, ..Told::default() };
    Settled { batch, answer, took, status: None, detail: None, told, said: Vec::new() }
}

fn instant(seconds: f64) -> Instant {
    Instant((seconds * 1e9) as u64)
}
