//! The engine between a source that never runs dry and a worker that takes `alpha + beta·b`, on time of its own: what a
//! record costs, and nothing else. The bench and the count of allocations share it.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use sluicegate::{
    control::settings::{Adaptive, ControlSettings, QueueOrder, Range, TtlMode},
    engine::{
        Effects, Engine,
        event::{Action, Answer, Assignment, Batch, Command, CommitOutcome, Event, Settled, Told},
        fact::Fact,
        settings::EngineSettings,
    },
    record::{PartitionId, Payload, PayloadBuilder, Record},
    time::{Instant, Now, UnixMillis},
};

/// How the engine is set for a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Off,
    Shadow,
    On,
    /// `TTL_MODE=predictive QUEUE_ORDER=auto`: every batch is picked out of a window of the queue.
    Picking,
}

impl Mode {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Shadow => "shadow",
            Self::On => "on",
            Self::Picking => "on, predictive, auto",
        }
    }
}

pub const PARTITIONS: u32 = 4;
const CONCURRENCY: u32 = 4;
const ALPHA: Duration = Duration::from_millis(5);
const BETA: Duration = Duration::from_micros(100);
const LIFE_MS: i64 = 60_000;

/// Everything computed and every batch of the same size, so that only the computing differs.
fn settings(mode: Mode, batch: u32) -> EngineSettings {
    let adaptive = match mode {
        Mode::Off => Adaptive::Off,
        Mode::Shadow => Adaptive::Shadow,
        Mode::On | Mode::Picking => Adaptive::On,
    };
    let picking = mode == Mode::Picking;
    EngineSettings {
        concurrency: CONCURRENCY,
        batch_records_max: batch,
        control: ControlSettings {
            adaptive,
            ttl_mode: if picking { TtlMode::Predictive } else { TtlMode::Expired },
            queue_order: if picking { QueueOrder::Auto } else { QueueOrder::Fifo },
            concurrency: Range::pinned(CONCURRENCY),
            batch_records: Range::pinned(batch),
            ..ControlSettings::default()
        },
        ..EngineSettings::default()
    }
}

pub struct Mill {
    engine: Engine,
    effects: Effects,
    now: Now,
    out: VecDeque<Batch>,
    credit: u32,
    offsets: [i64; PARTITIONS as usize],
    batch: u32,
    /// Whether every second record has a deadline.
    dated: bool,
    pub settled: u64,
    /// Commits asked for, and turns of the gate.
    pub commits: u64,
    pub turns_of_gate: u64,
}

impl Mill {
    pub fn new(mode: Mode, batch: u32, dated: bool) -> Self {
        let now = Now { mono: Instant::from_millis(1), wall: UnixMillis(1_700_000_000_000), jitter: 7 };
        let mut mill = Self {
            engine: Engine::new(settings(mode, batch)),
            effects: Effects::default(),
            now,
            out: VecDeque::new(),
            credit: 0,
            offsets: [0; PARTITIONS as usize],
            batch,
            dated,
            settled: 0,
            commits: 0,
            turns_of_gate: 0,
        };
        let assignment =
            |id| Assignment { id: PartitionId(id), topic: Arc::from("t"), number: id as i32, committed: None };
        mill.step(Event::Assigned((0..PARTITIONS).map(assignment).collect()), &mut |step| step());
        mill
    }

    /// One poll if there is credit for it, and one batch back from the worker. Every step of the engine is run by
    /// `around`; what is around it is the world's.
    pub fn turn(&mut self, around: &mut impl FnMut(&mut dyn FnMut())) {
        if self.credit > 0 {
            let records = self.poll();
            self.step(Event::Polled { records, ends: Vec::new() }, around);
        }
        let Some(batch) = self.out.pop_front() else { return };
        self.pass((ALPHA + BETA * self.batch) / CONCURRENCY);
        self.settled += batch.records.len() as u64;
        let (answer, took) = (Answer::Done, ALPHA);
        let (told, said) = (Told::default(), Vec::new());
        let settled = Settled { batch, answer, took, status: Some(200), detail: None, told, said };
        self.step(Event::Settled(settled), around);
    }

    fn poll(&mut self) -> Vec<Record> {
        let many = self.credit.min(64);
        self.credit -= many;
        (0..many).map(|n| self.record(n)).collect()
    }

    fn record(&mut self, n: u32) -> Record {
        let partition = n % PARTITIONS;
        let offset = &mut self.offsets[partition as usize];
        let mut payload = PayloadBuilder::with_capacity(None, Some(b"{\"n\":1}"), 32);
        if self.dated && n % 8 < 4 {
            payload.header(b"deadline_ms", Some((self.now.wall.0 + LIFE_MS).to_string().as_bytes()));
        }
        *offset += 1;
        let payload: Payload = payload.finish();
        Record::new(PartitionId(partition), partition as i32, *offset - 1, -1, payload)
    }

    fn pass(&mut self, time: Duration) {
        self.now.mono = self.now.mono + time;
        self.now.wall = UnixMillis(1_700_000_000_000 + (self.now.mono.0 / 1_000_000) as i64);
    }

    fn step(&mut self, event: Event, around: &mut impl FnMut(&mut dyn FnMut())) {
        let mut event = Some(event);
        while let Some(next) = event.take() {
            let (engine, effects, now) = (&mut self.engine, &mut self.effects, self.now);
            let mut next = Some(next);
            around(&mut || {
                if let Some(next) = next.take() {
                    engine.step(now, next, effects);
                }
            });
            for action in self.effects.actions.drain(..) {
                match action {
                    Action::Dispatch(batch) => self.out.push_back(batch),
                    Action::Source(Command::Grant { records, .. }) => self.credit += records,
                    Action::Source(Command::Commit { id, offsets }) => {
                        let results = offsets.iter().map(|mark| mark.answered(CommitOutcome::Applied)).collect();
                        event = Some(Event::Committed { id, results });
                    }
                    Action::Source(_) => {}
                    Action::DeadLetter(_) | Action::Reply(_) => panic!("nothing fails here and nobody asks"),
                }
            }
            for fact in self.effects.facts.drain(..) {
                match fact {
                    Fact::CommitAsked { .. } => self.commits += 1,
                    Fact::Paused(_) | Fact::Resumed(_) => self.turns_of_gate += 1,
                    _ => {}
                }
            }
        }
    }
}
