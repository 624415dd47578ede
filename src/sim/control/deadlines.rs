//! A batch rule against a serial worker: records arrive by chance, each with a deadline, and one batch is worked on
//! at a time.
//!
//! The queue is in order of arrival, and with equal lives that is the order of deadlines. Nothing bounds it here: what
//! a bounded queue costs is another question.

use std::{collections::VecDeque, time::Duration};

use crate::{
    control::{
        batch_policy::Waiting,
        sample::{BatchSample, Outcome},
    },
    sim::{control::noise, rng::Rng},
    time::Instant,
};

/// What a rule wants to send: `take` records with more than `at_least_s` left, from the old or the new end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    pub take: u32,
    pub at_least_s: f64,
    pub newest_first: bool,
    /// Records with no more than this left are given up.
    pub give_up_s: f64,
}

/// A rule that fills batches.
pub trait BatchRule {
    /// The worker is idle and something waits, oldest first.
    fn choose(&mut self, now: Instant, waiting: &[Waiting]) -> Choice;

    /// A batch has settled; `late` of its records missed their deadlines.
    fn settled(&mut self, sample: &BatchSample, late: u32);

    /// A record has arrived.
    fn arrived(&mut self, _now: Instant, _life: Duration) {}

    /// Records were lost to their deadlines, or given up, before they were sent.
    fn lost(&mut self, _records: u32) {}
}

/// The worker's speed over time: what a batch time is multiplied with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Slowness {
    Steady,
    /// This factor during the middle third.
    Step(f64),
    /// Evenly from one to this factor.
    Drift(f64),
}

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// Arrivals, in multiples of what full batches can serve.
    pub load: f64,
    /// Life of a record, seconds.
    pub life_s: f64,
    pub cv: f64,
    pub slowness: Slowness,
    pub seconds: f64,
}

/// Fixed and marginal seconds of a batch, and the largest batch.
pub const ALPHA_S: f64 = 0.020;
pub const BETA_S: f64 = 0.005;
pub const BATCH_MAX: u32 = 16;

impl Trial {
    /// Mean seconds of a batch begun at this moment.
    pub fn batch_s(&self, at_s: f64, records: u32) -> f64 {
        self.slowness(at_s) * (ALPHA_S + BETA_S * f64::from(records))
    }

    /// Whether a batch begun later never ends earlier.
    pub const fn is_never_faster(&self) -> bool {
        !matches!(self.slowness, Slowness::Step(_))
    }

    fn slowness(&self, at_s: f64) -> f64 {
        let part = at_s / self.seconds;
        match self.slowness {
            Slowness::Steady => 1.0,
            Slowness::Step(factor) if (1.0 / 3.0..2.0 / 3.0).contains(&part) => factor,
            Slowness::Step(_) => 1.0,
            Slowness::Drift(factor) => 1.0 + (factor - 1.0) * part.clamp(0.0, 1.0),
        }
    }

    /// Arrival times of one seed, seconds.
    pub fn arrivals(&self, seed: u64) -> Vec<f64> {
        let mut rng = Rng::stream(seed, 2);
        let rate = self.load * f64::from(BATCH_MAX) / (ALPHA_S + BETA_S * f64::from(BATCH_MAX));
        let mut at = 0.0;
        std::iter::from_fn(|| {
            at += noise::exponential(&mut rng) / rate;
            (at < self.seconds).then_some(at)
        })
        .collect()
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    pub offered: u32,
    pub in_time: u32,
    pub late: u32,
    pub expired: u32,
    pub given_up: u32,
    pub busy_s: f64,
    /// The share of the busy time that late records took.
    pub wasted_s: f64,
}

struct Queued {
    deadline_s: f64,
}

struct World<'a> {
    rule: &'a mut dyn BatchRule,
    trial: &'a Trial,
    rng: Rng,
    now_s: f64,
    queue: VecDeque<Queued>,
    view: Vec<Waiting>,
    tally: Tally,
}

/// Runs a rule. The same seed gives the same run.
pub fn run(rule: &mut dyn BatchRule, trial: &Trial, seed: u64) -> Tally {
    let arrivals = trial.arrivals(seed);
    let rng = Rng::stream(seed, 3);
    let mut world = World {
        rule,
        trial,
        rng,
        now_s: 0.0,
        queue: VecDeque::new(),
        view: Vec::new(),
        tally: Tally { offered: arrivals.len() as u32, ..Tally::default() },
    };
    let mut next = 0;
    loop {
        while let Some(&at) = arrivals.get(next).filter(|at| **at <= world.now_s) {
            world.queue.push_back(Queued { deadline_s: at + trial.life_s });
            world.rule.arrived(instant(at), Duration::from_secs_f64(trial.life_s));
            next += 1;
        }
        world.expire(0.0);
        if !world.queue.is_empty() && world.send() {
            continue;
        }
        // Idle, or nothing that is worth sending: until the next one comes.
        let Some(&at) = arrivals.get(next) else { break };
        world.now_s = world.now_s.max(at);
    }
    world.tally.expired += world.queue.len() as u32;
    world.tally
}

impl World<'_> {
    /// Drops what has no more than this left.
    fn expire(&mut self, left_s: f64) -> u32 {
        let before = self.queue.len();
        let by = self.now_s + left_s;
        self.queue.retain(|record| record.deadline_s > by);
        let gone = (before - self.queue.len()) as u32;
        if left_s > 0.0 {
            self.tally.given_up += gone;
        } else {
            self.tally.expired += gone;
        }
        if gone > 0 {
            self.rule.lost(gone);
        }
        gone
    }

    fn send(&mut self) -> bool {
        self.view.clear();
        let now_s = self.now_s;
        self.view.extend(self.queue.iter().map(|record| Waiting { left_s: record.deadline_s - now_s, bytes: 1000 }));
        let choice = self.rule.choose(instant(now_s), &self.view);
        if choice.give_up_s > 0.0 {
            self.expire(choice.give_up_s);
        }
        let batch = self.take(&choice);
        if batch.is_empty() {
            return false;
        }
        let records = batch.len() as u32;
        let takes = self.trial.batch_s(now_s, records) * noise::log_normal(&mut self.rng, self.trial.cv);
        self.now_s += takes;
        let late = batch.iter().filter(|record| record.deadline_s < self.now_s).count() as u32;
        self.tally.late += late;
        self.tally.in_time += records - late;
        self.tally.busy_s += takes;
        self.tally.wasted_s += takes * f64::from(late) / f64::from(records);
        let sample = BatchSample {
            sent_at: instant(now_s),
            settled_at: instant(self.now_s),
            records,
            bytes: u64::from(records) * 1000,
            in_flight: 1,
            worked: None,
            outcome: Outcome::Answered,
        };
        self.rule.settled(&sample, late);
        true
    }

    fn take(&mut self, choice: &Choice) -> Vec<Queued> {
        let is_in = |record: &Queued| record.deadline_s - self.now_s > choice.at_least_s;
        let found: Vec<usize> = if choice.newest_first {
            (0..self.queue.len()).rev().filter(|&i| is_in(&self.queue[i])).take(choice.take as usize).collect()
        } else {
            let mut first: Vec<usize> =
                (0..self.queue.len()).filter(|&i| is_in(&self.queue[i])).take(choice.take as usize).collect();
            first.reverse();
            first
        };
        // From the back, so that the places in front stay valid.
        found.into_iter().filter_map(|i| self.queue.remove(i)).collect()
    }
}

fn instant(seconds: f64) -> Instant {
    Instant((seconds * 1e9) as u64)
}
