//! What `/state`, the gauges and the console show: a copy of the engine's standing at one moment.

use crate::{
    control::{
        knobs::{KnobName, Reason},
        settings::{Adaptive, QueueOrder, TtlMode},
    },
    engine::fact::{FreshHold, GateStage, LetterHold, PauseReason},
};

#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Snapshot {
    pub phase: Phase,
    /// Why `/readyz` answers 503; empty when ready.
    pub not_ready: Vec<NotReady>,
    pub queue: QueueState,
    /// `None` without `INGRESS_ADDR`.
    pub requests: Option<RequestsState>,
    pub gate: GateState,
    pub in_flight: InFlightState,
    pub retry: RetryState,
    pub dead_letters: DeadLetterState,
    pub worker: WorkerState,
    pub commit: CommitState,
    pub knobs: Knobs,
    pub control: ControlState,
    /// Sum of the partitions' lag, where it is known.
    pub backlog_records: u64,
    pub starvation: Starvation,
    pub partitions: Vec<PartitionState>,
    /// Partitions that stood still for no reason and did not move after repeated repairs: `/livez` fails.
    pub stalled: u32,
    /// Partitions whose frontier one record holds while nearly everything behind it is done.
    pub heads_of_line: u32,
    /// Nothing is sent although it could be (I8).
    pub sending_stalled: bool,
    /// Sum of the breaches of `sentinels`.
    pub violations: u64,
    pub sentinels: Vec<SentinelState>,
    /// Committed offsets read back from the group and compared.
    pub audits: u64,
}

/// One promise: how often it was looked at, and did not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct SentinelState {
    /// `I1` to `I9` of docs/ARCHITECTURE.md.
    pub invariant: &'static str,
    pub checks: u64,
    pub breaches: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Running,
    Draining,
    Leaving,
    /// Out of the group; nothing left to do.
    Stopped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NotReady {
    Draining,
    WorkerBusy,
    WorkerAway,
    WorkerMisconfigured,
    WorkerBroken,
    DeadLetterHeld,
    PartitionStopped,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct QueueState {
    pub records: u32,
    /// Highest since the start.
    pub records_peak: u32,
    pub records_max: Option<u32>,
    pub bytes: u64,
    pub bytes_max: u64,
    pub oldest_age_ms: u64,
}

/// Requests over HTTP. Those in the queue are counted there too.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RequestsState {
    /// What the worker sees them as records of.
    pub topic: String,
    /// Not answered yet.
    pub open: u32,
    pub queued: u32,
    pub queued_max: Option<u32>,
    pub queued_bytes: u64,
    pub queued_bytes_max: u64,
    /// What of the queue is kept for requests, and as much again for Kafka.
    pub reserved_records: u32,
    pub reserved_bytes: u64,
    pub in_flight: u32,
    pub retrying: u32,
    /// Over about the last second.
    pub dispatched_per_s: f64,
    pub weight_pct: u32,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct GateState {
    /// `None` when open.
    pub stage: Option<GateStage>,
    pub pct: f64,
    pub shut_for_ms: u64,
    /// Shut time since the start.
    pub shut_total_ms: u64,
    /// Times it shut since the start.
    pub shuts: u64,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct InFlightState {
    pub batches: u32,
    pub batches_max: u32,
    pub records: u32,
    pub oldest_age_ms: u64,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RetryState {
    pub records: u32,
    pub bytes: u64,
    /// Batches the retry budget allows right now.
    pub budget: f64,
    /// Why fresh records wait for these; `None` when they do not.
    pub holds_fresh: Option<FreshHold>,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct DeadLetterState {
    pub in_flight: u32,
    pub held: u32,
    /// Why; `None` when none is.
    pub held_by: Option<LetterHold>,
    pub budget: f64,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct WorkerState {
    /// `ready`, `busy`, `away`, `misconfigured` or `broken`.
    pub health: &'static str,
    /// Failures are charged to the records that failed; not while the worker is, or seems to be, broken.
    pub charges: bool,
    pub for_ms: u64,
    /// What the worker said last when it was not ready.
    pub detail: Option<String>,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct CommitState {
    pub in_flight: bool,
    pub last_applied_age_ms: Option<u64>,
    pub last_error: Option<String>,
}

/// The values in force.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Knobs {
    pub concurrency: u32,
    pub batch_records_max: u32,
    pub batch_bytes_max: u64,
    pub linger_ms: f64,
    pub pause_threshold_pct: f64,
    pub resume_threshold_pct: f64,
    pub pause_hard_after_ms: f64,
}

impl Knobs {
    /// A threshold that may be tuned, in its own unit.
    pub fn get(&self, name: KnobName) -> f64 {
        match name {
            KnobName::Concurrency => self.concurrency.into(),
            KnobName::BatchSize => self.batch_records_max.into(),
            KnobName::LingerMs => self.linger_ms,
            KnobName::PauseThresholdPct => self.pause_threshold_pct,
            KnobName::ResumeThresholdPct => self.resume_threshold_pct,
            KnobName::PauseHardAfterMs => self.pause_hard_after_ms,
        }
    }
}

/// What control knows and has decided lately.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ControlState {
    pub adaptive: Adaptive,
    pub ttl_mode: TtlMode,
    pub queue_order: QueueOrder,
    /// What it would set. Equal to the knobs in force with `ADAPTIVE=on`.
    pub wanted: Knobs,
    /// Since the start.
    pub decisions_made: u64,
    /// The last ones, newest first: at most 64.
    pub decisions: Vec<DecisionState>,
    pub routes: Vec<RouteState>,
    pub shed: ShedState,
    /// What the worker reported of itself, as last heard.
    pub worker_capacity: Option<u32>,
    /// Within the last minute the worker became slower without getting more from us: something else uses it too.
    pub contended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct DecisionState {
    pub age_ms: u64,
    pub knob: KnobName,
    pub from: f64,
    pub to: f64,
    pub reason: Reason,
}

/// What is known of one route: a topic and the worker's path.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RouteState {
    pub topic: String,
    /// Batches learnt from.
    pub samples: u64,
    /// A batch of one ordinary record should take this long, one of `batch_records_max` the other. Zero: unknown.
    pub batch_of_one_ms: f64,
    pub batch_of_most_ms: f64,
    /// What a batch costs whatever is in it, and what each ordinary record adds to that. Zero: unknown.
    pub batch_fixed_ms: f64,
    pub batch_each_ms: f64,
    /// Typical relative error of that.
    pub spread: f64,
    /// What to multiply it with for a time that most batches stay within, and for one that hardly any does.
    pub pessimistic: f64,
    pub optimistic: f64,
    pub arrivals_per_s: f64,
    pub completions_per_s: f64,
    /// Ninth decile of the time from an opened gate to the first record.
    pub refill_gap_ms: Option<f64>,
    /// Median time left to a record when it arrives.
    pub slack_ms: Option<f64>,
    /// Records lost to their deadlines.
    pub lost_pct: f64,
    pub newest_first: bool,
}

/// What was given up before its deadline, or would have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct ShedState {
    /// Given up because no batch could finish them in time.
    pub hopeless: u64,
    /// Foretold to be late and sent all the same, as a sample or because nothing is given up before its deadline.
    pub checked: u64,
    /// Of these, in time: the foretelling was wrong.
    pub checked_in_time: u64,
    /// Kept although hopeless, because too many had been given up already.
    pub capped: u64,
}

/// Who waited for whom, in milliseconds since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Starvation {
    /// The worker had room and there was nothing to send, while the log held records: our fault.
    pub worker_ms: u64,
    /// Of that, while the gate was shut: the watermarks are too low.
    pub gate_ms: u64,
    /// The worker had room and the log was read to its end: nobody's.
    pub source_ms: u64,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct PartitionState {
    pub topic: String,
    pub partition: i32,
    pub epoch: u32,
    /// `active`, `draining` (revoked, its in-flight work finishing) or `stopped` (a record holds it).
    pub phase: &'static str,
    /// Why nothing of it is fetched right now; empty when it is.
    pub paused: Vec<PauseReason>,
    pub position: Option<i64>,
    pub frontier: Option<i64>,
    pub committed: Option<i64>,
    pub end: Option<i64>,
    pub lag: Option<i64>,
    /// Records polled and not finished or finished beyond the frontier.
    pub span: u32,
    /// Of these, finished: what a restart passes over, as far as the commit has room to say it.
    pub beyond: u32,
    pub in_flight: u32,
    /// How long the frontier has been held by its oldest unfinished record.
    pub frontier_age_ms: u64,
}
