//! A run drawn from a seed: settings, models, workload and faults, each with its own odds of being ordinary or odd.
//!
//! Every seed switches whole groups of oddities on or off (a "swarm"): a run with everything at once hides as much as a
//! run with nothing.

use std::time::Duration;

use crate::{
    control::settings::{Adaptive, ControlSettings, QueueOrder, Range, TtlMode},
    engine::{
        ledger::completed::TEXT_BYTES_MAX,
        settings::{EngineSettings, Ordering, PoisonPolicy, RequestSettings, RetrySettings, TombstonePolicy},
    },
    record::PartitionId,
    sim::{
        fault::{CommitMood, Fault, Kind, Set, SinkMood, WorkerMood},
        requests::Requests,
        rng::Rng,
        setup::{BrokerSetup, Latency, Setup, SinkSetup, WorkerSetup},
        workload::{Poison, Workload},
    },
    time::Instant,
};

/// Draws the run of a seed.
pub fn draw(seed: u64) -> Setup {
    let mut rng = Rng::stream(seed, 100);
    let rng = &mut rng;
    let topics: Vec<u32> = (0..one_of(rng, &[1, 1, 1, 2, 3])).map(|_| one_of(rng, &[1, 2, 4])).collect();
    let partitions = topics.iter().sum();
    let workload = workload(rng);
    let mut settings = settings(rng);
    settings.control = control(&mut Rng::stream(seed, 101), &settings);
    settings.commit_metadata_bytes = one_of(&mut Rng::stream(seed, 104), &[TEXT_BYTES_MAX, TEXT_BYTES_MAX, 100, 0]);
    settings.audit_every = Some(Duration::from_secs(one_of(&mut Rng::stream(seed, 106), &[1, 5, 300])));
    settings.commits_start = Rng::stream(seed, 107).chance(300);
    if settings.poison == PoisonPolicy::DeadLetter {
        let rng = &mut Rng::stream(seed, 105);
        settings.head_of_line_letters = rng.chance(500);
        settings.head_of_line_after = Duration::from_millis(one_of(rng, &[1_000, 5_000, 60_000]));
    }
    let requests = requests(&mut Rng::stream(seed, 102), &mut settings);
    let faults = faults(rng, &settings, &workload, partitions);
    let (broker, mut worker) = (broker(rng, &mut Rng::stream(seed, 103)), worker(rng));
    // One that cannot do a single record in time is not healthy, and then nothing is promised.
    let single = (worker.alpha + worker.beta) * (100 + worker.noise_pct) / 100;
    if 2 * single > settings.inference_timeout {
        worker.alpha = settings.inference_timeout / 8;
    }
    Setup {
        why: "whatever comes, every promise holds".to_owned(),
        topics,
        workload,
        requests,
        broker,
        worker,
        sink: SinkSetup { latency: latency(rng), fail_per_mille: one_of(rng, &[0, 0, 0, 100]) },
        faults,
        shutdown: millis(rng, 1_000, 25_000),
        settings,
        ..Setup::default()
    }
}

fn one_of<T: Copy + Default>(rng: &mut Rng, list: &[T]) -> T {
    rng.pick(list).unwrap_or_default()
}

fn millis(rng: &mut Rng, low: u64, high: u64) -> Duration {
    Duration::from_millis(rng.range(low, high))
}

fn latency(rng: &mut Rng) -> Latency {
    let max = one_of(rng, &[1, 5, 20, 100]);
    Latency::millis(0, max).with_tail(one_of(rng, &[0, 0, 20, 100]))
}

/// Sizes that `config` accepts, mostly small, so that every bound is met.
fn settings(rng: &mut Rng) -> EngineSettings {
    let max_poll_records = one_of(rng, &[1, 2, 5, 16, 64]);
    let max_record_bytes = one_of(rng, &[256, 1024, 4096]);
    let batch_bytes_max = max_record_bytes * one_of(rng, &[1, 2, 5, 100]);
    let queue_bytes_max = batch_bytes_max * one_of(rng, &[1, 2, 10, 100]);
    let batch_records_max = one_of(rng, &[1, 2, 3, 8, 32]);
    let queue = batch_records_max * one_of(rng, &[1, 2, 4, 16]);
    let pause_threshold_pct = one_of(rng, &[100.0, 80.0, 80.0, 50.0, 10.0]);
    EngineSettings {
        queue_records_max: (!rng.chance(50)).then_some(queue),
        queue_bytes_max,
        max_poll_records,
        pause_threshold_pct,
        resume_threshold_pct: pause_threshold_pct * one_of(rng, &[0.6, 0.9, 0.1]),
        pause_hard_after: Duration::from_millis(one_of(rng, &[0, 100, 5_000])),
        ttl: !rng.chance(100),
        tombstones: one_tombstones(rng),
        max_record_bytes,
        batch_records_max,
        batch_bytes_max,
        linger: Duration::from_millis(one_of(rng, &[0, 1, 25, 200])),
        concurrency: one_of(rng, &[1, 2, 2, 4, 8]),
        inference_timeout: Duration::from_millis(one_of(rng, &[100, 1_000, 15_000])),
        ordering: match rng.below(3) {
            0 => Ordering::None,
            1 => Ordering::Key,
            _ => Ordering::Partition,
        },
        retry: RetrySettings {
            attempts_max: one_of(rng, &[1, 2, 5, 5]),
            backoff_min: Duration::from_millis(one_of(rng, &[1, 20, 100])),
            backoff_max: Duration::from_millis(one_of(rng, &[100, 2_000, 30_000])),
            budget_pct: one_of(rng, &[0.0, 20.0, 100.0]),
            retry_after_max: Duration::from_secs(one_of(rng, &[1, 30])),
        },
        poison: match rng.below(5) {
            0 => PoisonPolicy::Stop,
            1 => PoisonPolicy::Skip,
            _ => PoisonPolicy::DeadLetter,
        },
        dead_letter_max_pct: one_of(rng, &[0.0, 5.0, 50.0, 100.0]),
        span_max: max_poll_records * one_of(rng, &[4, 5, 6, 20]) + one_of(rng, &[0, 1, 10]),
        commits_start: false,
        commit_metadata_bytes: TEXT_BYTES_MAX,
        commit_interval: (!rng.chance(30)).then_some(Duration::from_millis(one_of(rng, &[50, 1_000, 5_000]))),
        audit_every: None,
        revoke_drain: Duration::from_millis(one_of(rng, &[0, 100, 2_000, 10_000])),
        stall_after: Duration::from_millis(one_of(rng, &[2_000, 30_000])),
        poll_gap_max: Duration::from_secs(30),
        head_of_line_after: Duration::from_secs(60),
        head_of_line_letters: false,
        requests: None,
        control: ControlSettings::off(),
    }
}

/// Off, shadow or on, with every knob pinned to what the settings say or free between bounds around it.
fn control(rng: &mut Rng, settings: &EngineSettings) -> ControlSettings {
    let adaptive = one_of(rng, &[0, 1, 2, 2, 2]);
    let adaptive = [Adaptive::Off, Adaptive::Shadow, Adaptive::On][adaptive];
    let count = |rng: &mut Rng, value: u32, most: u32| {
        if rng.chance(300) {
            return Range::pinned(value);
        }
        let (min, max) = (one_of(rng, &[1, 1, value]).min(value), one_of(rng, &[value, most]).max(value));
        Range::new(one_of(rng, &[min, value]).clamp(min, max), min, max)
    };
    let (high, low) = (settings.pause_threshold_pct, settings.resume_threshold_pct);
    let between = low + 0.5 * (high - low);
    let percent = |rng: &mut Rng, value: f64, min: f64, max: f64| {
        if rng.chance(300) { Range::pinned(value) } else { Range::new(value, min.min(value), max.max(value)) }
    };
    ControlSettings {
        adaptive,
        ttl_mode: if settings.ttl && rng.chance(500) { TtlMode::Predictive } else { TtlMode::Expired },
        queue_order: match rng.below(3) {
            0 if settings.ordering == Ordering::None => QueueOrder::Deadline,
            1 if settings.ordering == Ordering::None => QueueOrder::Auto,
            _ => QueueOrder::Fifo,
        },
        concurrency: count(rng, settings.concurrency, 64),
        batch_records: count(rng, settings.batch_records_max, 256),
        linger_ms: count(rng, u32::try_from(settings.linger.as_millis()).unwrap_or(0), 250),
        pause_pct: percent(rng, high, between.max(low + 1.0).min(high), 95.0),
        resume_pct: percent(rng, low, 1.0, between.min(high - 1.0).max(low)),
    }
}

/// In some runs people ask over HTTP too, where either side's reserve takes a record of any size.
fn requests(rng: &mut Rng, settings: &mut EngineSettings) -> Requests {
    let reserved_pct = one_of(rng, &[1, 20, 50]);
    let fits = settings.queue_bytes_max / 100 * u64::from(reserved_pct) >= settings.max_record_bytes;
    if !rng.chance(400) || !fits || settings.queue_records_max.is_some_and(|max| max < 2) {
        return Requests::default();
    }
    let (timeout, weight_pct) = (Duration::from_millis(one_of(rng, &[50, 1_000, 30_000])), one_of(rng, &[1, 50, 90]));
    settings.requests =
        Some(RequestSettings { topic: std::sync::Arc::from("topic-0"), timeout, weight_pct, reserved_pct });
    let low = one_of(rng, &[-100, 0, 20, 500]);
    Requests {
        count: one_of(rng, &[10, 100, 400]),
        bursts: one_of(rng, &[1, 10, 100]),
        over: Duration::from_millis(one_of(rng, &[0, 2_000, 20_000])),
        bytes: one_of(rng, &[(0, 10), (50, 200), (10, 1_000)]),
        deadline_per_mille: one_of(rng, &[0, 500, 1_000]),
        deadline_ms: (low, low + one_of(rng, &[10, 1_000, 30_000])),
        gone_per_mille: one_of(rng, &[0, 0, 100, 500]),
        gone_after_ms: one_of(rng, &[5, 200, 5_000]),
        poison_per_mille: one_of(rng, &[0, 0, 50, 300]),
    }
}

fn one_tombstones(rng: &mut Rng) -> TombstonePolicy {
    match rng.below(4) {
        0 => TombstonePolicy::Skip,
        1 => TombstonePolicy::Poison,
        _ => TombstonePolicy::Deliver,
    }
}

fn workload(rng: &mut Rng) -> Workload {
    let [odd, dying, gappy] = [500, 400, 300].map(|odds| rng.chance(odds));
    let per_mille = |on: bool, value: u32| if on { value } else { 0 };
    let low = one_of(rng, &[-5_000, 0, 10, 500]);
    Workload {
        records: one_of(rng, &[20, 100, 300, 800]),
        bursts: one_of(rng, &[1, 5, 40]),
        over: Duration::from_millis(one_of(rng, &[0, 2_000, 20_000])),
        keys: one_of(rng, &[0, 1, 5, 100]),
        unkeyed_per_mille: one_of(rng, &[0, 200]),
        bytes: one_of(rng, &[(0, 10), (50, 200), (10, 1_000)]),
        deadline_per_mille: per_mille(dying, one_of(rng, &[100, 500, 1_000])),
        deadline_ms: (low, low + one_of(rng, &[100, 1_000, 30_000])),
        malformed_per_mille: per_mille(odd, one_of(rng, &[0, 50])),
        tombstone_per_mille: per_mille(odd, one_of(rng, &[0, 50, 300])),
        oversize_per_mille: per_mille(odd, one_of(rng, &[0, 10, 100])),
        poison_per_mille: per_mille(odd, one_of(rng, &[0, 5, 50])),
        poisons: match rng.pick(&Poison::ALL) {
            Some(one) if rng.chance(500) => vec![one],
            _ => Poison::ALL.to_vec(),
        },
        poison_at: Vec::new(),
        marker_per_mille: per_mille(gappy, 100),
        gap_per_mille: per_mille(gappy, 100),
        gap_max: one_of(rng, &[3, 1_000_000_000]),
    }
}

fn broker(rng: &mut Rng, metadata: &mut Rng) -> BrokerSetup {
    let slow = rng.chance(200);
    let channel_us = if slow { 20_000 } else { 300 };
    BrokerSetup {
        fetch: latency(rng),
        commit: latency(rng),
        channel: Latency { min: Duration::ZERO, max: Duration::from_micros(channel_us), tail_per_mille: 5 },
        rebalance: Latency::millis(0, one_of(rng, &[1, 50, 3_000])),
        fetch_records: one_of(rng, &[1, 10, 500]),
        prefetch_records: one_of(rng, &[1, 50, 5_000]),
        others_work: rng.chance(500),
        metadata_bytes_max: one_of(metadata, &[4096, 4096, 200]),
    }
}

fn worker(rng: &mut Rng) -> WorkerSetup {
    let moody = rng.chance(300);
    let per_mille = |on: bool, value: u32| if on { value } else { 0 };
    WorkerSetup {
        alpha: Duration::from_micros(one_of(rng, &[0, 2_000, 20_000, 150_000])),
        beta: Duration::from_micros(one_of(rng, &[0, 50, 2_000])),
        noise_pct: one_of(rng, &[0, 20, 100]),
        capacity: one_of(rng, &[1, 4, 16]),
        send: Latency {
            min: Duration::ZERO,
            max: Duration::from_micros(one_of(rng, &[0, 200, 50_000])),
            tail_per_mille: 10,
        },
        bytes_max: rng.chance(100).then_some(1_000),
        fail_per_mille: per_mille(moody, one_of(rng, &[0, 20, 200])),
        retry_per_mille: per_mille(moody, one_of(rng, &[0, 20, 200])),
        drop_per_mille: per_mille(moody, one_of(rng, &[0, 5])),
    }
}

fn faults(rng: &mut Rng, settings: &EngineSettings, workload: &Workload, partitions: u32) -> Vec<Fault> {
    let count = one_of(rng, &[0, 1, 3, 8, 20]);
    let sorts: Vec<u64> = (0..9).filter(|_| rng.chance(400)).collect();
    let horizon = workload.over.as_millis() as u64 + one_of(rng, &[500, 5_000, 30_000]);
    let mut faults = Vec::new();
    for _ in 0..count {
        let Some(sort) = rng.pick(&sorts) else { break };
        // Offsets stored at enqueue promise nothing when partitions move or processes die.
        if settings.commit_interval.is_none() && matches!(sort, 3 | 4 | 8) {
            continue;
        }
        let at = Instant::ZERO + millis(rng, 0, horizon);
        let max = one_of(rng, &[50, 2_000, 20_000]);
        let lasts = millis(rng, 0, max);
        faults.push(Fault { at, lasts, kind: kind(rng, sort, partitions) });
    }
    faults
}

fn kind(rng: &mut Rng, sort: u64, partitions: u32) -> Kind {
    let partition = PartitionId(rng.below(partitions.into()) as u32);
    let set = if rng.chance(300) { Set::ALL } else { Set(rng.next_u64()) };
    match sort {
        0 => Kind::Worker(worker_mood(rng)),
        1 => Kind::Sink(if rng.chance(500) { SinkMood::Failing } else { SinkMood::Slow { times: 50 } }),
        2 => Kind::Commits(commit_mood(rng)),
        3 => Kind::Revoke(set),
        4 => Kind::Lost(set),
        5 => Kind::WallJump { ms: rng.range(0, 20_000) as i64 - 10_000 },
        6 => match rng.below(3) {
            0 => Kind::Retention { partition, pct: rng.range(1, 100) as u32 },
            1 => Kind::Rewind { partition, pct: if rng.chance(500) { 0 } else { rng.range(1, 100) as u32 } },
            _ => Kind::Stall(partition),
        },
        7 => {
            if rng.chance(500) {
                Kind::LeaderAway(set)
            } else {
                Kind::SlowFetch { times: 100 }
            }
        }
        _ => {
            if rng.chance(500) {
                Kind::Crash
            } else {
                Kind::Restart
            }
        }
    }
}

fn worker_mood(rng: &mut Rng) -> WorkerMood {
    match rng.below(10) {
        0 => WorkerMood::Busy { retry_after: None },
        1 => WorkerMood::Busy { retry_after: Some(millis(rng, 0, 100_000)) },
        2 => WorkerMood::Away,
        3 | 4 => WorkerMood::Failing,
        5 => WorkerMood::Refusing,
        6 => WorkerMood::Misconfigured,
        7 => WorkerMood::Hanging,
        8 => WorkerMood::Small { bytes: rng.range(100, 2_000) },
        _ => WorkerMood::Slow { times: one_of(rng, &[3, 50]) },
    }
}

fn commit_mood(rng: &mut Rng) -> CommitMood {
    match rng.below(5) {
        0 => CommitMood::Failing,
        1 => CommitMood::AppliedButFailing,
        2 => CommitMood::Unanswered,
        3 => CommitMood::AppliedButUnanswered,
        _ => CommitMood::Slow { times: 100 },
    }
}
