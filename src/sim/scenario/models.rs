//! The models' numbers in a scenario.

use std::time::Duration;

use crate::sim::{
    requests,
    setup::{BrokerSetup, Latency, SinkSetup, WorkerSetup},
    workload::{self, Poison},
};

/// Takes what was given.
pub fn set<T>(to: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *to = given;
    }
}

pub fn set_ms(to: &mut Duration, given: Option<u64>) {
    set(to, given.map(Duration::from_millis));
}

fn set_latency(to: &mut Latency, given: Option<[u64; 2]>) {
    set(to, given.map(|[min, max]| Latency { tail_per_mille: to.tail_per_mille, ..Latency::millis(min, max) }));
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Workload {
    records: Option<u32>,
    bursts: Option<u32>,
    over_ms: Option<u64>,
    keys: Option<u32>,
    unkeyed_per_mille: Option<u32>,
    bytes: Option<[u32; 2]>,
    deadline_per_mille: Option<u32>,
    deadline_ms: Option<[i64; 2]>,
    malformed_per_mille: Option<u32>,
    tombstone_per_mille: Option<u32>,
    oversize_per_mille: Option<u32>,
    poison_per_mille: Option<u32>,
    poisons: Option<Vec<Poison>>,
    poison_at: Option<Vec<u32>>,
    marker_per_mille: Option<u32>,
    gap_per_mille: Option<u32>,
    gap_max: Option<u64>,
}

impl Workload {
    pub fn apply(self, to: &mut workload::Workload) {
        set(&mut to.records, self.records);
        set(&mut to.bursts, self.bursts);
        set_ms(&mut to.over, self.over_ms);
        set(&mut to.keys, self.keys);
        set(&mut to.unkeyed_per_mille, self.unkeyed_per_mille);
        set(&mut to.bytes, self.bytes.map(Into::into));
        set(&mut to.deadline_per_mille, self.deadline_per_mille);
        set(&mut to.deadline_ms, self.deadline_ms.map(Into::into));
        set(&mut to.malformed_per_mille, self.malformed_per_mille);
        set(&mut to.tombstone_per_mille, self.tombstone_per_mille);
        set(&mut to.oversize_per_mille, self.oversize_per_mille);
        set(&mut to.poison_per_mille, self.poison_per_mille);
        set(&mut to.poisons, self.poisons);
        set(&mut to.poison_at, self.poison_at);
        set(&mut to.marker_per_mille, self.marker_per_mille);
        set(&mut to.gap_per_mille, self.gap_per_mille);
        set(&mut to.gap_max, self.gap_max);
    }
}

/// Callers over HTTP.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Requests {
    count: Option<u32>,
    bursts: Option<u32>,
    over_ms: Option<u64>,
    bytes: Option<[u32; 2]>,
    deadline_per_mille: Option<u32>,
    deadline_ms: Option<[i64; 2]>,
    gone_per_mille: Option<u32>,
    gone_after_ms: Option<u64>,
    poison_per_mille: Option<u32>,
}

impl Requests {
    pub fn apply(self, to: &mut requests::Requests) {
        set(&mut to.count, self.count);
        set(&mut to.bursts, self.bursts);
        set_ms(&mut to.over, self.over_ms);
        set(&mut to.bytes, self.bytes.map(Into::into));
        set(&mut to.deadline_per_mille, self.deadline_per_mille);
        set(&mut to.deadline_ms, self.deadline_ms.map(Into::into));
        set(&mut to.gone_per_mille, self.gone_per_mille);
        set(&mut to.gone_after_ms, self.gone_after_ms);
        set(&mut to.poison_per_mille, self.poison_per_mille);
    }
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Broker {
    fetch_ms: Option<[u64; 2]>,
    commit_ms: Option<[u64; 2]>,
    channel_ms: Option<[u64; 2]>,
    rebalance_ms: Option<[u64; 2]>,
    fetch_records: Option<u32>,
    prefetch_records: Option<u32>,
    others_work: Option<bool>,
    metadata_bytes_max: Option<usize>,
}

impl Broker {
    pub fn apply(self, to: &mut BrokerSetup) {
        set_latency(&mut to.fetch, self.fetch_ms);
        set_latency(&mut to.commit, self.commit_ms);
        set_latency(&mut to.channel, self.channel_ms);
        set_latency(&mut to.rebalance, self.rebalance_ms);
        set(&mut to.fetch_records, self.fetch_records);
        set(&mut to.prefetch_records, self.prefetch_records);
        set(&mut to.others_work, self.others_work);
        set(&mut to.metadata_bytes_max, self.metadata_bytes_max);
    }
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Worker {
    alpha_ms: Option<u64>,
    beta_us: Option<u64>,
    noise_pct: Option<u32>,
    capacity: Option<u32>,
    send_ms: Option<[u64; 2]>,
    bytes_max: Option<u64>,
    fail_per_mille: Option<u32>,
    retry_per_mille: Option<u32>,
    drop_per_mille: Option<u32>,
}

impl Worker {
    pub fn apply(self, to: &mut WorkerSetup) {
        set_ms(&mut to.alpha, self.alpha_ms);
        set(&mut to.beta, self.beta_us.map(Duration::from_micros));
        set(&mut to.noise_pct, self.noise_pct);
        set(&mut to.capacity, self.capacity);
        set_latency(&mut to.send, self.send_ms);
        to.bytes_max = self.bytes_max.or(to.bytes_max);
        set(&mut to.fail_per_mille, self.fail_per_mille);
        set(&mut to.retry_per_mille, self.retry_per_mille);
        set(&mut to.drop_per_mille, self.drop_per_mille);
    }
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sink {
    latency_ms: Option<[u64; 2]>,
    fail_per_mille: Option<u32>,
}

impl Sink {
    pub fn apply(self, to: &mut SinkSetup) {
        set_latency(&mut to.latency, self.latency_ms);
        set(&mut to.fail_per_mille, self.fail_per_mille);
    }
}
