//! One run: the engine in the middle of the models, stepped through virtual time until everything is drained.
//!
//! The loop takes the next thing due, lets the model it belongs to act, and hands what reaches the engine to
//! [`Engine::step`]; the checker sees both sides of every step. A process may die and start again within a run: the
//! engine is then a new one, and only the broker remembers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{
    engine::{
        Effects, Engine,
        event::{Action, Event},
        fact::Fact,
        settings::EngineSettings,
        snapshot::Phase,
    },
    sim::{
        broker::Broker,
        checker::{Checker, Promise, Violation},
        due::{Cx, Due},
        fault::{CommitMood, Kind, Set, SinkMood, WorkerMood},
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

/// Stands between the engine and the world. The simulator's own tests use it to plant bugs and see them found.
pub trait Tamper {
    /// The numbers the engine is to work with; the checker keeps to the true ones.
    fn settings(&self, settings: &mut EngineSettings) {
        let _ = settings;
    }

    /// Changes what the engine asks for. What it returns is told to the engine behind the checker's back.
    fn alter(&mut self, now: Now, actions: &mut Vec<Action>) -> Vec<Event> {
        let _ = (now, actions);
        Vec::new()
    }
}

/// Leaves everything as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Honest;

impl Tamper for Honest {}

/// Streams of the seed.
#[derive(Debug)]
struct Streams {
    models: Rng,
    workload: Rng,
    jitter: Rng,
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
    restart_after: Option<std::time::Duration>,
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
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(1800);
const PATIENCE_PER_RECORD: std::time::Duration = std::time::Duration::from_secs(7);

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
            streams: Streams { models: stream(1), workload: stream(2), jitter: stream(3) },
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
        for (index, fault) in self.setup.faults.iter().enumerate() {
            let over = fault.at + fault.lasts;
            self.schedule.at(fault.at, Due::Fault(index));
            self.schedule.at(over, Due::FaultOver(index));
            end = end.max(over);
        }
        self.schedule.at(end, Due::Heal);
        let patience = PATIENCE + PATIENCE_PER_RECORD * self.setup.workload.records;
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
            Due::Fault(index) => self.begin_fault(index),
            Due::FaultOver(index) => self.end_fault(index),
            Due::Heal => self.heal(),
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
    fn end_process(&mut self, starts_after: std::time::Duration) {
        self.note(Step::ProcessDies);
        self.engine = None;
        self.process += 1;
        self.wake = Wake { token: self.wake.token + 1, ..Wake::default() };
        self.restart_after = None;
        self.checker.process_over(&self.broker);
        self.schedule.at(self.clock.mono() + starts_after, Due::StartProcess);
    }

    fn send(&mut self, batch: crate::engine::event::Batch) {
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
            let late = std::time::Duration::from_micros(self.streams.models.range(0, 1000));
            self.schedule.at(at + late, Due::Wake { token: self.wake.token });
        }
    }

    fn on_stopped(&mut self) {
        match self.restart_after.take() {
            Some(after) => self.end_process(after),
            None if self.drained_at.is_some() => self.over = true,
            None => {}
        }
    }

    fn heal(&mut self) {
        self.healed = true;
        self.note(Step::Healed);
        self.worker.heal();
        self.sink.heal();
        self.broker(|broker, cx, setup, _| broker.come_back(cx, setup, Set::ALL));
    }

    /// Once all is well and everything is finished and committed, the process is drained for the last time.
    fn look_for_the_end(&mut self) {
        let running = self.engine.as_ref().is_some_and(|engine| engine.phase() == Phase::Running);
        if !self.healed || !running || self.drained_at.is_some() || !self.checker.is_drained(&self.broker) {
            return;
        }
        self.drained_at = Some(self.clock.mono());
        self.drain();
    }

    fn drain(&mut self) {
        self.note(Step::Drain);
        let deadline = self.clock.mono() + self.setup.shutdown;
        self.step(Event::Drain { deadline });
    }

    fn judge_end(&mut self) {
        let now = self.clock.now(0);
        self.checker.check_end(now, &self.broker);
        let drained_at = self.drained_at.unwrap_or_default();
        if let Some(what) = self.setup.expect.judge(&self.checker.tally, drained_at) {
            self.checker.violate(now.mono, Promise::Expected, what);
        }
    }
}

/// Faults.
impl World<'_> {
    fn begin_fault(&mut self, index: usize) {
        let Some(fault) = self.setup.faults.get(index).copied() else { return };
        self.note(Step::Fault { index });
        match fault.kind {
            Kind::Revoke(set) => self.broker(|broker, cx, _, _| broker.take_away(cx, set, false)),
            Kind::Lost(set) => self.broker(|broker, cx, _, _| broker.take_away(cx, set, true)),
            Kind::WallJump { ms } => self.clock.jump(ms),
            Kind::Retention { partition, pct } => self.broker(|broker, cx, _, _| broker.trim(cx, partition, pct)),
            Kind::Rewind(partition) => self.broker(|broker, cx, setup, _| {
                broker.rewind(partition);
                broker.fetch_all(cx, setup);
            }),
            Kind::Stall(partition) => self.broker.stall(partition),
            Kind::Crash => {
                if self.engine.is_some() && self.drained_at.is_none() {
                    self.end_process(fault.lasts);
                }
            }
            Kind::Restart => {
                let running = self.engine.as_ref().is_some_and(|engine| engine.phase() == Phase::Running);
                if running && self.drained_at.is_none() {
                    self.restart_after = Some(fault.lasts);
                    self.drain();
                }
            }
            Kind::Worker(_) | Kind::Sink(_) | Kind::Commits(_) | Kind::LeaderAway(_) | Kind::SlowFetch { .. } => {
                self.active_faults.push(index);
                self.set_moods();
            }
        }
    }

    fn end_fault(&mut self, index: usize) {
        let Some(fault) = self.setup.faults.get(index).copied() else { return };
        self.note(Step::FaultOver { index });
        match fault.kind {
            Kind::Revoke(set) | Kind::Lost(set) => {
                self.broker(|broker, cx, setup, _| broker.come_back(cx, setup, set));
            }
            _ => {
                self.active_faults.retain(|active| *active != index);
                self.set_moods();
            }
        }
    }

    /// Of several faults of one sort the one that began last counts.
    fn set_moods(&mut self) {
        let (mut worker, mut sink, mut commits): (Option<WorkerMood>, Option<SinkMood>, Option<CommitMood>) =
            (None, None, None);
        let (mut away, mut times) = (Set(0), 1);
        for fault in self.active_faults.iter().filter_map(|index| self.setup.faults.get(*index)) {
            match fault.kind {
                Kind::Worker(mood) => worker = Some(mood),
                Kind::Sink(mood) => sink = Some(mood),
                Kind::Commits(mood) => commits = Some(mood),
                Kind::LeaderAway(set) => away = Set(away.0 | set.0),
                Kind::SlowFetch { times: slow } => times = slow,
                _ => {}
            }
        }
        self.worker.mood = worker;
        self.sink.mood = sink;
        (self.broker.commit_mood, self.broker.leaders_away, self.broker.fetch_times) = (commits, away, times);
        self.broker(|broker, cx, setup, _| broker.fetch_all(cx, setup));
    }
}

/// The trace.
impl World<'_> {
    fn trace_event(&mut self, event: &Event) {
        match event {
            Event::Polled { records, ends } => {
                for run in records.chunk_by(|a, b| a.partition == b.partition) {
                    if let (Some(first), Some(last)) = (run.first(), run.last()) {
                        let (partition, records) = (first.partition, run.len() as u32);
                        self.note(Step::Polled { partition, records, first: first.offset, last: last.offset });
                    }
                }
                for end in ends {
                    self.note(Step::End { partition: end.partition, offset: end.offset });
                }
            }
            Event::Settled(settled) => {
                let verdicts = match &settled.answer {
                    crate::engine::event::Answer::Each(verdicts) => {
                        verdicts.iter().fold(0, |all, verdict| all * 5 % 0xffff_ffff_fffb + *verdict as u64 + 1)
                    }
                    _ => 0,
                };
                self.note(Step::Settled { batch: settled.batch.id, answer: settled.answer.name(), verdicts });
            }
            Event::DeadLettered(answer) => {
                use crate::engine::event::DeadLettered::{Acknowledged, Failed};
                let (Acknowledged { letter } | Failed { letter, .. }) = answer;
                let (partition, offset) = (letter.record.partition, letter.record.offset);
                self.note(match answer {
                    Acknowledged { .. } => Step::LetterAcknowledged { partition, offset },
                    Failed { .. } => Step::LetterFailed { partition, offset },
                });
            }
            Event::Committed { id, results } => {
                for result in results {
                    use crate::engine::event::CommitOutcome::{Applied, EpochOver, Failed};
                    let outcome = match &result.outcome {
                        Applied => "applied",
                        EpochOver(_) => "epoch over",
                        Failed(_) => "failed",
                    };
                    let (partition, offset) = (result.partition, result.offset);
                    self.note(Step::Committed { id: *id, partition, offset, outcome });
                }
            }
            Event::Left => self.note(Step::Left),
            _ => {}
        }
    }

    fn trace_facts(&mut self, facts: &[Fact]) {
        for fact in facts {
            match fact {
                Fact::Expired { record, stage, .. } => {
                    let (partition, offset) = (record.partition, record.offset);
                    self.note(Step::Expired { partition, offset, stage: stage.name() });
                }
                Fact::Skipped { number, offset, .. } => self.note(Step::Skipped { number: *number, offset: *offset }),
                _ => {}
            }
        }
    }

    fn trace_action(&mut self, action: &Action) {
        match action {
            Action::Dispatch(batch) => {
                let bytes = batch.records.iter().map(crate::record::Record::charge).sum();
                let id = batch.id;
                self.note(Step::Dispatched { batch: id, records: batch.records.len() as u32, bytes });
                for run in batch.records.chunk_by(|a, b| a.partition == b.partition) {
                    if let (Some(first), Some(last)) = (run.first(), run.last()) {
                        let (partition, records) = (first.partition, run.len() as u32);
                        let (first, last) = (first.offset, last.offset);
                        self.note(Step::Carries { batch: id, partition, records, first, last });
                    }
                }
            }
            Action::DeadLetter(letter) => self.note(Step::Letter {
                partition: letter.record.partition,
                offset: letter.record.offset,
                reason: letter.reason,
            }),
            Action::Source(crate::engine::event::Command::Commit { id, offsets }) => {
                for (partition, offset) in offsets {
                    self.note(Step::CommitAsked { id: *id, partition: *partition, offset: *offset });
                }
            }
            Action::Source(_) => {}
        }
    }
}
