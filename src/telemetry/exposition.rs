//! The gauges of one scrape, written straight from the engine's snapshot in the Prometheus text format (0.0.4).
//!
//! Nothing is kept from one scrape to the next, so a partition that was given back is simply not written any more, and
//! an engine that does not answer has no gauges instead of old ones.

use std::{fmt::Write, time::Duration};

use super::{
    metric::{Kind, Metric},
    names as n,
};
use crate::{
    control::knobs::KnobName,
    engine::{
        fact::{GateStage, PauseReason},
        snapshot::{RouteState, Snapshot},
    },
};

/// What a scrape can know beside what was counted.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    pub version: &'a str,
    /// A value of the label of [`n::PHASE_STATE`].
    pub phase: &'static str,
    pub ready: bool,
    pub engine: EngineView<'a>,
    pub poll_age: Option<Duration>,
    pub log_lines_dropped: u64,
}

/// The engine as a scrape found it.
#[derive(Debug, Clone, Copy)]
pub enum EngineView<'a> {
    /// Not started.
    Absent,
    Answers(&'a Snapshot),
    /// Started, and did not answer in time.
    Silent,
}

impl EngineView<'_> {
    const fn name(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Answers(_) => "answering",
            Self::Silent => "silent",
        }
    }
}

/// Appends every gauge that has a value.
pub fn write(out: &mut String, standing: &Standing<'_>) {
    let mut page = Page { out };
    match standing.engine {
        EngineView::Answers(snapshot) => write_snapshot(&mut page, snapshot),
        // An engine that has not started holds nothing: that is known, not guessed.
        EngineView::Absent => {
            page.single(&n::QUEUE_RECORDS, 0.0);
            page.single(&n::QUEUE_RECORDS_MAX, 0.0);
        }
        EngineView::Silent => {}
    }
    page.states(&n::PHASE_STATE, standing.phase);
    page.single(&n::READY_STATE, f64::from(u8::from(standing.ready)));
    page.states(&n::ENGINE_STATE, standing.engine.name());
    page.maybe(&n::POLL_AGE, standing.poll_age.map(|age| age.as_secs_f64()));
    page.single(&n::LOG_LINES_DROPPED, standing.log_lines_dropped as f64);
    page.head(&n::PROCESS_INFO);
    page.sample(&n::PROCESS_INFO, &[standing.version], 1.0);
}

fn write_snapshot(page: &mut Page<'_>, s: &Snapshot) {
    page.single(&n::QUEUE_RECORDS, f64::from(s.queue.records));
    page.single(&n::QUEUE_RECORDS_MAX, f64::from(s.queue.records_peak));
    page.maybe(&n::QUEUE_LIMIT_RECORDS, s.queue.records_max.map(f64::from));
    page.single(&n::QUEUE_BYTES, s.queue.bytes as f64);
    page.single(&n::QUEUE_LIMIT_BYTES, s.queue.bytes_max as f64);
    page.single(&n::QUEUE_OLDEST, seconds(s.queue.oldest_age_ms));
    page.maybe(&n::REQUESTS_OPEN, s.requests.as_ref().map(|requests| f64::from(requests.open)));
    page.maybe(&n::REQUESTS_QUEUED, s.requests.as_ref().map(|requests| f64::from(requests.queued)));
    page.single(&n::QUEUE_FILL, s.gate.pct / 100.0);
    page.head(&n::WATERMARK);
    page.sample(&n::WATERMARK, &["high"], s.knobs.pause_threshold_pct / 100.0);
    page.sample(&n::WATERMARK, &["low"], s.knobs.resume_threshold_pct / 100.0);
    page.states(&n::GATE_STATE, s.gate.stage.map_or("open", GateStage::name));
    page.single(&n::GATE_SHUT, seconds(s.gate.shut_total_ms));

    page.single(&n::IN_FLIGHT_BATCHES, f64::from(s.in_flight.batches));
    page.single(&n::IN_FLIGHT_LIMIT, f64::from(s.knobs.concurrency));
    page.single(&n::IN_FLIGHT_RECORDS, f64::from(s.in_flight.records));
    page.single(&n::IN_FLIGHT_OLDEST, seconds(s.in_flight.oldest_age_ms));
    page.states(&n::WORKER_STATE, s.worker.health);
    page.head(&n::STARVATION);
    page.sample(&n::STARVATION, &["worker"], seconds(s.starvation.worker_ms));
    page.sample(&n::STARVATION, &["source"], seconds(s.starvation.source_ms));
    page.single(&n::GATE_STARVATION, seconds(s.starvation.gate_ms));
    write_control(page, s);

    page.single(&n::RETRY_RECORDS, f64::from(s.retry.records));
    page.single(&n::RETRY_BYTES, s.retry.bytes as f64);
    page.single(&n::RETRY_BUDGET, s.retry.budget);
    page.single(&n::DEAD_LETTER_HELD, f64::from(s.dead_letters.held));
    page.single(&n::DEAD_LETTER_IN_FLIGHT, f64::from(s.dead_letters.in_flight));
    page.single(&n::DEAD_LETTER_BUDGET, s.dead_letters.budget);
    page.maybe(&n::COMMIT_AGE, s.commit.last_applied_age_ms.map(seconds));
    page.single(&n::BACKLOG, s.backlog_records as f64);
    page.single(&n::ASSIGNED, s.partitions.len() as f64);
    page.single(&n::STALLED, f64::from(s.stalled));
    page.single(&n::HEADS_OF_LINE, f64::from(s.heads_of_line));
    page.single(&n::AUDITS, s.audits as f64);
    page.head(&n::INVARIANT_CHECKS);
    for sentinel in &s.sentinels {
        page.sample(&n::INVARIANT_CHECKS, &[sentinel.invariant], sentinel.checks as f64);
    }
    page.head(&n::INVARIANT_BREACHES);
    for sentinel in &s.sentinels {
        page.sample(&n::INVARIANT_BREACHES, &[sentinel.invariant], sentinel.breaches as f64);
    }
    write_partitions(page, s);
}

fn write_control(page: &mut Page<'_>, s: &Snapshot) {
    let control = &s.control;
    page.states(&n::ADAPTIVE_STATE, control.adaptive.name());
    page.head(&n::KNOBS);
    for knob in KnobName::ALL {
        page.sample(&n::KNOBS, &[knob.name(), "in_force"], s.knobs.get(knob));
        page.sample(&n::KNOBS, &[knob.name(), "wanted"], control.wanted.get(knob));
    }
    page.single(&n::CONTENDED, f64::from(u8::from(control.contended)));
    page.single(&n::HOPELESS_KEPT, control.shed.capped as f64);
    let known = || control.routes.iter().filter(|route| route.samples > 0);
    if known().next().is_none() {
        return;
    }
    let mut each = |metric: &Metric, value: fn(&RouteState) -> f64| {
        page.head(metric);
        known().for_each(|route| page.sample(metric, &[&route.topic], value(route)));
    };
    each(&n::BATCH_FIXED, |route| route.batch_fixed_ms / 1e3);
    each(&n::BATCH_EACH, |route| route.batch_each_ms / 1e3);
    each(&n::BATCH_SPREAD, |route| route.spread);
    page.head(&n::BATCH_MARGIN);
    for route in known() {
        page.sample(&n::BATCH_MARGIN, &[&route.topic, "optimistic"], route.optimistic);
        page.sample(&n::BATCH_MARGIN, &[&route.topic, "pessimistic"], route.pessimistic);
    }
}

fn write_partitions(page: &mut Page<'_>, s: &Snapshot) {
    page.head(&n::PAUSED);
    for reason in PauseReason::ALL {
        let paused = s.partitions.iter().filter(|p| p.paused.contains(&reason)).count();
        page.sample(&n::PAUSED, &[reason.name()], paused as f64);
    }
    let numbers: Vec<String> = s.partitions.iter().map(|p| p.partition.to_string()).collect();
    if s.partitions.iter().any(|p| p.lag.is_some()) {
        page.head(&n::LAG);
    }
    for (p, number) in s.partitions.iter().zip(&numbers) {
        if let Some(lag) = p.lag {
            page.sample(&n::LAG, &[&p.topic, number], lag as f64);
        }
    }
    if !s.partitions.is_empty() {
        page.head(&n::FRONTIER_AGE);
    }
    for (p, number) in s.partitions.iter().zip(&numbers) {
        page.sample(&n::FRONTIER_AGE, &[&p.topic, number], seconds(p.frontier_age_ms));
    }
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

/// Writes families in the text format. A `String` takes every write, so the results are not looked at.
struct Page<'a> {
    out: &'a mut String,
}

impl Page<'_> {
    fn head(&mut self, metric: &Metric) {
        let Metric { name, kind, help, .. } = metric;
        let _ = writeln!(self.out, "# HELP {name} {help}\n# TYPE {name} {}", kind.name());
    }

    fn single(&mut self, metric: &Metric, value: f64) {
        self.head(metric);
        self.sample(metric, &[], value);
    }

    fn maybe(&mut self, metric: &Metric, value: Option<f64>) {
        if let Some(value) = value {
            self.single(metric, value);
        }
    }

    /// One series per value of the metric's label, 1 for the one that holds.
    fn states(&mut self, metric: &Metric, holds: &str) {
        debug_assert!(metric.kind == Kind::Gauge);
        self.head(metric);
        for state in metric.labels.iter().flat_map(|label| label.values) {
            self.sample(metric, &[state], if *state == holds { 1.0 } else { 0.0 });
        }
    }

    fn sample(&mut self, metric: &Metric, values: &[&str], value: f64) {
        self.out.push_str(metric.name);
        for (index, (label, text)) in metric.labels.iter().zip(values).enumerate() {
            self.out.push(if index == 0 { '{' } else { ',' });
            let _ = write!(self.out, "{}=\"", label.name);
            escape(self.out, text);
            self.out.push('"');
        }
        if !values.is_empty() {
            self.out.push('}');
        }
        let _ = writeln!(self.out, " {value}");
    }
}

/// As the format asks for in label values.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}
