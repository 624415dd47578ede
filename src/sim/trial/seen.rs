//! What a run showed: counts, second by second, and moment by moment.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    control::knobs::Decision,
    engine::snapshot::Snapshot,
    sim::trial::{
        case::Case,
        log::{Arrival, Source},
        worker,
    },
    time::Instant,
};

/// How things stood, ten times a second.
#[derive(Debug, Clone, Copy, Default)]
pub struct Moment {
    pub concurrency: u32,
    pub batch_records: u32,
    pub linger_ms: f64,
    pub pause_pct: f64,
    pub resume_pct: f64,
    pub depth: u32,
    pub in_flight: u32,
    pub queue_max: Option<u32>,
}

impl Moment {
    pub fn of(snapshot: &Snapshot) -> Self {
        let knobs = &snapshot.knobs;
        Self {
            concurrency: knobs.concurrency,
            batch_records: knobs.batch_records_max,
            linger_ms: knobs.linger_ms,
            pause_pct: knobs.pause_threshold_pct,
            resume_pct: knobs.resume_threshold_pct,
            depth: snapshot.queue.records,
            in_flight: snapshot.in_flight.batches,
            queue_max: snapshot.queue.records_max,
        }
    }

    /// Of several sidecars: what adds up is added, the other knobs are the first one's.
    pub fn with(self, other: Self) -> Self {
        Self {
            concurrency: self.concurrency + other.concurrency,
            depth: self.depth + other.depth,
            in_flight: self.in_flight + other.in_flight,
            queue_max: self.queue_max.zip(other.queue_max).map(|(own, others)| own + others),
            ..self
        }
    }
}

/// What happened in one second.
#[derive(Debug, Clone, Copy, Default)]
pub struct Second {
    pub offered: f64,
    pub in_time: f64,
    /// Records that could have been done at best.
    pub possible: f64,
    pub batches: f64,
    /// Sum of the response times in mean service times of the same batch.
    pub response: f64,
    /// Sums over the batches answered, seconds: how long each took, and how long it takes by itself.
    pub took_s: f64,
    pub alone_s: f64,
    /// Records done, late ones too; the sum of their ages since they arrived, and the highest.
    pub done: f64,
    pub age_s: f64,
    pub age_worst_s: f64,
}

impl Second {
    /// Response at most 1.5 service times, and 85 % of what was possible.
    fn is_good(&self) -> bool {
        self.in_time >= 0.85 * self.possible && self.response <= 1.5 * self.batches
    }
}

/// One run.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Records that arrived before their deadlines, or without one.
    pub offered: u64,
    pub in_time: u64,
    /// The same by sidecar.
    pub in_time_by: Vec<u64>,
    pub late: u64,
    pub expired: u64,
    pub hopeless: u64,
    /// Given up although the worker could have had them done in time.
    pub false_drops: u64,
    /// Given up although they had no deadline. Never.
    pub undated_drops: u64,
    pub refused: u64,
    pub timed_out: u64,
    pub hard_pauses: u64,
    pub read_bytes: u64,
    pub refetched_bytes: u64,
    /// Seconds of work, and of those the ones that came to nothing.
    pub busy_s: f64,
    pub wasted_s: f64,
    /// Seconds in which the worker had nothing because the gate was shut.
    pub starved_s: f64,
    pub decisions: BTreeMap<&'static str, u32>,
    pub violations: Vec<String>,
    pub moments: Vec<Moment>,
    pub seconds: Vec<Second>,
    /// Batches after the step until the model's error for a middling batch stayed below 0.15.
    pub model_settled: Option<u32>,
    model: ModelWatch,
    warm_up: usize,
    step_at: usize,
    partitions: u32,
}

/// Follows the model's error after the step.
#[derive(Debug, Clone, Copy, Default)]
struct ModelWatch {
    batches: u32,
    /// Good in a row.
    good: u32,
}

/// The model has settled when it is right for so many batches in a row.
const RIGHT_FOR: u32 = 3;
/// Batches after a step in which it is watched.
const WATCHED: u32 = 60;

impl Seen {
    pub fn new(case: &Case) -> Self {
        Self {
            seconds: vec![Second::default(); case.seconds.ceil() as usize],
            warm_up: case.warm_up as usize,
            step_at: case.step_at as usize,
            partitions: case.workload.partitions.max(1) * case.members() as u32,
            in_time_by: vec![0; case.members()],
            ..Self::default()
        }
    }

    fn second(&mut self, at: Instant) -> Option<&mut Second> {
        self.seconds.get_mut((at.0 / 1_000_000_000) as usize)
    }

    pub fn offered(&mut self, arrival: &Arrival, is_stale: bool) {
        if !is_stale {
            self.offered += 1;
            if let Some(second) = self.second(arrival.at) {
                second.offered += 1.0;
            }
        }
    }

    /// So many partitions were paused in the client. How it settles in is no flapping.
    pub fn hardened(&mut self, now: Instant, partitions: usize) {
        if now >= Instant::from_millis(1000 * self.warm_up as u64) {
            self.hard_pauses += partitions as u64;
        }
    }

    pub fn decided(&mut self, decision: &Decision) {
        *self.decisions.entry(decision.reason.code()).or_default() += 1;
    }

    pub fn worked(&mut self, takes: Duration) {
        self.busy_s += takes.as_secs_f64();
    }

    /// The worker worked for nobody.
    pub fn wasted(&mut self, takes: Duration) {
        self.wasted_s += takes.as_secs_f64();
    }

    pub fn completed(&mut self, who: usize, now: Instant, age: Duration, in_time: bool) {
        if let Some(second) = self.second(now) {
            second.done += 1.0;
            second.age_s += age.as_secs_f64();
            second.age_worst_s = second.age_worst_s.max(age.as_secs_f64());
            second.in_time += if in_time { 1.0 } else { 0.0 };
        }
        if in_time {
            self.in_time += 1;
            if let Some(member) = self.in_time_by.get_mut(who) {
                *member += 1;
            }
        } else {
            self.late += 1;
        }
    }

    /// A batch was answered: how long it took, and the mean time of such a batch that is alone.
    pub fn answered(&mut self, now: Instant, took_s: f64, alone_s: f64) {
        if let Some(second) = self.second(now) {
            second.batches += 1.0;
            second.response += took_s / alone_s;
            second.took_s += took_s;
            second.alone_s += alone_s;
        }
    }

    pub fn watches_model(&self, case: &Case, now: Instant) -> bool {
        case.step_at > 0.0
            && now.0 as f64 * 1e-9 >= case.step_at
            && self.model_settled.is_none()
            && self.model.batches < WATCHED
    }

    /// After a batch: what the model foretells for a middling one, against the truth.
    pub fn model(&mut self, case: &Case, now: Instant, snapshot: &Snapshot) {
        let Some(route) = snapshot.control.routes.first() else { return };
        let most = snapshot.control.wanted.batch_records_max;
        let middling = f64::from(1 + most) / 2.0;
        let bytes = case.mean_bytes() * middling;
        let at = now.0 as f64 * 1e-9;
        let alpha = worker::alpha(&case.worker, at);
        let curve = alpha + case.worker.beta * middling + case.worker.gamma * bytes / 1024.0;
        let truth_ms = 1e3 * curve * worker::slowness(&case.worker, case.seconds, at);
        let foretold_ms = 0.5 * (route.batch_of_one_ms + route.batch_of_most_ms);
        self.model.batches += 1;
        let is_right = (foretold_ms / truth_ms).ln().abs() < 0.15;
        self.model.good = if is_right { self.model.good + 1 } else { 0 };
        if self.model.good >= RIGHT_FOR {
            self.model_settled = Some(self.model.batches + 1 - RIGHT_FOR);
        }
    }

    pub fn look(&mut self, now: Instant, moment: Moment, possible: f64) {
        self.moments.push(moment);
        if let Some(second) = self.second(now) {
            second.possible += 0.1 * possible;
        }
    }

    /// To be called for each sidecar.
    pub fn finish(&mut self, snapshot: &Snapshot, source: &Source) {
        self.read_bytes += source.read_bytes;
        self.refetched_bytes += source.refetched_bytes;
        self.starved_s += snapshot.starvation.gate_ms as f64 * 1e-3;
        if snapshot.violations > 0 && self.violations.is_empty() {
            self.violations.push(format!("{} of the engine's own", snapshot.violations));
        }
    }

    fn judged(&self) -> &[Second] {
        self.seconds.get(self.warm_up..).unwrap_or(&[])
    }

    /// Records done as a share of those possible, after the warm-up.
    pub fn throughput(&self) -> f64 {
        let sum = |f: fn(&Second) -> f64| self.judged().iter().map(f).sum::<f64>();
        sum(|second| second.in_time) / sum(|second| second.possible).max(1e-9)
    }

    /// Mean response time in service times, after the warm-up.
    pub fn response(&self) -> f64 {
        let sum = |f: fn(&Second) -> f64| self.judged().iter().map(f).sum::<f64>();
        sum(|second| second.response) / sum(|second| second.batches).max(1.0)
    }

    pub fn wasted_share(&self) -> f64 {
        self.wasted_s / self.busy_s.max(1e-9)
    }

    pub fn median_limit(&self) -> f64 {
        let mut limits: Vec<u32> =
            self.moments.iter().skip(10 * self.warm_up).map(|moment| moment.concurrency).collect();
        limits.sort_unstable();
        limits.get(limits.len() / 2).copied().unwrap_or_default().into()
    }

    pub fn highest_depth(&self) -> u32 {
        self.moments.iter().map(|moment| moment.depth).max().unwrap_or_default()
    }

    /// Seconds from the step until the band is entered and held in 8 of the 10 seconds that follow; infinite: never.
    pub fn settled(&self) -> f64 {
        let good: Vec<bool> = self.seconds.iter().map(Second::is_good).collect();
        (self.step_at..good.len().saturating_sub(9))
            .find(|&s| good[s] && good[s..s + 10].iter().filter(|good| **good).count() >= 8)
            .map_or(f64::INFINITY, |s| (s - self.step_at) as f64)
    }

    /// Seconds from the start until a second reaches 90 % of what the second half of the run shows; infinite: never.
    pub fn cold_start(&self) -> f64 {
        let half = &self.seconds[self.seconds.len() / 2..];
        let steady = half.iter().map(|second| second.in_time).sum::<f64>() / half.len().max(1) as f64;
        let found = self.seconds.iter().position(|second| second.in_time >= 0.9 * steady);
        found.map_or(f64::INFINITY, |s| (s + 1) as f64)
    }

    /// Hard pauses per partition and minute, after the warm-up.
    pub fn hard_pauses_a_minute(&self) -> f64 {
        self.hard_pauses as f64 / f64::from(self.partitions) / (self.judged().len() as f64 / 60.0)
    }

    pub fn refetched(&self) -> f64 {
        self.refetched_bytes as f64 / self.read_bytes.max(1) as f64
    }

    /// Share of the run in which the gate was shut while the worker starved.
    pub fn starved(&self) -> f64 {
        self.starved_s / self.seconds.len().max(1) as f64
    }

    /// What the worst-off sidecar has in time, as a share of an equal share.
    pub fn fairness(&self) -> f64 {
        let least = self.in_time_by.iter().min().copied().unwrap_or_default();
        least as f64 * self.in_time_by.len() as f64 / self.in_time.max(1) as f64
    }

    pub fn false_drops(&self) -> f64 {
        self.false_drops as f64 / self.offered.max(1) as f64
    }
}
