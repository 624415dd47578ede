//! Every fact as a line of the log: its name, its level and its fields, as the table of events promises them.

use super::*;

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
    let table = [intake(), commits(), batches(), given_up(), membership(), requests(), control()];
    let mut seen = BTreeSet::new();
    for (fact, expected) in table.into_iter().flatten() {
        let (event, fields) = line_of(&fact);
        assert_eq!(fields, expected, "{}", event.name());
        seen.insert(event.name());
    }
    // What the source notes, and what the log says of itself, is told elsewhere.
    let others = [
        "refetched",
        "reading_resumed",
        "client_error",
        "events_suppressed",
        "log_lines_dropped",
        "state_recalled",
        "state_ignored",
        "state_not_kept",
    ];
    let all: BTreeSet<&str> = EventName::ALL.iter().map(|event| event.name()).collect();
    assert_eq!(seen, all.into_iter().filter(|name| !others.contains(name)).collect());
}

/// "Every pause, drop and retry has a reason a person can read, in a metric, a log event and the state endpoint."
#[test]
fn what_has_a_reason_tells_it_in_a_metric_in_the_log_and_in_the_state() {
    let table = [intake(), commits(), batches(), given_up(), membership(), requests(), control()];
    let mut told = BTreeSet::new();
    for (fact, _) in table.into_iter().flatten() {
        let Some((event, why, count)) = reasoned::reason(&fact) else { continue };
        let mut bench = Bench::new(LogLevel::Debug);
        let lines = bench.tell(&fact);
        let [line] = lines.as_slice() else { panic!("{fact:?}: {lines:?}") };
        assert_eq!(line["event"], event.name());
        let is_its_own_reason =
            matches!(event, EventName::RecordHopeless | EventName::RecordPassedOver | EventName::RequestRejectedFull);
        let mut values = line.as_object().unwrap().values();
        assert!(is_its_own_reason || values.any(|value| value == why), "{why} is not in {line}");
        let (label, page) = (format!("=\"{why}\""), bench.readout.counters());
        let counted = |row: &str| row.contains(&label) && row.ends_with(&format!(" {count}"));
        assert!(page.lines().any(counted), "no counter of {why} stands at {count}");
        let happened = bench.readout.happened();
        let [one] = happened.as_slice() else { panic!("{fact:?}: {happened:?}") };
        assert_eq!((one.event, one.reason, one.count), (event.name(), why, count));
        told.insert(event.name());
    }
    assert_eq!(told.len(), 14, "{told:?}");
}

/// The fields that say where a record is, and more.
fn at(mut more: Value) -> Value {
    let fields = more.as_object_mut().unwrap();
    fields.extend([("topic".into(), json!("a")), ("partition".into(), json!(1)), ("offset".into(), json!(17))]);
    more
}

/// The way in, and what is paused there.
fn intake() -> Vec<(Fact, Value)> {
    vec![
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
        (
            expired(Some(b"k\xff\n")),
            at(json!({"key": "k\u{fffd}\n", "source": "kafka", "stage": "batch", "late_by_ms": 1000})),
        ),
        (expired(None), at(json!({"source": "kafka", "stage": "batch", "late_by_ms": 1000}))),
        (Fact::DeadlineMalformed { partition: P[1], offset: 17 }, at(json!({}))),
    ]
}

/// What is committed, and what the group has.
fn commits() -> Vec<(Fact, Value)> {
    let applied = CommitOutcome::Applied;
    vec![
        (Fact::CommitAsked { offsets: vec![(P[0], 4), (P[2], 9)] }, json!({"tps": ["a-0", "b-7"], "offsets": [4, 9]})),
        (answered(&[applied.clone(), applied]), json!({"tps": ["a-0", "a-1"], "offsets": [10, 11], "took_ms": 1000})),
        (
            answered(&[CommitOutcome::EpochOver("IllegalGeneration".to_owned())]),
            json!({"tps": ["a-0"], "offsets": [10], "codes": ["IllegalGeneration"], "epoch_over": true, "took_ms": 1000}),
        ),
        (Fact::OffsetReset { topic: topic(), number: 1, expected: 99, offset: 17 }, at(json!({"expected": 99}))),
        (
            Fact::RecordsGone { topic: topic(), number: 1, from: 5, to: 9 },
            json!({"topic": "a", "partition": 1, "from": 5, "to": 9}),
        ),
        (
            Fact::CommittedDiffers { topic: topic(), number: 1, known: 8, found: Some(9) },
            json!({"topic": "a", "partition": 1, "known": 8, "found": 9}),
        ),
    ]
}

/// What is sent, and what comes of it.
fn batches() -> Vec<(Fact, Value)> {
    vec![
        (
            Fact::BatchDispatched {
                batch: BatchId(3),
                topic: topic(),
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
                topic: topic(),
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
                topic: topic(),
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
        (Fact::FreshHeld { cause: FreshHold::RetriesFull }, json!({"cause": "retries_full"})),
        (
            Fact::WorkerHeld { cause: "busy", hold: SECOND, detail: Some("[1]".into()) },
            json!({"cause": "busy", "hold_ms": 1000, "detail": "[1]"}),
        ),
        (Fact::WorkerBack { after: SECOND }, json!({"after_ms": 1000})),
        (Fact::ForetoldLate { records: 5, in_time: 1 }, json!({"records": 5, "in_time": 1})),
        (Fact::ModelChanged { model: 0xabc }, json!({"model": "0000000000000abc"})),
    ]
}

/// What is not done, and why.
fn given_up() -> Vec<(Fact, Value)> {
    vec![
        (
            Fact::DeadLettered {
                topic: topic(),
                number: 1,
                offset: 17,
                reason: Reason::Refused,
                attempts: 2,
                status: None,
            },
            at(json!({"reason": "refused", "attempts": 2})),
        ),
        (
            Fact::DeadLetterFailed { topic: topic(), number: 1, offset: 17, error: "timed out".to_owned() },
            at(json!({"error": "timed out"})),
        ),
        (Fact::DeadLetterHeld { records: 3, cause: LetterHold::Budget }, json!({"records": 3, "cause": "budget"})),
        (
            Fact::Skipped { topic: topic(), number: 1, offset: 17, reason: Reason::Refused },
            at(json!({"reason": "refused"})),
        ),
        (Fact::Skipped { topic: topic(), number: 1, offset: 17, reason: Reason::CompletedBefore }, at(json!({}))),
        (
            Fact::PartitionStopped { topic: topic(), number: 1, offset: 17, reason: Reason::Refused },
            at(json!({"reason": "refused"})),
        ),
        (Fact::Abandoned { records: 4, cause: "revoked" }, json!({"records": 4, "cause": "revoked"})),
        (
            Fact::HeadOfLine(Head { topic: topic(), number: 1, offset: 17, held_for: SECOND, beyond: 99, span: 100 }),
            at(json!({"held_ms": 1000, "beyond": 99, "span": 100})),
        ),
        (Fact::Skipped { topic: topic(), number: 1, offset: 17, reason: Reason::Hopeless }, at(json!({}))),
    ]
}

/// Partitions that come and go, and leaving.
fn membership() -> Vec<(Fact, Value)> {
    vec![
        (
            Fact::PartitionsMoved { assigned: vec![], revoked: vec![P[0], P[2]], lost: true },
            json!({"assigned": 0, "revoked": 2, "lost": true, "tps": ["a-0", "b-7"]}),
        ),
        (
            Fact::Released { partitions: 2, unfinished: 1, took: SECOND },
            json!({"partitions": 2, "unfinished": 1, "took_ms": 1000}),
        ),
        (Fact::Repaired { topic: topic(), number: 1, again: 2 }, json!({"topic": "a", "partition": 1, "again": 2})),
        (Fact::Stale { what: "answer" }, json!({"what": "answer"})),
        (
            Fact::Drain { state: DrainState::Started { in_flight: 2, abandoned: 3 } },
            json!({"state": "started", "in_flight": 2, "abandoned": 3}),
        ),
        (Fact::Drain { state: DrainState::Settled { unfinished: 1 } }, json!({"state": "settled", "unfinished": 1})),
        (Fact::Drain { state: DrainState::Leaving { uncommitted: 1 } }, json!({"state": "leaving", "uncommitted": 1})),
        (Fact::Drain { state: DrainState::Done }, json!({"state": "done"})),
    ]
}

/// Records that somebody waits for.
fn requests() -> Vec<(Fact, Value)> {
    vec![
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
        (
            Fact::RequestDone { request: RequestId(7), outcome: "expired", waited: SECOND / 2, took: SECOND },
            json!({"request": 7, "outcome": "expired", "waited_ms": 500, "took_ms": 1000}),
        ),
    ]
}

/// What control decides, and what may never be.
fn control() -> Vec<(Fact, Value)> {
    vec![
        (
            Fact::KnobMoved { decision: decision(), applied: false },
            json!({"knob": "pause_threshold_pct", "from": 80, "to": 75.5, "reason": "need", "applied": false}),
        ),
        (
            Fact::Violation { invariant: "I2", what: "past \"it\"".to_owned() },
            json!({"invariant": "I2", "what": "past \"it\""}),
        ),
    ]
}
