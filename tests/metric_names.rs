//! The table of metrics and what is really exposed are the same, and both read as Prometheus wants them.

mod watched;

use std::{collections::BTreeSet, fs, path::Path, sync::Arc, time::Duration};

use sluicegate::{
    control::{
        knobs::{self, Decision, KnobName},
        settings::Adaptive,
    },
    engine::{
        Engine,
        event::{Answer, CommitOutcome, CommitResult, Event, PartitionEnd, Reason, Verdict},
        fact::{Fact, Gate, GateStage, Head, PauseReason, Stage},
        settings::RequestSettings,
        snapshot::Snapshot,
    },
    record::{PartitionId, RequestId},
    runtime::{Observer, SourceNote},
    telemetry::{
        self, Readout, Telemetry,
        exposition::{EngineView, Standing},
        metric::{Kind, Unit},
        names, reference,
    },
    time::Instant,
};
use watched::{Page, Run, record, with_deadline};

const MS: Duration = Duration::from_millis(1);
const UPDATE: &str = "SLUICEGATE_UPDATE_DOCS";

fn start() -> (Run<Telemetry>, Readout) {
    let (telemetry, readout) = telemetry::start(Some(40)).unwrap();
    (Run::new(telemetry), readout)
}

fn page(readout: &Readout, snapshot: &Snapshot) -> Page {
    let standing = Standing {
        version: "1.2.3",
        phase: "running",
        ready: true,
        engine: EngineView::Answers(snapshot),
        poll_age: Some(Duration::from_millis(20)),
        log_lines_dropped: 0,
    };
    Page::read(&readout.metrics(&standing))
}

fn project(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn every_name_has_the_prefix_its_base_unit_and_total_where_it_counts() {
    let mut seen = BTreeSet::new();
    for metric in names::ALL {
        let name = metric.name;
        assert!(seen.insert(name), "{name} is there twice");
        let rest = name.strip_prefix("sluicegate_").unwrap_or_else(|| panic!("{name} has no prefix"));
        assert!(rest.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
        assert_eq!(metric.unit == Unit::Events, metric.unit.suffix().is_empty());
        assert!(metric.unit != Unit::Events || metric.kind == Kind::Counter, "{name} has no unit");
        let base = name.trim_end_matches("_total").trim_end_matches("_max");
        assert!(base.ends_with(metric.unit.suffix()), "{name} does not end in {}", metric.unit.suffix());
        assert!(metric.help.ends_with('.') && !metric.help.contains(['\n', '\\', '|']), "{name}: {}", metric.help);
        let bounds = metric.buckets();
        assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]), "{name}: buckets must ascend");
    }
}

#[test]
fn no_metric_is_named_anywhere_but_in_the_table() {
    fn files(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    files(&project("src/telemetry"), &mut found);
    files(&project("src/admin"), &mut found);
    assert!(found.len() > 10);
    for file in found {
        let text = fs::read_to_string(&file).unwrap();
        let is_test = text.contains("#[cfg(test)]") || file.iter().any(|part| part == "tests" || part == "tests.rs");
        let is_free = is_test || file.ends_with("names.rs");
        assert!(is_free || !text.contains("\"sluicegate_"), "{} names a metric of its own", file.display());
    }
}

#[test]
fn the_docs_say_what_the_tables_say() {
    let events = format!("<!-- events -->\n\n{}\n<!-- end of events -->", reference::events());
    let operations = fs::read_to_string(project("docs/OPERATIONS.md")).unwrap();
    let (before, rest) = operations.split_once("<!-- events -->").expect("the place for the events");
    let (_, after) = rest.split_once("<!-- end of events -->").expect("its end");
    let pages = [("docs/METRICS.md", reference::metrics()), ("docs/OPERATIONS.md", format!("{before}{events}{after}"))];
    for (path, expected) in pages {
        if std::env::var_os(UPDATE).is_some() {
            fs::write(project(path), &expected).unwrap();
        }
        let found = fs::read_to_string(project(path)).unwrap_or_default();
        assert!(found == expected, "{path} is out of date: run the tests with {UPDATE}=1");
    }
}

#[test]
fn a_run_of_the_engine_adds_up_on_the_page() {
    let (mut run, readout) = start();
    run.assign(0..2);
    // Ten have expired, one has a deadline nobody can read, thirty-three are live: the gate shuts at 32 of 40.
    run.poll((0..10).map(|offset| with_deadline(0, offset, "1")));
    run.poll([with_deadline(0, 10, "soon")]);
    run.poll((11..44).map(|offset| record(0, offset)));
    assert_eq!(run.out.len(), 2, "two batches of four are out");
    let early = page(&readout, &run.engine.snapshot(run.now));
    assert_eq!(early.get("sluicegate_queue_records"), Some(26.0));
    assert_eq!(early.get("sluicegate_queue_records_max"), Some(34.0));
    assert_eq!(early.get("sluicegate_queue_fill_ratio"), Some(0.65));
    assert_eq!(early.get("sluicegate_in_flight_records"), Some(8.0));
    assert_eq!(early.get(r#"sluicegate_watermark_ratio{mark="high"}"#), Some(0.8));

    run.answer(Answer::Done, 30 * MS);
    run.answer(Answer::Each(vec![Verdict::Success, Verdict::Drop, Verdict::Success, Verdict::Retry]), 70 * MS);
    run.pass(25 * MS);
    run.answer_all(30 * MS);
    run.step(Event::Polled { records: vec![], ends: vec![PartitionEnd { partition: PartitionId(0), offset: 50 }] });
    // The first commit was asked for as soon as something was finished; the second has the rest.
    run.answer_commit(CommitOutcome::Applied);
    run.pass(Duration::from_secs(2));
    run.answer_commit(CommitOutcome::Applied);
    run.observer.note(run.now, &SourceNote::Refetch { bytes: 4096 });

    let late = page(&readout, &run.engine.snapshot(run.now));
    let expected = [
        ("sluicegate_polled_records_total", 44.0),
        ("sluicegate_deadline_malformed_records_total", 1.0),
        (r#"sluicegate_expired_records_total{stage="intake"}"#, 10.0),
        (r#"sluicegate_expired_records_total{stage="send"}"#, 0.0),
        ("sluicegate_completed_records_total", 32.0),
        (r#"sluicegate_skipped_records_total{reason="dropped"}"#, 1.0),
        (r#"sluicegate_skipped_records_total{reason="out_of_attempts"}"#, 1.0),
        ("sluicegate_batch_records_count", 9.0),
        ("sluicegate_batch_records_sum", 34.0),
        (r#"sluicegate_batch_records_bucket{le="4"}"#, 9.0),
        (r#"sluicegate_batch_records_bucket{le="2"}"#, 1.0),
        (r#"sluicegate_worker_latency_seconds_count{answer="done"}"#, 8.0),
        (r#"sluicegate_worker_latency_seconds_bucket{answer="done",le="0.025"}"#, 0.0),
        (r#"sluicegate_worker_latency_seconds_bucket{answer="done",le="0.05"}"#, 8.0),
        (r#"sluicegate_worker_latency_seconds_bucket{answer="each",le="0.1"}"#, 1.0),
        (r#"sluicegate_commits_total{code="ok"}"#, 2.0),
        ("sluicegate_commits_asked_total", 2.0),
        (r#"sluicegate_lag_records{topic="orders",partition="0"}"#, 0.0),
        ("sluicegate_backlog_records", 0.0),
        ("sluicegate_queue_records", 0.0),
        ("sluicegate_queue_records_max", 34.0),
        ("sluicegate_refetched_bytes_total", 4096.0),
        ("sluicegate_assigned_partitions", 2.0),
        (r#"sluicegate_rebalances_total{kind="assigned"}"#, 1.0),
        (r#"sluicegate_phase_state{phase="running"}"#, 1.0),
        (r#"sluicegate_phase_state{phase="starting"}"#, 0.0),
        (r#"sluicegate_engine_state{state="answering"}"#, 1.0),
        (r#"sluicegate_process_info{version="1.2.3"}"#, 1.0),
        ("sluicegate_poll_age_seconds", 0.02),
    ];
    for (series, value) in expected {
        assert_eq!(late.get(series), Some(value), "{series}");
    }
}

#[test]
fn the_page_is_whole_before_anything_has_happened() {
    let (_, readout) = telemetry::start(Some(40)).unwrap();
    let standing = Standing {
        version: "1.2.3",
        phase: "starting",
        ready: false,
        engine: EngineView::Absent,
        poll_age: None,
        log_lines_dropped: 0,
    };
    let page = Page::read(&readout.metrics(&standing));
    for name in ["sluicegate_queue_records", "sluicegate_queue_records_max", "sluicegate_invariant_violations_total"] {
        assert_eq!((page.get(name), page.count(name)), (Some(0.0), 1), "{name}: one series without labels");
    }
    assert_eq!(page.count("sluicegate_pauses_total"), 10);
    assert_eq!(page.get(r#"sluicegate_engine_state{state="absent"}"#), Some(1.0));
}

#[test]
fn a_silent_engine_has_no_gauges_and_keeps_its_counters() {
    let (mut run, readout) = start();
    run.assign(0..2);
    run.poll((0..3).map(|offset| record(0, offset)));
    let standing = Standing {
        version: "1.2.3",
        phase: "running",
        ready: false,
        engine: EngineView::Silent,
        poll_age: None,
        log_lines_dropped: 0,
    };
    let page = Page::read(&readout.metrics(&standing));
    assert_eq!(page.get("sluicegate_polled_records_total"), Some(3.0));
    assert_eq!(page.count("sluicegate_queue_records"), 0, "an old number would be a lie");
    assert_eq!(page.get(r#"sluicegate_engine_state{state="silent"}"#), Some(1.0));
}

#[test]
fn the_series_of_a_partition_that_was_given_back_are_gone() {
    let (mut run, readout) = start();
    run.assign(0..3);
    let frontier_ages =
        |run: &Run<Telemetry>| page(&readout, &run.engine.snapshot(run.now)).count("sluicegate_frontier_age_seconds");
    assert_eq!(frontier_ages(&run), 3);
    run.step(Event::Revoked { partitions: vec![PartitionId(1)], lost: false });
    assert_eq!(frontier_ages(&run), 2);
    run.step(Event::Revoked { partitions: vec![PartitionId(0), PartitionId(2)], lost: true });
    assert_eq!(frontier_ages(&run), 0);
}

/// Facts that a short run does not come by.
fn rare_facts() -> Vec<Fact> {
    let topic = || Arc::from("orders");
    let gate = |stage| Gate {
        stage,
        reason: PauseReason::QueueFull,
        partitions: vec![PartitionId(0)],
        depth: 32,
        bytes: 1,
        pct: 80.0,
        shut_for: MS,
    };
    let (number, offset, reason) = (0, 1, Reason::Refused);
    let (knob, moved) = (KnobName::LingerMs, knobs::Reason::Rate);
    let decision = Decision { at: Instant::ZERO, knob, from_steps: 25, to_steps: 0, reason: moved };
    let failed = CommitOutcome::Failed("Timeout".to_owned());
    let result = CommitResult { partition: PartitionId(0), offset: 1, outcome: failed };
    vec![
        Fact::Paused(gate(GateStage::Soft)),
        Fact::Paused(gate(GateStage::Hard)),
        Fact::Resumed(gate(GateStage::Hard)),
        Fact::Retried { records: 2, cause: "verdict", delay: MS },
        Fact::WorkerHeld { cause: "busy", hold: MS, detail: None },
        Fact::DeadLettered { topic: topic(), number, offset, reason, attempts: 1, status: None },
        Fact::DeadLetterFailed { topic: topic(), number, offset, error: "no".to_owned() },
        Fact::PartitionStopped { topic: topic(), number, offset, reason },
        Fact::Abandoned { records: 2, cause: "revoked" },
        Fact::Released { partitions: 1, unfinished: 2, took: MS },
        Fact::OffsetReset { topic: topic(), number, expected: 9, offset },
        Fact::RecordsGone { topic: topic(), number, from: 7, to: 9 },
        Fact::CommitAnswered { results: vec![result], took: MS },
        Fact::Stale { what: "answer" },
        Fact::CommittedDiffers { topic: topic(), number: 0, known: 7, found: None },
        Fact::HeadOfLine(Head { topic: topic(), number: 0, offset: 7, held_for: MS, beyond: 99, span: 100 }),
        Fact::Repaired { topic: topic(), number, again: 1 },
        Fact::Violation { invariant: "I2", what: "never".to_owned() },
        Fact::RequestRejectedFull { request: RequestId(1), bytes: 1, depth: 1, retry_after: MS },
        Fact::KnobMoved { decision, applied: true },
        Fact::ForetoldLate { records: 2, in_time: 1 },
        Fact::ModelChanged { model: 7 },
        Fact::RequestDone { request: RequestId(1), outcome: "done", waited: MS, took: MS },
    ]
}

#[test]
fn the_thresholds_are_shown_as_they_are_and_as_they_would_be() {
    for (adaptive, in_force) in [(Adaptive::Shadow, 4.0), (Adaptive::On, 2.0)] {
        let (telemetry, readout) = telemetry::start(Some(40)).unwrap();
        let mut run = Run::with(watched::tuned(adaptive), telemetry);
        run.assign(0..2);
        // Twenty milliseconds a batch and one for each record: larger is better.
        for round in 0..20 {
            run.poll((0..4).map(|offset| record(0, 4 * round + offset)));
            let mut most = 0;
            while !run.out.is_empty() {
                most = run.out[0].records.len();
                run.pass(Duration::from_millis(20 + most as u64));
                run.answer(Answer::Done, Duration::from_millis(20 + most as u64));
            }
            if run.engine.snapshot(run.now).control.wanted.batch_records_max == 2 && most > 0 {
                break;
            }
        }
        let page = page(&readout, &run.engine.snapshot(run.now));
        let knob = |knob: &str, of: &str| page.get(&format!(r#"sluicegate_knob{{knob="{knob}",of="{of}"}}"#));
        assert_eq!(knob("batch_size", "in_force"), Some(in_force), "{adaptive:?}");
        assert_eq!(knob("batch_size", "wanted"), Some(2.0), "{adaptive:?}");
        assert_eq!(knob("pause_threshold_pct", "in_force"), Some(80.0));
        let moves = r#"sluicegate_knob_moves_total{knob="batch_size",reason="slow_start"}"#;
        assert_eq!(page.get(moves), Some(1.0), "{adaptive:?}");
        assert_eq!(page.get(&format!("sluicegate_adaptive_state{{state=\"{}\"}}", adaptive.name())), Some(1.0));
        let fixed = page.get(r#"sluicegate_batch_fixed_seconds{topic="orders"}"#).unwrap();
        assert!(fixed > 0.0, "{fixed}");
    }
}

#[test]
fn what_is_exposed_is_the_table_and_the_table_is_exposed() {
    let (telemetry, readout) = telemetry::start(Some(40)).unwrap();
    let mut run = Run::with(watched::tuned(Adaptive::On), telemetry);
    run.assign(0..2);
    run.poll((0..40).map(|offset| record(0, offset)));
    run.pass(MS);
    run.answer_all(MS);
    run.pass(30 * MS);
    run.answer_all(MS);
    run.step(Event::Polled { records: vec![], ends: vec![PartitionEnd { partition: PartitionId(0), offset: 40 }] });
    run.pass(Duration::from_secs(2));
    run.answer_commit(CommitOutcome::Applied);
    for fact in rare_facts() {
        run.observer.fact(run.now, &fact);
    }
    run.observer.note(run.now, &SourceNote::RequestRefused { status: 404 });
    run.observer.note(run.now, &SourceNote::Kept(Ok(())));
    run.observer.note(run.now, &SourceNote::Refetch { bytes: 1 });
    run.observer.note(run.now, &SourceNote::Resumed { first_record: MS });
    run.observer.note(run.now, &SourceNote::ClientError { code: "AllBrokersDown".to_owned(), text: String::new() });

    let mut snapshot = run.engine.snapshot(run.now);
    assert_eq!(snapshot.requests, None, "nobody may ask here");
    let mut asked = watched::settings();
    asked.requests = Some(RequestSettings::default());
    snapshot.requests = Engine::new(asked).snapshot(run.now).requests;
    let page = page(&readout, &snapshot);
    let exposed: BTreeSet<&str> = page.families.keys().map(String::as_str).collect();
    // The log is off in this test, so nothing of it is left out; its own tests count that one.
    let table: BTreeSet<&str> =
        names::ALL.iter().map(|metric| metric.name).filter(|name| *name != names::LOG_SUPPRESSED.name).collect();
    assert_eq!(exposed, table);
    for metric in names::ALL {
        if let Some(kind) = page.families.get(metric.name) {
            assert_eq!(kind, metric.kind.name(), "{}", metric.name);
        }
    }
    assert_eq!(page.get("sluicegate_invariant_violations_total"), Some(1.0));
    assert_eq!(page.get("sluicegate_released_unfinished_records_total"), Some(2.0));
    assert_eq!(page.get(r#"sluicegate_commits_total{code="Timeout"}"#), Some(1.0));
}

#[test]
fn the_labels_of_the_table_are_the_names_in_the_engine() {
    let values = |metric: &telemetry::metric::Metric, label: usize| metric.labels[label].values.to_vec();
    assert_eq!(values(&names::EXPIRED, 0), Stage::ALL.map(Stage::name));
    assert_eq!(values(&names::PAUSES, 0), [GateStage::Soft, GateStage::Hard].map(GateStage::name));
    assert_eq!(values(&names::PAUSES, 1), PauseReason::ALL.map(PauseReason::name));
    let poison = [
        Reason::OutOfAttempts,
        Reason::Refused,
        Reason::Dropped,
        Reason::TooLarge,
        Reason::Undecodable,
        Reason::Tombstone,
        Reason::HeadOfLine,
    ];
    assert_eq!(values(&names::DEAD_LETTERS, 0), poison.map(Reason::code));
    let skipped = [&poison[..6], &[Reason::Hopeless, Reason::CompletedBefore]].concat();
    assert_eq!(values(&names::SKIPPED, 0), skipped.into_iter().map(Reason::code).collect::<Vec<_>>());
    assert_eq!(values(&names::KNOBS, 0), KnobName::ALL.map(KnobName::name));
    assert_eq!(values(&names::KNOB_MOVES, 0), KnobName::ALL.map(KnobName::name));
    let adaptive = [Adaptive::Off, Adaptive::Shadow, Adaptive::On];
    assert_eq!(values(&names::ADAPTIVE_STATE, 0), adaptive.map(Adaptive::name));
    // The rest of the engine's label values are literals in its sources.
    let mut source = String::new();
    for entry in fs::read_dir(project("src/engine")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            source += &fs::read_to_string(path).unwrap();
        }
    }
    for metric in
        [&names::RETRIED, &names::ABANDONED, &names::STALE_ANSWERS, &names::WORKER_HOLDS, &names::WORKER_LATENCY]
    {
        for value in metric.labels[0].values {
            assert!(source.contains(&format!("\"{value}\"")), "{}: the engine never says {value}", metric.name);
        }
    }
}
