//! What arrives, and what of it the source hands over: credit, pauses and their price, partitions that come and go.

use std::{sync::Arc, time::Duration};

use crate::{
    control::maths::{exp, ln},
    engine::admission::DEADLINE_HEADER,
    record::{PartitionId, PayloadBuilder, Record},
    sim::{
        rng::Rng,
        scheduler::EPOCH_MS,
        trial::{
            case::{Case, Workload},
            noise,
        },
    },
    time::Instant,
};

/// A record in the log.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    pub at: Instant,
    /// Wall-clock milliseconds.
    pub deadline_ms: Option<i64>,
    pub bytes: u32,
    /// It has come to an end, whatever end.
    pub is_done: bool,
}

/// Draws arrivals in order of time.
#[derive(Debug)]
pub struct Arrivals<'a> {
    workload: &'a Workload,
    rng: Rng,
    rate: f64,
    at_s: f64,
    seconds: f64,
    backlog: u32,
}

impl<'a> Arrivals<'a> {
    /// `capacity` records a second is what a load of one means.
    pub fn new(case: &'a Case, capacity: f64, seed: u64) -> Self {
        let workload = &case.workload;
        let rate = workload.load * capacity;
        let (rng, backlog) = (Rng::stream(seed, 10), workload.backlog);
        Self { workload, rng, rate, at_s: 0.0, seconds: case.seconds, backlog }
    }

    /// The rate at a moment: bursts and the quiet between them have the mean that was asked for.
    fn rate_at(&self, at_s: f64) -> f64 {
        let Workload { burst_every, burst_for, burst_times, .. } = *self.workload;
        if burst_every <= 0.0 {
            return self.rate;
        }
        let share = burst_for / burst_every;
        let low = (1.0 - share * burst_times).max(0.0) / (1.0 - share).max(1e-9);
        self.rate * if at_s.rem_euclid(burst_every) < burst_for { burst_times } else { low.max(1e-3) }
    }

    fn draw(&mut self, at: Instant) -> Arrival {
        let Workload { life: [short, long], undated, stale, bytes, large, large_times, .. } = *self.workload;
        let life_s =
            if short < long { exp(ln(short) + noise::even(&mut self.rng) * (ln(long) - ln(short))) } else { short };
        let life_ms = (1e3 * life_s).round() as i64;
        let wall_ms = EPOCH_MS + (at.0 / 1_000_000) as i64;
        let deadline_ms = match noise::even(&mut self.rng) {
            _ if life_ms == 0 => None,
            draw if draw < undated => None,
            draw if draw < undated + stale => Some(wall_ms - life_ms),
            _ => Some(wall_ms + life_ms),
        };
        let size = self.rng.range(bytes[0].into(), bytes[1].into()) as u32;
        let times = if noise::even(&mut self.rng) < large { large_times } else { 1 };
        Arrival { at, deadline_ms, bytes: size.saturating_mul(times), is_done: false }
    }
}

impl Iterator for Arrivals<'_> {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        if self.backlog > 0 {
            self.backlog -= 1;
            return Some(self.draw(Instant::ZERO));
        }
        if self.rate <= 0.0 {
            return None;
        }
        // In small steps, so that a quiet spell ends when the burst begins.
        loop {
            let rate = self.rate_at(self.at_s);
            let gap = noise::exponential(&mut self.rng) / rate;
            let step =
                if self.workload.burst_every > 0.0 { 0.05_f64.min(self.workload.burst_for) } else { f64::INFINITY };
            self.at_s += gap.min(step);
            if self.at_s >= self.seconds {
                return None;
            }
            if gap <= step {
                return Some(self.draw(Instant((self.at_s * 1e9) as u64)));
            }
        }
    }
}

/// One partition as the source sees it.
#[derive(Debug, Default)]
pub struct Partition {
    pub records: Vec<Arrival>,
    /// Next to be handed over.
    pub next: usize,
    pub committed: usize,
    pub paused: bool,
    pub assigned: bool,
    /// Nothing is handed over before: the fetch after a pause takes its time.
    ready_at: Instant,
}

/// Records the client holds ahead of what it hands over, for each partition; what a pause throws away.
const PREFETCH_RECORDS: usize = 2_000;
/// From a resume to the first record.
const REFETCH: Duration = Duration::from_millis(9);

/// The source.
#[derive(Debug)]
pub struct Source {
    pub topic: Arc<str>,
    pub partitions: Vec<Partition>,
    credit_records: u32,
    credit_bytes: u64,
    record_bytes_max: u64,
    pub read_bytes: u64,
    pub refetched_bytes: u64,
}

impl Source {
    pub fn new(partitions: u32, record_bytes_max: u64) -> Self {
        Self {
            topic: Arc::from("trial"),
            partitions: (0..partitions.max(1)).map(|_| Partition::default()).collect(),
            credit_records: 0,
            credit_bytes: 0,
            record_bytes_max,
            read_bytes: 0,
            refetched_bytes: 0,
        }
    }

    pub fn append(&mut self, number: u64, arrival: Arrival) {
        let count = self.partitions.len() as u64;
        self.partitions[(number % count) as usize].records.push(arrival);
    }

    pub fn grant(&mut self, records: u32, bytes: u64) {
        self.credit_records = self.credit_records.saturating_add(records);
        self.credit_bytes = self.credit_bytes.saturating_add(bytes);
    }

    pub fn pause(&mut self, id: PartitionId) {
        let partition = &mut self.partitions[id.index()];
        if !std::mem::replace(&mut partition.paused, true) {
            let ahead = partition.records.iter().skip(partition.next).take(PREFETCH_RECORDS);
            self.refetched_bytes += ahead.map(|record| u64::from(record.bytes)).sum::<u64>();
        }
    }

    pub fn resume(&mut self, now: Instant, id: PartitionId) {
        let partition = &mut self.partitions[id.index()];
        if std::mem::replace(&mut partition.paused, false) {
            partition.ready_at = now + REFETCH;
        }
    }

    /// The next records in order of their arrival, up to `most` and as far as the credit goes.
    pub fn poll(&mut self, now: Instant, most: u32) -> Vec<Record> {
        let mut records = Vec::new();
        while records.len() < most as usize && self.credit_records > 0 {
            let Some(id) = self.oldest(now) else { break };
            let arrival = self.partitions[id].records[self.partitions[id].next];
            let record = record(id, self.partitions[id].next, &arrival);
            let charge = record.charge();
            if charge <= self.record_bytes_max {
                if charge > self.credit_bytes {
                    break;
                }
                self.credit_bytes -= charge;
            }
            self.credit_records -= 1;
            self.read_bytes += u64::from(arrival.bytes);
            self.partitions[id].next += 1;
            records.push(record);
        }
        records
    }

    /// The partition whose next record arrived first, of those that may be read.
    fn oldest(&self, now: Instant) -> Option<usize> {
        let can = |partition: &&Partition| partition.assigned && !partition.paused && now >= partition.ready_at;
        let heads = self.partitions.iter().enumerate().filter(|(_, partition)| can(partition));
        let heads = heads.filter_map(|(id, partition)| Some((partition.records.get(partition.next)?.at, id)));
        heads.min().map(|(_, id)| id)
    }

    /// When to look again although nothing happens: a fetch that is under way.
    pub fn next_ready(&self, now: Instant) -> Option<Instant> {
        let waits = |p: &&Partition| p.assigned && !p.paused && p.ready_at > now && p.next < p.records.len();
        self.partitions.iter().filter(waits).map(|partition| partition.ready_at).min()
    }
}

/// What every value is cut from.
static ZEROS: [u8; 1 << 18] = [0; 1 << 18];

fn record(id: usize, offset: usize, arrival: &Arrival) -> Record {
    let value = &ZEROS[..(arrival.bytes as usize).min(ZEROS.len())];
    let mut builder = PayloadBuilder::with_capacity(None, Some(value), 32);
    if let Some(deadline) = arrival.deadline_ms {
        builder.header(DEADLINE_HEADER, Some(deadline.to_string().as_bytes()));
    }
    Record::new(PartitionId(id as u32), id as i32, offset as i64, -1, builder.finish())
}
