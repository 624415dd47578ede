//! The engine's numbers in a scenario: the flags' names, with their units.

use std::sync::Arc;

use crate::{
    engine::settings::{EngineSettings, Ordering, PoisonPolicy, RequestSettings, TombstonePolicy},
    sim::scenario::models::{set, set_ms},
};

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Engine {
    /// Zero is `USE_BOUNDED_QUEUE=false`.
    queue_records_max: Option<u32>,
    queue_bytes_max: Option<u64>,
    max_poll_records: Option<u32>,
    pause_threshold_pct: Option<f64>,
    resume_threshold_pct: Option<f64>,
    pause_hard_after_ms: Option<u64>,
    ttl: Option<bool>,
    tombstones: Option<Tombstones>,
    max_record_bytes: Option<u64>,
    batch_records_max: Option<u32>,
    batch_bytes_max: Option<u64>,
    linger_ms: Option<u64>,
    concurrency: Option<u32>,
    inference_timeout_ms: Option<u64>,
    ordering: Option<Order>,
    attempts_max: Option<u16>,
    backoff_min_ms: Option<u64>,
    backoff_max_ms: Option<u64>,
    retry_budget_pct: Option<f64>,
    retry_after_max_ms: Option<u64>,
    poison: Option<Poison>,
    dead_letter_max_pct: Option<f64>,
    span_max: Option<u32>,
    /// Zero is `USE_MANUAL_COMMIT=false`.
    commit_interval_ms: Option<u64>,
    /// Zero keeps nothing of what is finished beyond the frontier.
    commit_metadata_bytes: Option<usize>,
    /// Zero never reads committed offsets back.
    audit_every_ms: Option<u64>,
    revoke_drain_ms: Option<u64>,
    stall_after_ms: Option<u64>,
    head_of_line_after_ms: Option<u64>,
    head_of_line_letters: Option<bool>,
    /// Any of these three takes requests over HTTP in, as records of the first topic.
    requests_timeout_ms: Option<u64>,
    requests_weight_pct: Option<u32>,
    requests_reserved_pct: Option<u32>,
}

#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Tombstones {
    Deliver,
    Skip,
    Poison,
}

#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    None,
    Key,
    Partition,
}

#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Poison {
    DeadLetter,
    Stop,
    Skip,
}

impl Engine {
    pub fn apply(self, to: &mut EngineSettings) {
        if let Some(max) = self.queue_records_max {
            to.queue_records_max = (max > 0).then_some(max);
        }
        if let Some(ms) = self.commit_interval_ms {
            to.commit_interval = (ms > 0).then_some(std::time::Duration::from_millis(ms));
        }
        if let Some(ms) = self.audit_every_ms {
            to.audit_every = (ms > 0).then_some(std::time::Duration::from_millis(ms));
        }
        set(&mut to.queue_bytes_max, self.queue_bytes_max);
        set(&mut to.max_poll_records, self.max_poll_records);
        set(&mut to.pause_threshold_pct, self.pause_threshold_pct);
        set(&mut to.resume_threshold_pct, self.resume_threshold_pct);
        set_ms(&mut to.pause_hard_after, self.pause_hard_after_ms);
        set(&mut to.ttl, self.ttl);
        set(&mut to.tombstones, self.tombstones.map(Into::into));
        set(&mut to.max_record_bytes, self.max_record_bytes);
        set(&mut to.batch_records_max, self.batch_records_max);
        set(&mut to.batch_bytes_max, self.batch_bytes_max);
        set_ms(&mut to.linger, self.linger_ms);
        set(&mut to.concurrency, self.concurrency);
        set_ms(&mut to.inference_timeout, self.inference_timeout_ms);
        set(&mut to.ordering, self.ordering.map(Into::into));
        set(&mut to.retry.attempts_max, self.attempts_max);
        set_ms(&mut to.retry.backoff_min, self.backoff_min_ms);
        set_ms(&mut to.retry.backoff_max, self.backoff_max_ms);
        set(&mut to.retry.budget_pct, self.retry_budget_pct);
        set_ms(&mut to.retry.retry_after_max, self.retry_after_max_ms);
        set(&mut to.poison, self.poison.map(Into::into));
        set(&mut to.dead_letter_max_pct, self.dead_letter_max_pct);
        set(&mut to.span_max, self.span_max);
        set(&mut to.commit_metadata_bytes, self.commit_metadata_bytes);
        set_ms(&mut to.revoke_drain, self.revoke_drain_ms);
        set_ms(&mut to.stall_after, self.stall_after_ms);
        set_ms(&mut to.head_of_line_after, self.head_of_line_after_ms);
        set(&mut to.head_of_line_letters, self.head_of_line_letters);
        let any = self.requests_timeout_ms.is_some()
            || self.requests_weight_pct.is_some()
            || self.requests_reserved_pct.is_some();
        if any {
            let mut requests = RequestSettings { topic: Arc::from("topic-0"), ..RequestSettings::default() };
            set_ms(&mut requests.timeout, self.requests_timeout_ms);
            set(&mut requests.weight_pct, self.requests_weight_pct);
            set(&mut requests.reserved_pct, self.requests_reserved_pct);
            to.requests = Some(requests);
        }
    }
}

impl From<Tombstones> for TombstonePolicy {
    fn from(read: Tombstones) -> Self {
        match read {
            Tombstones::Deliver => Self::Deliver,
            Tombstones::Skip => Self::Skip,
            Tombstones::Poison => Self::Poison,
        }
    }
}

impl From<Order> for Ordering {
    fn from(read: Order) -> Self {
        match read {
            Order::None => Self::None,
            Order::Key => Self::Key,
            Order::Partition => Self::Partition,
        }
    }
}

impl From<Poison> for PoisonPolicy {
    fn from(read: Poison) -> Self {
        match read {
            Poison::DeadLetter => Self::DeadLetter,
            Poison::Stop => Self::Stop,
            Poison::Skip => Self::Skip,
        }
    }
}
