//! One run: the engine in the middle of the models, stepped through virtual time until everything is drained.
//!
//! The loop takes the next thing due, lets the model it belongs to act, and hands what reaches the engine to
//! [`Engine::step`]; the checker sees both sides of every step. A process may die and start again within a run: the
//! engine is then a new one, and only the broker remembers.

mod ending;
mod faults;
mod notes;
mod tamper;

pub use tamper::{Honest, Tamper};

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use crate::{
    engine::{
        Effects, Engine,
        event::{Action, Batch, Event},
        snapshot::Phase,
    },
    record::RequestId,
    sim::{
        broker::Broker,
        checker::{Checker, Promise, Violation},
        due::{Cx, Due},
        report::{Failure, Report},
        rng::Rng,
        scheduler::{Clock, Pipe, Schedule},
        setup::Setup,
        sink::Sink,
        trace::{Step, Trace},
        worker::Worker,
    },
    time::{Instant, Now},
};

/// Streams of the seed.
#[derive(Debug)]
struct Streams {
    models: Rng,
    workload: Rng,
    jitter: Rng,
    requests: Rng,
}

pub struct World<'a> {
    seed: u64,
    setup: &'a Setup,
    tamper: &'a mut dyn Tamper,
    clock: Clock,
    schedule: Schedule<Due>,
    streams: Streams,
    trace: Trace,
    broker: Broker,
    worker: Worker,
    sink: Sink,
    checker: Checker,
    process: u32,
    engine: Option<Engine>,
    effects: Effects,
    commands: Pipe,
    wake: Wake,
    active_faults: Vec<usize>,
    /// The process is to start again after this drain.
    restart_after: Option<Duration>,
    /// Requests made so far.
    asked: u64,
    healed: bool,
    drained_at: Option<Instant>,
    over: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Wake {
    token: u64,
    at: Option<Instant>,
    /// Wakes in a row that were asked for in the past.
    overdue: u32,
}

const OVERDUE_MAX: u32 = 3;

/// A run that is not drained this long after everything is well again never will be, dead letters at their slowest
/// pace allowed for.
const PATIENCE: Duration = Duration::from_secs(1800);
const PATIENCE_PER_RECORD: Duration = Duration::from_secs(7);

impl<'a> World<'a> {
    /// `keep` the last steps as text, which costs time.
    pub fn new(seed: u64, setup: &'a Setup, tamper: &'a mut dyn Tamper, keep: bool) -> Self {
        let broker = Broker::new(setup);
        let stream = |number| Rng::stream(seed, number);
        Self {
            checker: Checker::new(&setup.settings, setup.shutdown, broker.logs.len()),
            seed,
            setup,
            tamper,
            clock: Clock::default(),
            schedule: Schedule::default(),
            streams: Streams { models: stream(1), workload: stream(2), jitter: stream(3), requests: stream(4) },
            trace: Trace::new(keep),
            broker,
            worker: Worker::new(&setup.worker),
            sink: Sink::new(&setup.sink),
            process: 0,
            engine: None,
            effects: Effects::default(),
            commands: Pipe::default(),
            wake: Wake::default(),
            active_faults: Vec::new(),
            restart_after: None,
            asked: 0,
            healed: false,
            drained_at: None,
            over: false,
        }
    }

    /// Runs to the end, or to the first promise that does not hold.
    ///
    /// # Errors
    /// What did not hold.
    pub fn run(mut self) -> Result<Report, Failure> {
        self.plan();
        while let Some((at, due)) = self.schedule.pop() {
            self.clock.advance(at);
            self.handle(due);
            if self.checker.violation().is_some() || self.over {
                break;
            }
        }
        if self.over {
            self.judge_end();
        } else if self.checker.violation().is_none() {
            self.checker.violate(self.clock.mono(), Promise::I8, "nothing is due any more and it is not over");
        }
        match self.checker.violation().cloned() {
            Some(violation) => Err(self.failure(violation)),
            None => Ok(Report {
                seed: self.seed,
                steps: self.trace.steps(),
                trace_hash: self.trace.hash(),
                drained_at: self.drained_at.unwrap_or_default(),
                over_at: self.clock.mono(),
                tally: self.checker.tally,
            }),
        }
    }

    fn failure(&self, violation: Violation) -> Failure {
        Failure { seed: self.seed, violation, trace_hash: self.trace.hash(), tail: self.trace.to_string() }
    }

    fn plan(&mut self) {
        self.schedule.at(Instant::ZERO, Due::StartProcess);
        let mut end = Instant::ZERO;
        for (at, records) in self.setup.workload.bursts() {
            self.schedule.at(at, Due::Produce { records });
            end = end.max(at);
        }
        for (at, requests) in self.setup.requests.bursts() {
            self.schedule.at(at, Due::Ask { requests });
            end = end.max(at);
        }
        for (index, fault) in self.setup.faults.iter().enumerate() {
            let over = fault.at + fault.lasts;
            self.schedule.at(fault.at, Due::Fault(index));
            self.schedule.at(over, Due::FaultOver(index));
            end = end.max(over);
        }
        self.schedule.at(end, Due::Heal);
        let patience = PATIENCE + PATIENCE_PER_RECORD.saturating_mul(self.setup.workload.records);
        self.schedule.at(end + patience, Due::GiveUp);
    }

    fn now(&mut self) -> Now {
        self.clock.now(self.streams.jitter.next_u32())
    }

    fn note(&mut self, step: Step) {
        self.trace.note(self.clock.mono(), step);
    }

    /// Lets the broker's model act.
    fn broker<T>(&mut self, act: impl FnOnce(&mut Broker, &mut Cx<'_>, &'a Setup, &mut Rng) -> T) -> T {
        let mut cx = Cx {
            now: self.clock.now(0),
            process: self.process,
            schedule: &mut self.schedule,
            rng: &mut self.streams.models,
            trace: &mut self.trace,
        };
        let result = act(&mut self.broker, &mut cx, self.setup, &mut self.streams.workload);
        for (id, from, to) in self.broker.elsewhere.drain(..) {
            if let Some(log) = self.broker.logs.get(id.index()) {
                self.checker.on_elsewhere(id, log, from, to);
            }
        }
        result
    }

    fn handle(&mut self, due: Due) {
        match due {
            Due::Produce { records } => self.broker(|broker, cx, setup, rng| broker.produce(cx, setup, records, rng)),
            Due::Ask { requests } => self.ask(requests),
            Due::Fault(index) => self.begin_fault(index),
            Due::FaultOver(index) => self.end_fault(index),
            Due::Heal => self.heal(),
            Due::LookedAt => self.look_at_the_worker(),
            Due::GiveUp => {
                let missing = self.checker.what_is_missing(&self.broker);
                let now = self.clock.now(0);
                let state = self.engine.as_ref().map(|engine| engine.snapshot(now));
                self.checker.violate(now.mono, Promise::I8, format!("not drained: {missing}; {state:?}"));
            }
            Due::StartProcess => self.start_process(),
            Due::Wake { token } if token == self.wake.token => {
                self.wake.at = None;
                self.note(Step::Woke);
                self.step(Event::Wake);
            }
            Due::ToEngine { process, event } if process == self.process => self.step(event),
            Due::ToSource { process, command } if process == self.process => {
                self.broker(|broker, cx, setup, _| broker.perform(cx, setup, command));
            }
            Due::Turn { process } if process == self.process => {
                self.broker(|broker, cx, setup, _| broker.turn(cx, setup));
            }
            Due::Fetched { process, partition, generation } if process == self.process => {
                self.broker(|broker, cx, setup, _| broker.on_fetched(cx, setup, partition, generation));
            }
            Due::Progress { process } if process == self.process => {
                self.broker(|broker, cx, setup, _| broker.progress(cx, setup));
            }
            Due::Join { process } if process == self.process => {
                self.broker(|broker, cx, setup, _| broker.join(cx, setup));
            }
            Due::Back(set) => self.broker(|broker, cx, setup, _| broker.come_back(cx, setup, set)),
            Due::ReadCommitted { process, partitions } if process == self.process => {
                self.broker(|broker, cx, _, _| broker.on_read_committed(cx, partitions));
            }
            Due::ReadStarts { process, partitions } if process == self.process => {
                self.broker(|broker, cx, _, _| broker.on_read_starts(cx, partitions));
            }
            Due::Commit(request) => self.broker(|broker, cx, _, _| broker.on_commit(cx, request)),
            Due::Send { process, batch } if process == self.process => self.send(batch),
            Due::Letter { process, answer } if process == self.process => self.step(Event::DeadLettered(answer)),
            // Of a process that is gone, or a moment that is not asked for any more.
            _ => {}
        }
        self.look_for_the_end();
    }

    fn start_process(&mut self) {
        if self.engine.is_some() {
            return;
        }
        self.process += 1;
        let process = self.process;
        self.note(Step::ProcessStarts { process });
        let mut settings = self.setup.settings.clone();
        self.tamper.settings(&mut settings);
        self.engine = Some(Engine::new(settings));
        self.broker(|broker, cx, setup, _| broker.start(cx, setup));
    }

    /// The process is gone; nothing of it reaches anybody any more.
    fn end_process(&mut self, starts_after: Duration) {
        self.note(Step::ProcessDies);
        self.engine = None;
        self.process += 1;
        self.wake = Wake { token: self.wake.token + 1, ..Wake::default() };
        self.restart_after = None;
        self.checker.process_over(&self.broker);
        self.schedule.at(self.clock.mono() + starts_after, Due::StartProcess);
    }

    /// Callers ask; where no process is running, nobody takes their connection.
    fn ask(&mut self, requests: u32) {
        if self.engine.is_none() {
            return;
        }
        let mut cx = Cx {
            now: self.clock.now(0),
            process: self.process,
            schedule: &mut self.schedule,
            rng: &mut self.streams.requests,
            trace: &mut self.trace,
        };
        for _ in 0..requests {
            self.asked += 1;
            self.setup.requests.ask(&mut cx, RequestId(self.asked));
        }
    }

    fn send(&mut self, batch: Batch) {
        let now = self.clock.now(0);
        let mut cx = Cx {
            now,
            process: self.process,
            schedule: &mut self.schedule,
            rng: &mut self.streams.models,
            trace: &mut self.trace,
        };
        if batch.not_after.is_none_or(|not_after| now.wall <= not_after) {
            self.checker.on_send(now, &batch, &self.broker);
        }
        self.worker.send(&mut cx, batch, &self.broker.logs);
    }

    fn step(&mut self, event: Event) {
        let Some(mut engine) = self.engine.take() else { return };
        let now = self.now();
        self.trace_event(&event);
        self.checker.before(now, &event, &self.broker);
        let Some(event) = self.tamper.tell(event) else {
            self.engine = Some(engine);
            return;
        };
        let effects = &mut self.effects;
        if catch_unwind(AssertUnwindSafe(|| engine.step(now, event, effects))).is_err() {
            return self.checker.violate(now.mono, Promise::Engine, "the engine panicked");
        }
        let injected = self.tamper.alter(now, &mut self.effects.actions);
        self.check_and_perform(now, &engine);
        for event in injected {
            engine.step(now, event, &mut self.effects);
            self.check_and_perform(now, &engine);
        }
        self.schedule_wake(now, &engine);
        let stopped = engine.phase() == Phase::Stopped;
        if stopped {
            let snapshot = engine.snapshot(now);
            self.checker.check_empty(now, &snapshot, self.drained_at.is_some());
        }
        self.engine = Some(engine);
        if stopped {
            self.on_stopped();
        }
    }

    fn check_and_perform(&mut self, now: Now, engine: &Engine) {
        let mut effects = std::mem::take(&mut self.effects);
        self.trace_facts(&effects.facts);
        self.checker.after(now, &effects, &engine.snapshot(now), &self.broker);
        for action in effects.actions.drain(..) {
            self.perform(now, action);
        }
        effects.facts.clear();
        self.effects = effects;
    }

    fn perform(&mut self, now: Now, action: Action) {
        let process = self.process;
        self.trace_action(&action);
        let mut cx =
            Cx { now, process, schedule: &mut self.schedule, rng: &mut self.streams.models, trace: &mut self.trace };
        match action {
            Action::Source(command) => {
                let delay = self.setup.broker.channel.draw(cx.rng);
                let at = self.commands.arrival(now.mono, delay);
                self.schedule.at(at, Due::ToSource { process, command });
            }
            Action::Dispatch(batch) => self.worker.take(&mut cx, batch),
            Action::DeadLetter(letter) => self.sink.take(&mut cx, letter),
            // Whoever asked has it; the checker has seen it.
            Action::Reply(_) => {}
        }
    }

    /// Asks to be called when the engine wants to, up to a millisecond late, as timers are.
    fn schedule_wake(&mut self, now: Now, engine: &Engine) {
        let wanted = engine.next_wake(now);
        // Once is a step that freed something late; again and again is spinning.
        self.wake.overdue = if wanted.is_some_and(|at| at <= now.mono) { self.wake.overdue + 1 } else { 0 };
        if self.wake.overdue > OVERDUE_MAX {
            self.checker.violate(now.mono, Promise::I8, "the engine wants to be woken for what it could have done now");
        }
        if wanted == self.wake.at {
            return;
        }
        self.wake = Wake { token: self.wake.token + 1, at: wanted, ..self.wake };
        if let Some(at) = wanted {
            let late = Duration::from_micros(self.streams.models.range(0, 1000));
            self.schedule.at(at + late, Due::Wake { token: self.wake.token });
        }
    }
}
