//! Every fact as a line of the log: its name, its level and its fields, as the table of events promises them.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use super::*;
use crate::{
    control::knobs::{self, Decision, KnobName},
    engine::{
        event::{Assignment, BatchId, CommitOutcome, CommitResult, Reason},
        fact::{DrainState, Gate, GateStage, Head, PauseReason, Stage},
    },
    record::{PartitionId, Payload, Record, RequestId},
    telemetry::{
        self, Readout,
        log::{self, LevelControl},
        settings::{LogFormat, LogLevel, LogSettings},
    },
    time::{Instant, UnixMillis},
};

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

struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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

/// The log line of a fact without what every line has, and which event it was.
fn line_of(fact: &Fact) -> (EventName, Value) {
    let mut bench = Bench::new(LogLevel::Debug);
    let lines = bench.tell(fact);
    let [line] = lines.as_slice() else { panic!("{fact:?}: {lines:?}") };
    let mut fields = line.as_object().unwrap().clone();
    assert_eq!(fields.remove("service"), Some(json!("sluicegate")));
    assert!(fields.remove("timestamp").unwrap().as_str().unwrap().ends_with('Z'), "{line}");
    assert!(fields.remove("message").unwrap().is_string(), "{line}");
    let name = fields.remove("event").unwrap();
    let event = EventName::ALL.iter().find(|event| name == event.name()).copied().unwrap_or_else(|| panic!("{line}"));
    assert_eq!(fields.remove("level"), Some(json!(event.level().as_str().to_lowercase())), "{line}");
    let promised: BTreeSet<&str> = event.fields().iter().copied().collect();
    let found: BTreeSet<&str> = fields.keys().map(String::as_str).collect();
    assert!(found.is_subset(&promised), "{found:?} is not in {promised:?}");
    (event, Value::Object(fields))
}

#[test]
fn every_fact_has_its_line_with_its_fields() {
    let at = |topic| (topic, 1, 17_i64);
    let (topic, number, offset) = at(topic());
    let topic = || Arc::clone(&topic);
    let (topic1, reason) = (topic, Reason::Refused);
    let where_it_is = json!({"topic": "a", "partition": 1, "offset": 17});
    let and = |more: Value| {
        let mut all = where_it_is.as_object().unwrap().clone();
        all.extend(more.as_object().unwrap().clone());
        Value::Object(all)
    };
    let applied = CommitOutcome::Applied;
    let table = [
        (
            Fact::Enqueued { records: 5, bytes: 640, depth: 12 },
            json!({"depth": 12, "maxsize": 40, "bounded": true, "records": 5, "bytes": 640}),
        ),
        (
            Fact::Paused(gate(&P[..2])),
            json!({"topic": "a", "partitions": [0, 1], "depth": 32, "pct": 80, "stage": "soft", "reason": "queue_full"}),
        ),
        (
            Fact::Resumed(gate(&P)),
            json!({"topic": "a,b", "partitions": [0, 1, 7], "tps": ["a-0", "a-1", "b-7"], "depth": 32, "pct": 80,
                "stage": "soft", "reason": "queue_full", "shut_ms": 1000}),
        ),
        (Fact::CommitAsked { offsets: vec![(P[0], 4), (P[2], 9)] }, json!({"tps": ["a-0", "b-7"], "offsets": [4, 9]})),
        (answered(&[applied.clone(), applied]), json!({"tps": ["a-0", "a-1"], "offsets": [10, 11], "took_ms": 1000})),
        (
            answered(&[CommitOutcome::EpochOver("IllegalGeneration".to_owned())]),
            json!({"tps": ["a-0"], "offsets": [10], "codes": ["IllegalGeneration"], "epoch_over": true, "took_ms": 1000}),
        ),
        (
            expired(Some(b"k\xff\n")),
            and(json!({"key": "k\u{fffd}\n", "source": "kafka", "stage": "batch", "late_by_ms": 1000})),
        ),
        (expired(None), and(json!({"source": "kafka", "stage": "batch", "late_by_ms": 1000}))),
        (Fact::DeadlineMalformed { partition: P[1], offset }, where_it_is.clone()),
        (
            Fact::BatchDispatched {
                batch: BatchId(3),
                topic: topic1(),
                records: 5,
                bytes: 640,
                attempt: 1,
                waited: SECOND,
                retry: false,
            },
            json!({"batch": 3, "topic": "a", "records": 5, "bytes": 640, "attempt": 1, "waited_ms": 1000, "retry": false}),
        ),
        (
            Fact::BatchSettled {
                batch: BatchId(3),
                topic: topic1(),
                records: 5,
                answer: "done",
                status: Some(200),
                took: SECOND,
                detail: None,
            },
            json!({"batch": 3, "topic": "a", "records": 5, "answer": "done", "status": 200, "took_ms": 1000}),
        ),
        (
            Fact::BatchSettled {
                batch: BatchId(3),
                topic: topic1(),
                records: 5,
                answer: "failed",
                status: None,
                took: SECOND,
                detail: Some("no answer within 15000 ms".into()),
            },
            json!({"batch": 3, "topic": "a", "records": 5, "answer": "failed", "took_ms": 1000,
                "detail": "no answer within 15000 ms"}),
        ),
        (
            Fact::Retried { records: 5, cause: "failed", delay: SECOND },
            json!({"records": 5, "cause": "failed", "delay_ms": 1000}),
        ),
        (
            Fact::DeadLettered { topic: topic1(), number, offset, reason, attempts: 2, status: None },
            and(json!({"reason": "refused", "attempts": 2})),
        ),
        (
            Fact::DeadLetterFailed { topic: topic1(), number, offset, error: "timed out".to_owned() },
            and(json!({"error": "timed out"})),
        ),
        (Fact::DeadLetterHeld { records: 3 }, json!({"records": 3})),
        (Fact::Skipped { topic: topic1(), number, offset, reason }, and(json!({"reason": "refused"}))),
        (Fact::Skipped { topic: topic1(), number, offset, reason: Reason::CompletedBefore }, and(json!({}))),
        (Fact::PartitionStopped { topic: topic1(), number, offset, reason }, and(json!({"reason": "refused"}))),
        (Fact::Abandoned { records: 4, cause: "revoked" }, json!({"records": 4, "cause": "revoked"})),
        (
            Fact::WorkerHeld { cause: "busy", hold: SECOND, detail: Some("[1]".into()) },
            json!({"cause": "busy", "hold_ms": 1000, "detail": "[1]"}),
        ),
        (Fact::WorkerBack { after: SECOND }, json!({"after_ms": 1000})),
        (
            Fact::PartitionsMoved { assigned: vec![], revoked: vec![P[0], P[2]], lost: true },
            json!({"assigned": 0, "revoked": 2, "lost": true, "tps": ["a-0", "b-7"]}),
        ),
        (
            Fact::Released { partitions: 2, unfinished: 1, took: SECOND },
            json!({"partitions": 2, "unfinished": 1, "took_ms": 1000}),
        ),
        (Fact::OffsetReset { topic: topic1(), number, expected: 99, offset }, and(json!({"expected": 99}))),
        (
            Fact::RecordsGone { topic: topic1(), number, from: 5, to: 9 },
            json!({"topic": "a", "partition": 1, "from": 5, "to": 9}),
        ),
        (
            Fact::CommittedDiffers { topic: topic1(), number, known: 8, found: Some(9) },
            json!({"topic": "a", "partition": 1, "known": 8, "found": 9}),
        ),
        (
            Fact::HeadOfLine(Head { topic: topic1(), number, offset, held_for: SECOND, beyond: 99, span: 100 }),
            and(json!({"held_ms": 1000, "beyond": 99, "span": 100})),
        ),
        (Fact::Repaired { topic: topic1(), number, again: 2 }, json!({"topic": "a", "partition": 1, "again": 2})),
        (Fact::Stale { what: "answer" }, json!({"what": "answer"})),
        (
            Fact::Drain { state: DrainState::Started { in_flight: 2, abandoned: 3 } },
            json!({"state": "started", "in_flight": 2, "abandoned": 3}),
        ),
        (Fact::Drain { state: DrainState::Settled { unfinished: 1 } }, json!({"state": "settled", "unfinished": 1})),
        (Fact::Drain { state: DrainState::Leaving { uncommitted: 1 } }, json!({"state": "leaving", "uncommitted": 1})),
        (Fact::Drain { state: DrainState::Done }, json!({"state": "done"})),
        (
            Fact::RequestEnqueued { request: RequestId(7), bytes: 128, depth: 2 },
            json!({"request": 7, "bytes": 128, "depth": 2}),
        ),
        (
            Fact::RequestRejectedFull { request: RequestId(7), bytes: 128, depth: 2, retry_after: SECOND },
            json!({"request": 7, "bytes": 128, "depth": 2, "retry_after_ms": 1000}),
        ),
        (
            Fact::RequestDone { request: RequestId(7), outcome: "done", waited: SECOND / 2, took: SECOND },
            json!({"request": 7, "outcome": "done", "waited_ms": 500, "took_ms": 1000}),
        ),
        (Fact::Skipped { topic: topic1(), number, offset, reason: Reason::Hopeless }, where_it_is.clone()),
        (Fact::ForetoldLate { records: 5, in_time: 1 }, json!({"records": 5, "in_time": 1})),
        (Fact::ModelChanged { model: 0xabc }, json!({"model": "0000000000000abc"})),
        (
            Fact::KnobMoved { decision: decision(), applied: false },
            json!({"knob": "pause_threshold_pct", "from": 80, "to": 75.5, "reason": "need", "applied": false}),
        ),
        (
            Fact::Violation { invariant: "I2", what: "past \"it\"".to_owned() },
            json!({"invariant": "I2", "what": "past \"it\""}),
        ),
    ];
    let mut seen = BTreeSet::new();
    for (fact, expected) in table {
        let (event, fields) = line_of(&fact);
        assert_eq!(fields, expected, "{}", event.name());
        seen.insert(event.name());
    }
    // What the source notes, and what the limiter says, is told elsewhere.
    let others = [
        "refetched",
        "reading_resumed",
        "client_error",
        "events_suppressed",
        "state_recalled",
        "state_ignored",
        "state_not_kept",
    ];
    let all: BTreeSet<&str> = EventName::ALL.iter().map(|event| event.name()).collect();
    assert_eq!(seen, all.into_iter().filter(|name| !others.contains(name)).collect());
}

#[test]
fn a_commit_that_is_partly_refused_is_two_lines() {
    let mut bench = Bench::new(LogLevel::Info);
    let failed = CommitOutcome::Failed("UnknownTopic".to_owned());
    let lines = bench.tell(&answered(&[CommitOutcome::Applied, failed]));
    let events: Vec<_> = lines.iter().map(|line| (&line["event"], &line["tps"][0])).collect();
    assert_eq!(events, [(&json!("commits_applied"), &json!("a-0")), (&json!("commit_refused"), &json!("a-1"))]);
    assert_eq!(lines[1]["epoch_over"], json!(false));
    assert_eq!(bench.readout.last_errors()[0].text, "a-1: UnknownTopic");
}

#[test]
fn what_the_source_notes_is_told_and_remembered() {
    let mut bench = Bench::new(LogLevel::Debug);
    let notes = [
        SourceNote::Refetch { bytes: 4096 },
        SourceNote::Resumed { first_record: SECOND },
        SourceNote::ClientError { code: "AllBrokersDown".to_owned(), text: "1/1 brokers are down".to_owned() },
        SourceNote::Recalled { routes: 1, concurrency: 5, age: SECOND },
        SourceNote::NotRecalled { reason: "stale", detail: "old".to_owned() },
        SourceNote::Kept(Ok(())),
        SourceNote::Kept(Err("disk full".to_owned())),
    ];
    notes.iter().for_each(|note| bench.telemetry.note(bench.now, note));
    let lines = bench.take();
    let names: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    let state = ["state_recalled", "state_ignored", "state_not_kept"];
    assert_eq!(names, [["refetched", "reading_resumed", "client_error"], state].concat());
    let recalled = (&lines[3]["routes"], &lines[3]["concurrency"], &lines[3]["age_ms"]);
    assert_eq!(recalled, (&json!(1), &json!(5), &json!(1000)));
    assert_eq!((&lines[4]["reason"], &lines[5]["detail"]), (&json!("stale"), &json!("disk full")));
    assert_eq!(bench.readout.last_errors()[1].text, "disk full");
    let written = bench.readout.counters();
    assert!(written.contains(r#"sluicegate_state_writes_total{came="ok"} 1"#), "{written}");
    assert!(written.contains(r#"sluicegate_state_writes_total{came="failed"} 1"#), "{written}");
    assert_eq!((&lines[0]["bytes"], &lines[1]["first_record_ms"]), (&json!(4096), &json!(1000)));
    assert_eq!(lines[2]["detail"], json!("1/1 brokers are down"));
    assert_eq!(bench.readout.last_errors()[0].text, "AllBrokersDown: 1/1 brokers are down");
}

#[test]
fn a_storm_of_moves_is_a_hundred_lines_and_every_one_of_them_is_counted() {
    let mut bench = Bench::new(LogLevel::Info);
    for _ in 0..250 {
        bench.telemetry.fact(bench.now, &Fact::KnobMoved { decision: decision(), applied: true });
    }
    assert_eq!(bench.take().len(), 100);
    let series = r#"sluicegate_knob_moves_total{knob="pause_threshold_pct",reason="need"} 250"#;
    assert!(bench.readout.counters().contains(series), "{}", bench.readout.counters());
}

#[test]
fn what_is_given_up_early_is_no_error() {
    let mut bench = Bench::new(LogLevel::Warn);
    let given_up = Fact::Skipped { topic: topic(), number: 1, offset: 17, reason: Reason::Hopeless };
    assert_eq!(bench.tell(&given_up), [] as [Value; 0]);
    assert_eq!(bench.readout.last_errors(), []);
    let counted = r#"sluicegate_skipped_records_total{reason="hopeless"} 1"#;
    assert!(bench.readout.counters().contains(counted));
}

#[test]
fn a_storm_of_one_event_is_a_hundred_lines_and_a_number() {
    let mut bench = Bench::new(LogLevel::Info);
    for _ in 0..250 {
        bench.telemetry.fact(bench.now, &expired(None));
    }
    assert_eq!(bench.take().len(), 100);
    bench.readout.upkeep(bench.now.mono);
    assert_eq!(bench.take(), [] as [Value; 0], "the second is not over");
    bench.readout.upkeep(bench.now.mono + SECOND);
    let settled = bench.take();
    assert_eq!((&settled[0]["event"], &settled[0]["of"]), (&json!("events_suppressed"), &json!("ttl_expired")));
    assert_eq!(settled[0]["suppressed"], json!(150));

    bench.now.mono = bench.now.mono + 2 * SECOND;
    for _ in 0..101 {
        bench.telemetry.fact(bench.now, &expired(None));
    }
    bench.take();
    bench.now.mono = bench.now.mono + SECOND;
    let next = bench.tell(&expired(None));
    assert_eq!(next[0]["suppressed"], json!(1));
}

#[test]
fn the_level_can_be_changed_while_it_runs() {
    let mut bench = Bench::new(LogLevel::Info);
    let stale = Fact::Stale { what: "answer" };
    assert_eq!(bench.tell(&stale).len(), 0);
    bench.control.set(LogLevel::Debug);
    assert_eq!(bench.tell(&stale).len(), 1);
    bench.control.set(LogLevel::Error);
    assert_eq!(bench.tell(&expired(None)).len(), 0);
    assert_eq!(bench.tell(&Fact::Violation { invariant: "I1", what: String::new() }).len(), 1);
}

#[test]
fn what_is_not_logged_uses_up_nobodys_share() {
    let mut bench = Bench::new(LogLevel::Error);
    for _ in 0..200 {
        bench.telemetry.fact(bench.now, &expired(None));
    }
    bench.control.set(LogLevel::Info);
    assert_eq!(bench.tell(&expired(None)).len(), 1);
}

#[test]
fn an_unknown_partition_is_told_as_one() {
    let mut bench = Bench::new(LogLevel::Info);
    let lines = bench.tell(&Fact::CommitAsked { offsets: vec![(PartitionId(99), 1)] });
    assert_eq!(lines[0]["tps"], json!(["?--1"]));
}
