//! Facts in, lines and counts out.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use super::*;
use crate::{
    control::knobs::{self, Decision, KnobName},
    engine::{
        event::{Assignment, BatchId, CommitOutcome, CommitResult, Reason},
        fact::{DrainState, FreshHold, Gate, GateStage, Head, LetterHold, PauseReason, Stage},
    },
    record::{PartitionId, Payload, Record, RequestId},
    telemetry::{
        self, Readout,
        log::{self, LevelControl, tests::Lines},
        settings::{LogFormat, LogLevel, LogSettings},
    },
    time::{Instant, UnixMillis},
};

mod every_fact;
mod lines;
mod storms;

/// A telemetry with a log that can be read.
struct Bench {
    telemetry: Telemetry,
    readout: Readout,
    lines: Arc<Mutex<Vec<u8>>>,
    control: LevelControl,
    _log: tracing::subscriber::DefaultGuard,
    now: Now,
}

impl Bench {
    fn new(level: LogLevel) -> Self {
        let (mut telemetry, readout) = telemetry::start(Some(40)).unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&lines);
        let settings = LogSettings { format: LogFormat::Json, level };
        let (subscriber, control) = log::subscriber(&settings, move || Lines(Arc::clone(&writer)));
        let log = tracing::subscriber::set_default(subscriber);
        let now = Now { mono: Instant::from_millis(1_000), wall: UnixMillis(1_700_000_000_000), jitter: 0 };
        let assigned = [(0, "a", 0), (1, "a", 1), (2, "b", 7)];
        let assigned = assigned.map(|(id, topic, number)| Assignment {
            id: PartitionId(id),
            topic: Arc::from(topic),
            number,
            committed: None,
        });
        telemetry.names.learn(&assigned);
        Self { telemetry, readout, lines, control, _log: log, now }
    }

    fn tell(&mut self, fact: &Fact) -> Vec<Value> {
        self.telemetry.fact(self.now, fact);
        self.take()
    }

    /// The lines since the last look.
    fn take(&self) -> Vec<Value> {
        let bytes = std::mem::take(&mut *self.lines.lock().unwrap());
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }
}

const P: [PartitionId; 3] = [PartitionId(0), PartitionId(1), PartitionId(2)];

const SECOND: std::time::Duration = std::time::Duration::from_secs(1);

fn topic() -> Arc<str> {
    Arc::from("a")
}

fn gate(partitions: &[PartitionId]) -> Gate {
    Gate {
        stage: GateStage::Soft,
        reason: PauseReason::QueueFull,
        partitions: partitions.to_vec(),
        depth: 32,
        bytes: 900,
        pct: 80.049,
        shut_for: SECOND,
    }
}

fn expired(key: Option<&[u8]>) -> Fact {
    let record = Record::new(P[1], 1, 17, -1, Payload::new(key, Some(b"v")));
    Fact::Expired { record: Box::new(record), topic: topic(), stage: Stage::Batch, late_by: SECOND }
}

fn decision() -> Decision {
    let (knob, reason) = (KnobName::PauseThresholdPct, knobs::Reason::Need);
    Decision { at: Instant::ZERO, knob, from_steps: 800, to_steps: 755, reason }
}

fn answered(outcomes: &[CommitOutcome]) -> Fact {
    let result = |(index, outcome): (usize, &CommitOutcome)| CommitResult {
        partition: P[index],
        offset: 10 + index as i64,
        outcome: outcome.clone(),
    };
    Fact::CommitAnswered { results: outcomes.iter().enumerate().map(result).collect(), took: SECOND }
}
