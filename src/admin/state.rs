//! `/state`: everything a person may want to know about this moment, as JSON.

use serde::Serialize;

use super::{
    context::{Context, VERSION},
    health::Look,
};
use crate::{
    engine::{
        fact::{GateStage, PauseReason},
        snapshot::{
            CommitState, ControlState, DeadLetterState, GateState, InFlightState, Knobs, PartitionState, QueueState,
            RequestsState, RetryState, SentinelState, Snapshot, Starvation, WorkerState,
        },
    },
    telemetry::{happened::Happening, last_errors::LastError},
};

#[derive(Debug, Serialize)]
pub struct State<'a> {
    service: &'static str,
    version: &'static str,
    pub phase: &'static str,
    pub alive: bool,
    pub ready: bool,
    /// Why it is not ready.
    pub reasons: Vec<String>,
    log_level: &'static str,
    log_lines_dropped: u64,
    poll_age_ms: Option<u64>,
    tasks: usize,
    /// Absent before the engine runs and while it does not answer.
    #[serde(flatten)]
    pub engine: Option<EngineState<'a>>,
    /// Pauses, drops, retries and holds since the start, by reason.
    pub happened: Vec<Happening>,
    /// Oldest first.
    pub last_errors: Vec<LastError>,
}

#[derive(Debug, Serialize)]
pub struct EngineState<'a> {
    pub backlog_records: u64,
    pub queue: Queue<'a>,
    /// Absent without `INGRESS_ADDR`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<&'a RequestsState>,
    pub gate: &'a GateState,
    pub in_flight: &'a InFlightState,
    pub retry: &'a RetryState,
    pub dead_letters: &'a DeadLetterState,
    pub worker: &'a WorkerState,
    pub commit: &'a CommitState,
    pub starvation: Starvation,
    pub knobs: Knobs,
    pub control: &'a ControlState,
    stalled_partitions: u32,
    sending_stalled: bool,
    heads_of_line: u32,
    pub invariant_violations: u64,
    pub invariants: &'a [SentinelState],
    pub commit_audits: u64,
    pub partitions: Vec<Partition<'a>>,
}

#[derive(Debug, Serialize)]
pub struct Queue<'a> {
    #[serde(flatten)]
    pub now: &'a QueueState,
    pub high_watermark: Watermark,
    pub low_watermark: Watermark,
}

/// Where the gate moves, in the three measures it can be met in.
#[derive(Debug, Serialize)]
pub struct Watermark {
    pct: f64,
    records: Option<f64>,
    bytes: f64,
}

#[derive(Debug, Serialize)]
pub struct Partition<'a> {
    #[serde(flatten)]
    pub state: &'a PartitionState,
    /// `open`, `soft` or `hard`.
    pub gate: &'static str,
    /// Why it is not open.
    pub why: Vec<PauseReason>,
}

impl Context {
    pub fn state<'a>(&self, look: &'a Look) -> State<'a> {
        let reasons = look.not_ready_because();
        State {
            service: "sluicegate",
            version: VERSION,
            phase: look.phase.name(),
            alive: look.is_alive(),
            ready: reasons.is_empty(),
            reasons,
            log_level: self.log.level.level().name(),
            log_lines_dropped: self.log.lines.dropped(),
            poll_age_ms: look.poll_age.and_then(|age| u64::try_from(age.as_millis()).ok()),
            tasks: self.tasks.alive(),
            engine: look.snapshot.as_ref().map(EngineState::of),
            happened: self.readout.happened(),
            last_errors: self.readout.last_errors(),
        }
    }
}

impl<'a> EngineState<'a> {
    fn of(s: &'a Snapshot) -> Self {
        Self {
            backlog_records: s.backlog_records,
            queue: Queue {
                now: &s.queue,
                high_watermark: Watermark::of(s.knobs.pause_threshold_pct, &s.queue),
                low_watermark: Watermark::of(s.knobs.resume_threshold_pct, &s.queue),
            },
            requests: s.requests.as_ref(),
            gate: &s.gate,
            in_flight: &s.in_flight,
            retry: &s.retry,
            dead_letters: &s.dead_letters,
            worker: &s.worker,
            commit: &s.commit,
            starvation: s.starvation,
            knobs: s.knobs,
            control: &s.control,
            stalled_partitions: s.stalled,
            sending_stalled: s.sending_stalled,
            heads_of_line: s.heads_of_line,
            invariant_violations: s.violations,
            invariants: &s.sentinels,
            commit_audits: s.audits,
            partitions: s.partitions.iter().map(|partition| Partition::of(partition, s.gate.stage)).collect(),
        }
    }
}

impl Watermark {
    fn of(pct: f64, queue: &QueueState) -> Self {
        let share = pct / 100.0;
        let records = queue.records_max.map(|max| share * f64::from(max));
        Self { pct, records, bytes: share * queue.bytes_max as f64 }
    }
}

impl<'a> Partition<'a> {
    /// A soft gate is no pause of the client's, so the partition itself does not say that it is not read.
    fn of(state: &'a PartitionState, gate: Option<GateStage>) -> Self {
        let mut why = state.paused.clone();
        if gate.is_some() && !why.contains(&PauseReason::QueueFull) {
            why.insert(0, PauseReason::QueueFull);
        }
        let stage = if state.paused.is_empty() { gate } else { Some(GateStage::Hard) };
        Self { state, gate: stage.map_or("open", GateStage::name), why }
    }
}
