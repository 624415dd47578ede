//! The engine as a whole, one promise a test. Longer stories and random ones are in the simulator.

use std::{sync::Arc, time::Duration};

use super::*;
use crate::{
    engine::{
        event::{Answer, Assignment, Batch, CommitOutcome, DeadLettered, Progress, Reason, Settled, Told, Verdict},
        settings::{Ordering, PoisonPolicy, tests::settings},
        snapshot::{NotReady, Phase},
    },
    record::{PartitionId, Payload, PayloadBuilder},
    time::UnixMillis,
};

mod answers;
mod apart;
mod batches;
mod broken;
mod commits;
mod completed;
mod dead_letters;
mod deadlines;
mod drains;
mod epochs;
mod heads;
mod order;
mod room;
mod sentinels;
mod stalls;
mod stopped;
mod topics;
mod turned_away;
mod watching;

/// An engine with its effects sorted into what a test asks about.
struct Bench {
    engine: Engine,
    now: Now,
    out: Vec<Batch>,
    commands: Vec<Command>,
    letters: Vec<event::DeadLetter>,
    facts: Vec<Fact>,
}

const P0: PartitionId = PartitionId(0);

impl Bench {
    fn new(settings: EngineSettings) -> Self {
        let now = Now { mono: Instant::from_millis(1_000), wall: UnixMillis(1_000_000), jitter: u32::MAX };
        let mut bench =
            Self { engine: Engine::new(settings), now, out: vec![], commands: vec![], letters: vec![], facts: vec![] };
        let assign = |id, number| Assignment { id: PartitionId(id), topic: Arc::from("t"), number, committed: None };
        bench.step(Event::Assigned(vec![assign(0, 0), assign(1, 1)]));
        bench
    }

    fn step(&mut self, event: Event) {
        let mut effects = Effects::default();
        self.engine.step(self.now, event, &mut effects);
        for action in effects.actions {
            match action {
                Action::Reply(reply) => panic!("nobody asked: {reply:?}"),
                Action::Source(command) => self.commands.push(command),
                Action::Dispatch(batch) => self.out.push(batch),
                Action::DeadLetter(letter) => self.letters.push(letter),
            }
        }
        self.facts.extend(effects.facts);
        let wake = self.engine.next_wake(self.now);
        assert!(wake.is_none_or(|at| at > self.now.mono), "nothing is left undone that can be done now");
    }

    fn pass(&mut self, ms: u64) {
        self.now.mono = self.now.mono + Duration::from_millis(ms);
        self.now.wall = UnixMillis(self.now.wall.0 + ms as i64);
        self.step(Event::Wake);
    }

    /// Records the worker has finished.
    fn finished(&self) -> u32 {
        self.facts.iter().map(|f| if let Fact::Completed { records, .. } = f { *records } else { 0 }).sum()
    }

    /// Steps at every moment the engine asks for, until nothing is left to do or a batch is out.
    fn wake_until_dispatch(&mut self) {
        for _ in 0..1000 {
            if !self.out.is_empty() {
                return;
            }
            if self.engine.snapshot(self.now).commit.in_flight {
                self.answer_commit(CommitOutcome::Applied);
            }
            let Some(at) = self.engine.next_wake(self.now) else { return };
            let ms = at.since(self.now.mono).as_millis() as u64;
            self.pass(ms.max(1));
        }
        panic!("woke a thousand times for nothing");
    }

    fn poll(&mut self, offsets: std::ops::Range<i64>) {
        self.poll_records(offsets.map(|offset| plain(0, offset)).collect());
    }

    fn poll_records(&mut self, records: Vec<Record>) {
        self.step(Event::Polled { records, ends: vec![] });
    }

    fn answer(&mut self, answer: Answer) {
        self.settle(0, answer, Some(500));
    }

    /// The batch at this place comes back.
    fn settle(&mut self, place: usize, answer: Answer, status: Option<u16>) {
        let batch = self.out.remove(place);
        self.step(Event::Settled(Settled {
            batch,
            answer,
            took: Duration::ZERO,
            status,
            detail: None,
            told: Told::default(),
            said: Vec::new(),
        }));
    }

    fn last_commit(&self) -> Option<(event::CommitId, Vec<(PartitionId, i64)>)> {
        let (id, marks) = self.last_marks()?;
        Some((id, marks.iter().map(|mark| (mark.partition, mark.offset)).collect()))
    }

    fn last_marks(&self) -> Option<(event::CommitId, Vec<event::Mark>)> {
        self.commands.iter().rev().find_map(|command| match command {
            Command::Commit { id, offsets } => Some((*id, offsets.clone())),
            _ => None,
        })
    }

    fn answer_commit(&mut self, outcome: CommitOutcome) {
        let (id, marks) = self.last_marks().unwrap();
        let results = marks.iter().map(|mark| mark.answered(outcome.clone())).collect();
        self.step(Event::Committed { id, results });
    }

    fn answer_commit_if_any(&mut self, outcome: &CommitOutcome) {
        if self.engine.snapshot(self.now).commit.in_flight {
            self.answer_commit(outcome.clone());
        }
    }

    fn offsets_out(&self) -> Vec<Vec<i64>> {
        self.out.iter().map(|batch| batch.records.iter().map(|record| record.offset).collect()).collect()
    }

    fn violations(&self) -> u64 {
        self.engine.snapshot(self.now).violations
    }
}

fn plain(partition: u32, offset: i64) -> Record {
    keyed(partition, offset, b"k")
}

fn keyed(partition: u32, offset: i64, key: &[u8]) -> Record {
    Record::new(PartitionId(partition), partition as i32, offset, -1, Payload::new(Some(key), Some(b"v")))
}

fn with_deadline(offset: i64, deadline: i64) -> Record {
    let mut builder = PayloadBuilder::with_capacity(None, Some(b"v"), 64);
    builder.header(b"deadline_ms", Some(deadline.to_string().as_bytes()));
    Record::new(P0, 0, offset, -1, builder.finish())
}
