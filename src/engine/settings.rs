//! The engine's numbers. Validated by `config`; the engine takes them as they are.

use std::{sync::Arc, time::Duration};

use crate::{
    control::{
        dials::Values,
        settings::{Adaptive, ControlSettings},
    },
    engine::ledger::completed::TEXT_BYTES_MAX,
};

#[derive(Debug, Clone, PartialEq)]
pub struct EngineSettings {
    /// Bound on queued records; `None` with `USE_BOUNDED_QUEUE=false`.
    pub queue_records_max: Option<u32>,
    /// Bound on queued bytes; always in force.
    pub queue_bytes_max: u64,
    /// At most this many records are handed over by one poll.
    pub max_poll_records: u32,
    /// Shut the gate when records or bytes reach this percentage of their bound.
    pub pause_threshold_pct: f64,
    /// Open it when both are at or below this.
    pub resume_threshold_pct: f64,
    /// Pause in the client too when the gate has been shut for this long; zero is at once.
    pub pause_hard_after: Duration,
    /// `ENABLE_TTL`.
    pub ttl: bool,
    pub tombstones: TombstonePolicy,
    pub max_record_bytes: u64,
    /// Records per batch; 1 with `ENABLE_MICROBATCH=false`.
    pub batch_records_max: u32,
    pub batch_bytes_max: u64,
    /// The longest wait to fill a batch, counted from its first record.
    pub linger: Duration,
    /// Concurrency limit: batches in flight.
    pub concurrency: u32,
    pub inference_timeout: Duration,
    pub ordering: Ordering,
    pub retry: RetrySettings,
    pub poison: PoisonPolicy,
    /// Share of settled records that may be dead-lettered over a minute, in percent; at least 10 records.
    pub dead_letter_max_pct: f64,
    /// Records beyond a partition's frontier.
    pub span_max: u32,
    /// `None` with `USE_MANUAL_COMMIT=false`: the source stores offsets itself.
    pub commit_interval: Option<Duration>,
    /// Where the group has nothing, the first offset of a partition is committed before its record is finished: with
    /// `KAFKA_OFFSET_RESET=latest` nobody else remembers where it began.
    pub commits_start: bool,
    /// Room beside a committed offset for what is finished beyond it; zero keeps nothing there.
    pub commit_metadata_bytes: usize,
    /// The group's committed offsets are read back and compared this often.
    pub audit_every: Option<Duration>,
    /// How long in-flight work of a revoked partition is waited for.
    pub revoke_drain: Duration,
    /// A partition that is assigned, not gated, behind, and does not move for this long is repaired.
    pub stall_after: Duration,
    /// Polling never stops for longer: a tenth of `max.poll.interval.ms` (I10).
    pub poll_gap_max: Duration,
    /// A record that holds its frontier for this long, with nearly everything behind it done, is told.
    pub head_of_line_after: Duration,
    /// And given up to the dead letters, under a budget (`HEAD_OF_LINE_POLICY=dlq`).
    pub head_of_line_letters: bool,
    /// `None` without `INGRESS_ADDR`.
    pub requests: Option<RequestSettings>,
    pub control: ControlSettings,
}

/// How requests over HTTP are treated.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestSettings {
    /// The topic that the worker sees them as records of.
    pub topic: Arc<str>,
    /// The longest any of them waits for its answer.
    pub timeout: Duration,
    /// Their share of the records sent while both sides wait, percent.
    pub weight_pct: u32,
    /// Share of the queue that only they may take, and that only Kafka may take; percent, 50 at most.
    pub reserved_pct: u32,
}

impl Default for RequestSettings {
    fn default() -> Self {
        Self { topic: Arc::from("requests"), timeout: Duration::from_secs(30), weight_pct: 50, reserved_pct: 20 }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct RetrySettings {
    /// Failures charged to one record before it is given up.
    pub attempts_max: u16,
    pub backoff_min: Duration,
    pub backoff_max: Duration,
    /// Retry batches allowed per hundred fresh ones, beside ten a second.
    pub budget_pct: f64,
    /// Cap on what a worker's Retry-After is believed.
    pub retry_after_max: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ordering {
    /// Any order.
    None,
    /// At most one batch in flight per key; records without a key are free.
    Key,
    /// At most one batch in flight per partition.
    Partition,
}

/// What becomes of a record that cannot be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PoisonPolicy {
    /// To the dead-letter topic (there is one).
    DeadLetter,
    /// Its partition is paused and an alarm raised.
    Stop,
    /// It is finished and counted.
    Skip,
}

/// What a null value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TombstonePolicy {
    /// A record like any other.
    Deliver,
    /// Finished at intake and counted.
    Skip,
    /// Given up at intake, as the poison policy says.
    Poison,
}

impl EngineSettings {
    /// The thresholds as the flags say them.
    pub fn values(&self) -> Values {
        Values {
            concurrency: self.concurrency,
            batch_records: self.batch_records_max,
            linger: self.linger,
            pause_pct: self.pause_threshold_pct,
            resume_pct: self.resume_threshold_pct,
            hard_after: self.pause_hard_after,
        }
    }

    /// The most batches that may ever be in flight, and the most records in one.
    pub fn most(&self) -> (u32, u32) {
        match self.control.adaptive {
            Adaptive::On => (self.control.concurrency.max, self.control.batch_records.max),
            Adaptive::Off | Adaptive::Shadow => (self.concurrency, self.batch_records_max),
        }
    }
}

/// The compiled defaults; a test of the table of flags holds the two together.
impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            queue_records_max: Some(512),
            queue_bytes_max: 16 << 20,
            max_poll_records: 64,
            pause_threshold_pct: 80.0,
            resume_threshold_pct: 50.0,
            pause_hard_after: Duration::from_secs(5),
            ttl: true,
            tombstones: TombstonePolicy::Deliver,
            max_record_bytes: 1 << 20,
            batch_records_max: 32,
            batch_bytes_max: 1 << 20,
            linger: Duration::from_millis(25),
            concurrency: 2,
            inference_timeout: Duration::from_secs(15),
            ordering: Ordering::None,
            retry: RetrySettings {
                attempts_max: 5,
                backoff_min: Duration::from_millis(100),
                backoff_max: Duration::from_secs(30),
                budget_pct: 20.0,
                retry_after_max: Duration::from_secs(30),
            },
            poison: PoisonPolicy::Stop,
            dead_letter_max_pct: 5.0,
            span_max: 10_000,
            commit_interval: Some(Duration::from_secs(1)),
            commits_start: false,
            commit_metadata_bytes: TEXT_BYTES_MAX,
            audit_every: Some(Duration::from_secs(300)),
            revoke_drain: Duration::from_secs(10),
            stall_after: Duration::from_secs(30),
            poll_gap_max: Duration::from_secs(30),
            head_of_line_after: Duration::from_secs(60),
            head_of_line_letters: false,
            requests: None,
            control: ControlSettings::default(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The defaults taken literally, with a dead-letter topic.
    pub(crate) fn settings() -> EngineSettings {
        let control = ControlSettings::off();
        EngineSettings { poison: PoisonPolicy::DeadLetter, control, ..EngineSettings::default() }
    }
}
