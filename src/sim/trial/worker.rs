//! The worker: servers with one queue in front, a curve, noise, a speed that changes, and moods.

use std::{collections::VecDeque, time::Duration};

use crate::{
    control::maths::exp,
    sim::{
        rng::Rng,
        trial::{
            case::{FaultKind, Step, WorkerCase},
            noise,
        },
    },
    time::Instant,
};

/// A batch inside, by the number its sender gave it.
#[derive(Debug, Clone, Copy)]
struct Inside {
    number: u64,
    records: u32,
    bytes: u64,
}

/// What a send meets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Met {
    /// Taken in: an answer follows when it is done.
    Taken,
    Busy {
        retry_after: Option<Duration>,
    },
    TooLarge,
    Away,
    /// Taken in, and no answer follows.
    Swallowed,
}

/// Begun: it will be done after this.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Begun {
    pub number: u64,
    pub takes: Duration,
    records: u32,
    /// Which life of the worker it is part of: a crash ends one.
    life: u32,
}

#[derive(Debug)]
pub struct Worker<'a> {
    case: &'a WorkerCase,
    seconds: f64,
    rng: Rng,
    /// For records that were given up: what would have been.
    other: Rng,
    busy: u32,
    /// Records of the batches being worked on.
    records_inside: u32,
    waiting: VecDeque<Inside>,
    life: u32,
    /// When each server is free, at the soonest.
    free_at: Vec<Instant>,
    pub mood: Option<FaultKind>,
}

impl<'a> Worker<'a> {
    pub fn new(case: &'a WorkerCase, seconds: f64, seed: u64) -> Self {
        let (rng, other) = (Rng::stream(seed, 11), Rng::stream(seed, 12));
        let free_at = vec![Instant::ZERO; 256];
        Self {
            case,
            seconds,
            rng,
            other,
            busy: 0,
            records_inside: 0,
            waiting: VecDeque::new(),
            life: 0,
            free_at,
            mood: None,
        }
    }

    /// How many times slower than at the start.
    pub fn slowness(&self, now: Instant) -> f64 {
        slowness(self.case, self.seconds, now.0 as f64 * 1e-9)
    }

    pub fn servers(&self, now: Instant) -> u32 {
        servers(self.case, now.0 as f64 * 1e-9)
    }

    /// Batches inside.
    pub fn inside(&self) -> u32 {
        self.busy + self.waiting.len() as u32
    }

    pub fn send(&mut self, now: Instant, number: u64, records: u32, bytes: u64) -> Met {
        match self.mood {
            Some(FaultKind::Away) => return Met::Away,
            Some(FaultKind::Busy) => return Met::Busy { retry_after: self.retry_after() },
            Some(FaultKind::Hang) => return Met::Swallowed,
            _ => {}
        }
        if self.case.bytes_max.is_some_and(|max| bytes > max) {
            return Met::TooLarge;
        }
        if self.case.refuses_above.is_some_and(|most| self.inside() >= most.min(self.servers(now) * 64)) {
            return Met::Busy { retry_after: self.retry_after() };
        }
        self.waiting.push_back(Inside { number, records, bytes });
        Met::Taken
    }

    fn retry_after(&self) -> Option<Duration> {
        self.case.retry_after.map(Duration::from_secs_f64)
    }

    /// Begins what can be begun.
    pub fn begin(&mut self, now: Instant) -> Option<Begun> {
        if self.busy >= self.servers(now) {
            return None;
        }
        let batch = self.waiting.pop_front()?;
        self.busy += 1;
        let noise = noise::log_normal(&mut self.rng, self.case.cv);
        let mut seconds = self.mean_s(now, batch.records, batch.bytes);
        if self.case.internal {
            seconds += self.case.beta * f64::from(self.records_inside) * self.slowness(now);
        }
        self.records_inside += batch.records;
        let takes = Duration::from_secs_f64((seconds * noise).clamp(1e-6, 1e4));
        let servers = self.servers(now).max(1) as usize;
        if let Some(server) = self.free_at.iter_mut().take(servers).min() {
            *server = now + takes;
        }
        Some(Begun { number: batch.number, takes, records: batch.records, life: self.life })
    }

    /// One is done. False when a crash came before.
    pub fn finish(&mut self, begun: Begun) -> bool {
        if begun.life != self.life {
            return false;
        }
        self.busy = self.busy.saturating_sub(1);
        self.records_inside = self.records_inside.saturating_sub(begun.records);
        true
    }

    /// It crashed: nothing that was inside will be done.
    pub fn crash(&mut self) {
        (self.busy, self.records_inside) = (0, 0);
        self.life += 1;
        self.waiting.clear();
    }

    /// Mean seconds of a batch begun at this moment.
    pub fn mean_s(&self, now: Instant, records: u32, bytes: u64) -> f64 {
        batch_s(self.case, now.0 as f64 * 1e-9, records, bytes) * self.slowness(now)
    }

    /// Whether a record, sent alone at this moment to the server that is free first, would have been done by `by`.
    pub fn could_have(&mut self, now: Instant, by: Instant, bytes: u64) -> bool {
        let free = self.free_at.iter().take(self.servers(now).max(1) as usize).min().copied().unwrap_or(now).max(now);
        let seconds = self.mean_s(free, 1, bytes) * noise::log_normal(&mut self.other, self.case.cv);
        free + Duration::from_secs_f64(seconds) <= by
    }
}

/// What the latest step so far says of something, if any does.
pub fn step<T>(case: &WorkerCase, at: f64, of: impl Fn(&Step) -> Option<T>) -> Option<T> {
    case.steps.iter().rev().filter(|step| step.at <= at).find_map(of)
}

/// What a batch costs whatever is in it, seconds at the speed of the start.
pub fn alpha(case: &WorkerCase, at: f64) -> f64 {
    step(case, at, |step| step.alpha).unwrap_or(case.alpha)
}

/// Mean seconds of a batch begun `at` seconds into a run, at the speed of the start.
pub fn batch_s(case: &WorkerCase, at: f64, records: u32, bytes: u64) -> f64 {
    let padded = case.padding.iter().copied().find(|size| *size >= records).unwrap_or(records);
    alpha(case, at) + case.beta * f64::from(padded) + case.gamma * bytes as f64 / 1024.0
}

/// How many times slower than at the start, `at` seconds into a run of so many.
pub fn slowness(case: &WorkerCase, seconds: f64, at: f64) -> f64 {
    let drift = 1.0 + (case.drift - 1.0) * (at / seconds).clamp(0.0, 1.0);
    step(case, at, |step| step.slow).unwrap_or(1.0) * drift * swing(case, at)
}

/// A triangle instead of a sine: the same swing, and no platform's mathematics.
fn swing(case: &WorkerCase, at: f64) -> f64 {
    if case.swing == 0.0 {
        return 1.0;
    }
    let phase = (at / case.swing_period.max(1e-9)).fract();
    let triangle = if phase < 0.5 { 4.0 * phase - 1.0 } else { 3.0 - 4.0 * phase };
    exp(case.swing * triangle)
}

pub fn servers(case: &WorkerCase, at: f64) -> u32 {
    step(case, at, |step| step.servers).unwrap_or(case.servers)
}

/// Records a second at best, with batches of up to `batch_max` at the speed of a moment.
pub fn capacity(case: &WorkerCase, seconds: f64, at: f64, batch_max: u32, bytes: f64) -> f64 {
    let rate = |b: u32| f64::from(b) / batch_s(case, at, b, (bytes * f64::from(b)) as u64);
    let fits = |b: &u32| *b == 1 || case.bytes_max.is_none_or(|max| bytes * f64::from(*b) <= max as f64);
    let best = (1..=batch_max.max(1)).filter(fits).map(rate).fold(0.0, f64::max);
    let at_once = case.refuses_above.map_or(u32::MAX, |most| most).min(servers(case, at));
    // One engine: several batches inside share what there is.
    let engines = if case.internal { 1.0 / (case.beta * best).max(1e-9) } else { f64::from(at_once) };
    best * engines.max(1.0).min(f64::from(at_once).max(1.0)) / slowness(case, seconds, at)
}
