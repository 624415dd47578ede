//! What one run is made of: the engine's numbers, the models' numbers, the workload, the faults, what is expected.
//!
//! Plain data. [`swarm`](crate::sim::swarm) draws it from a seed, [`scenario`](crate::sim::scenario) reads it from a
//! file.

use std::time::Duration;

use crate::{
    control::settings::ControlSettings,
    engine::settings::{EngineSettings, PoisonPolicy},
    sim::{fault::Fault, report::Expect, requests::Requests, rng::Rng, workload::Workload},
};

#[derive(Debug, Clone)]
pub struct Setup {
    /// One sentence: what this run is to show.
    pub why: String,
    pub settings: EngineSettings,
    /// Partitions of each topic.
    pub topics: Vec<u32>,
    pub workload: Workload,
    pub requests: Requests,
    pub broker: BrokerSetup,
    pub worker: WorkerSetup,
    pub sink: SinkSetup,
    pub faults: Vec<Fault>,
    /// `SHUTDOWN_TIMEOUT`
    pub shutdown: Duration,
    pub expect: Expect,
}

/// A delay between two bounds, now and then ten times as long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    pub min: Duration,
    pub max: Duration,
    pub tail_per_mille: u32,
}

impl Latency {
    pub const fn millis(min: u64, max: u64) -> Self {
        Self { min: Duration::from_millis(min), max: Duration::from_millis(max), tail_per_mille: 0 }
    }

    pub const fn with_tail(self, tail_per_mille: u32) -> Self {
        Self { tail_per_mille, ..self }
    }

    pub fn draw(&self, rng: &mut Rng) -> Duration {
        let drawn = rng.duration(self.min, self.max);
        if rng.chance(self.tail_per_mille) { drawn.saturating_mul(10) } else { drawn }
    }
}

#[derive(Debug, Clone)]
pub struct BrokerSetup {
    pub fetch: Latency,
    pub commit: Latency,
    /// Of each of the two channels between the engine and the client.
    pub channel: Latency,
    pub rebalance: Latency,
    /// Records one fetch brings at most.
    pub fetch_records: u32,
    /// Records the client holds ahead at most.
    pub prefetch_records: u32,
    /// Another member works on partitions that are away.
    pub others_work: bool,
    /// Bytes kept beside a committed offset; a commit with more is refused.
    pub metadata_bytes_max: usize,
}

#[derive(Debug, Clone)]
pub struct WorkerSetup {
    /// A batch takes `alpha + beta` for each of its records.
    pub alpha: Duration,
    pub beta: Duration,
    /// The time is off by up to this share, either way.
    pub noise_pct: u32,
    /// Batches it works on at a time; the rest wait inside of it.
    pub capacity: u32,
    /// Between dispatch and the moment before the send.
    pub send: Latency,
    /// Bytes it takes in one request.
    pub bytes_max: Option<u64>,
    /// A batch fails for no reason.
    pub fail_per_mille: u32,
    /// A record gets this verdict for no reason.
    pub retry_per_mille: u32,
    pub drop_per_mille: u32,
}

#[derive(Debug, Clone)]
pub struct SinkSetup {
    pub latency: Latency,
    pub fail_per_mille: u32,
}

impl Default for Setup {
    /// A quiet day: the compiled defaults, a fast worker, a thousand records.
    fn default() -> Self {
        Self {
            why: String::new(),
            settings: settings(),
            topics: vec![4],
            workload: Workload::default(),
            requests: Requests::default(),
            broker: BrokerSetup {
                fetch: Latency::millis(1, 5),
                commit: Latency::millis(1, 5),
                channel: Latency { min: Duration::from_micros(5), max: Duration::from_micros(200), tail_per_mille: 0 },
                rebalance: Latency::millis(5, 50),
                fetch_records: 500,
                prefetch_records: 2000,
                others_work: false,
                metadata_bytes_max: 4096,
            },
            worker: WorkerSetup {
                alpha: Duration::from_millis(2),
                beta: Duration::from_micros(50),
                noise_pct: 20,
                capacity: 8,
                send: Latency { min: Duration::ZERO, max: Duration::from_micros(200), tail_per_mille: 0 },
                bytes_max: None,
                fail_per_mille: 0,
                retry_per_mille: 0,
                drop_per_mille: 0,
            },
            sink: SinkSetup { latency: Latency::millis(1, 5), fail_per_mille: 0 },
            faults: Vec::new(),
            shutdown: Duration::from_secs(25),
            expect: Expect::default(),
        }
    }
}

impl Setup {
    pub fn partitions(&self) -> u32 {
        self.topics.iter().copied().fold(0, u32::saturating_add)
    }
}

/// The compiled defaults of the flags taken literally, with a dead-letter topic.
fn settings() -> EngineSettings {
    let control = ControlSettings::off();
    EngineSettings { poison: PoisonPolicy::DeadLetter, control, ..EngineSettings::default() }
}
