//! One run: engines between their sources and a worker, stepped through virtual time. Usually it is one engine; several
//! are a fleet before one worker.

mod calls;
mod member;
mod source;

use std::time::Duration;

use member::Member;

use crate::{
    control::Policies,
    engine::{
        Engine,
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
            log::{Arrival, Arrivals},
            oracle,
            seen::{Moment, Seen},
            worker::{Begun, Worker},
        },
    },
    time::{Instant, Now, UnixMillis},
};

#[expect(clippy::large_enum_variant, reason = "a box for each would cost more than the room in the schedule's places")]
enum Due {
    Arrive(Arrival),
    Done(Begun),
    GiveUp {
        number: u64,
    },
    Fault(usize),
    FaultOver(usize),
    Look,
    /// What concerns one of the sidecars.
    Of(usize, Its),
}

enum Its {
    Poll,
    Send(Batch),
    /// An answer on its way, and how long the worker worked for it.
    Answer {
        settled: Settled,
        worked: Duration,
    },
    Event(Event),
    Assign(Vec<PartitionId>),
    Wake(u64),
    Progress,
}

/// A batch with the worker.
struct Out {
    member: usize,
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
    members: Vec<Member>,
    clock: Clock,
    due: Schedule<Due>,
    jitter: Rng,
    arrivals: Arrivals<'a>,
    worker: Worker<'a>,
    /// By the number the worker knows them by.
    out: Vec<Option<Out>>,
    produced: u64,
    seen: Seen,
    poll_records: u32,
}

/// Runs a case. The same seed gives the same run. `engine` makes each sidecar's.
pub fn run(case: &Case, settings: &EngineSettings, policies: impl Fn() -> Option<Policies>, seed: u64) -> Seen {
    let capacity = oracle::capacity_at_start(case, settings);
    let engine = || match policies() {
        Some(policies) => Engine::with_policies(settings.clone(), policies),
        None => Engine::new(settings.clone()),
    };
    let member = |_| Member::new(engine(), case.workload.partitions, settings.max_record_bytes);
    let world = World {
        case,
        members: (0..case.members()).map(member).collect(),
        clock: Clock::default(),
        due: Schedule::default(),
        jitter: Rng::stream(seed, 13),
        arrivals: Arrivals::new(case, capacity, seed),
        worker: Worker::new(&case.worker, case.seconds, seed),
        out: Vec::new(),
        produced: 0,
        seen: Seen::new(case),
        poll_records: settings.max_poll_records,
    };
    world.run()
}

impl World<'_> {
    fn run(mut self) -> Seen {
        let end = instant(self.case.ends_s());
        let all: Vec<PartitionId> = (0..self.case.workload.partitions.max(1)).map(PartitionId).collect();
        for who in 0..self.members.len() {
            self.assign(who, &all);
        }
        for index in 0..self.case.faults.len() {
            self.due.at(instant(self.case.faults[index].at), Due::Fault(index));
        }
        self.due.at(Instant::ZERO, Due::Look);
        for who in 0..self.members.len() {
            self.due.at(Instant::ZERO, Due::Of(who, Its::Progress));
        }
        self.next_arrival();
        while let Some((at, due)) = self.due.pop() {
            if at >= end {
                break;
            }
            self.clock.advance(at);
            self.happen(at, due);
        }
        let now = self.now();
        for member in &self.members {
            self.seen.finish(&member.engine.snapshot(now), &member.source);
        }
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
                let (who, number) = self.turn();
                self.members[who].source.append(number, arrival);
                let is_stale = arrival.deadline_ms.is_some_and(|at| at < EPOCH_MS + (now.0 / 1_000_000) as i64);
                self.seen.offered(&arrival, is_stale);
                self.next_arrival();
                self.want_poll(who, now);
            }
            Due::Done(begun) => self.done(now, begun),
            Due::GiveUp { number } => self.give_up(now, number),
            Due::Fault(index) => self.fault(now, index),
            Due::FaultOver(index) => self.fault_over(index),
            Due::Look => self.look(now),
            Due::Of(who, its) => self.happen_to(who, now, its),
        }
    }

    fn happen_to(&mut self, who: usize, now: Instant, its: Its) {
        match its {
            Its::Poll => self.poll(who, now),
            Its::Send(batch) => self.send(who, now, batch),
            Its::Answer { settled, worked } => self.answer(who, now, settled, worked),
            Its::Event(event) => self.step(who, event),
            Its::Assign(partitions) => self.assign(who, &partitions),
            Its::Wake(token) if token == self.members[who].wake.0 => {
                self.members[who].wake.1 = None;
                self.step(who, Event::Wake);
            }
            Its::Wake(_) => {}
            Its::Progress => self.progress(who, now),
        }
    }

    /// Whose the next arrival is, and its number there.
    fn turn(&mut self) -> (usize, u64) {
        let count = self.members.len() as u64;
        let (number, who) = (self.produced / count, self.produced % count);
        self.produced += 1;
        (who as usize, number)
    }

    fn step(&mut self, who: usize, event: Event) {
        let now = self.now();
        let (mut actions, mut facts) = self.members[who].step(now, event);
        for action in actions.drain(..) {
            self.perform(who, now, action);
        }
        for fact in facts.drain(..) {
            self.fact(who, now, &fact);
        }
        let member = &mut self.members[who];
        member.give_back(actions, facts);
        if let Some((at, token)) = member.next_wake(now) {
            self.due.at(at, Due::Of(who, Its::Wake(token)));
        }
    }

    fn perform(&mut self, who: usize, now: Now, action: Action) {
        match action {
            Action::Dispatch(batch) => self.due.at(now.mono + WAY, Due::Of(who, Its::Send(batch))),
            Action::DeadLetter(letter) => {
                let event = Event::DeadLettered(DeadLettered::Acknowledged { letter });
                self.due.at(now.mono + COMMIT, Due::Of(who, Its::Event(event)));
            }
            Action::Source(command) => self.command(who, now.mono, command),
            // Nobody calls here.
            Action::Reply(_) => {}
        }
    }

    fn fact(&mut self, who: usize, now: Now, fact: &Fact) {
        match fact {
            Fact::Expired { record, .. } => {
                self.finish_record(who, record.partition, record.offset, |seen| &mut seen.expired);
            }
            Fact::Skipped { number, offset, reason: Reason::Hopeless, .. } => {
                let id = PartitionId(*number as u32);
                let arrival = self.members[who].source.partitions[id.index()].records[*offset as usize];
                let by = arrival.deadline_ms.map_or(now.mono, |at| now.mono_at(UnixMillis(at)));
                self.seen.undated_drops += u64::from(arrival.deadline_ms.is_none());
                if self.worker.could_have(now.mono, by, arrival.bytes.into()) {
                    self.seen.false_drops += 1;
                }
                self.finish_record(who, id, *offset, |seen| &mut seen.hopeless);
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
        let moments = self.members.iter().map(|member| Moment::of(&member.engine.snapshot(at)));
        let moment = moments.reduce(Moment::with).unwrap_or_default();
        self.seen.look(now, moment, oracle::possible_at(self.case, now.0 as f64 * 1e-9));
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
