//! A worker with servers and one queue in front of them, as a law sees it from outside.

use std::{collections::VecDeque, time::Duration};

use crate::{
    sim::{control::noise, rng::Rng},
    time::Instant,
};

/// What the worker is like from some moment on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Regime {
    /// From when, seconds since the start.
    pub from_s: f64,
    /// Batches it works on at once.
    pub servers: u32,
    /// Mean time of one batch, seconds.
    pub service_s: f64,
    pub cv: f64,
    /// Answers 429 at once beyond this many in all.
    pub refuses_above: Option<u32>,
}

impl Regime {
    /// From the start on, refusing nothing.
    pub const fn new(servers: u32, service_s: f64, cv: f64) -> Self {
        Self { from_s: 0.0, servers, service_s, cv, refuses_above: None }
    }

    pub const fn from(self, from_s: f64) -> Self {
        Self { from_s, ..self }
    }
}

/// A batch inside the worker; `number` is the sender's own.
#[derive(Debug)]
pub struct Started {
    pub number: u64,
    pub takes: Duration,
}

/// The worker.
#[derive(Debug)]
pub struct Worker {
    regimes: Vec<Regime>,
    rng: Rng,
    busy: u32,
    waiting: VecDeque<u64>,
}

impl Worker {
    pub fn new(regimes: Vec<Regime>, seed: u64) -> Self {
        Self { regimes, rng: Rng::stream(seed, 1), busy: 0, waiting: VecDeque::new() }
    }

    /// How it is now. Of no regime at all: one that never works.
    pub fn regime(&self, now: Instant) -> Regime {
        let seconds = now.0 as f64 * 1e-9;
        let current = self.regimes.iter().rev().find(|regime| regime.from_s <= seconds);
        current.or(self.regimes.first()).copied().unwrap_or(Regime::new(0, 1.0, 0.0))
    }

    /// Takes a batch, or refuses it (429).
    pub fn send(&mut self, now: Instant, number: u64) -> bool {
        let inside = u64::from(self.busy) + self.waiting.len() as u64;
        if self.regime(now).refuses_above.is_some_and(|most| inside >= u64::from(most)) {
            return false;
        }
        self.waiting.push_back(number);
        true
    }

    /// Starts what can be started.
    pub fn start(&mut self, now: Instant) -> Option<Started> {
        let regime = self.regime(now);
        if self.busy >= regime.servers {
            return None;
        }
        let number = self.waiting.pop_front()?;
        self.busy += 1;
        let seconds = regime.service_s * noise::log_normal(&mut self.rng, regime.cv);
        Some(Started { number, takes: Duration::from_secs_f64(seconds.clamp(1e-6, 1e4)) })
    }

    /// One is done.
    pub fn finish(&mut self) {
        self.busy = self.busy.saturating_sub(1);
    }
}
