//! A law against a worker under permanent lag: as many batches as the law allows are always in flight.

use std::time::Duration;

use crate::{
    control::{
        limit::{Condition, Law},
        sample::{BatchSample, Outcome},
    },
    sim::{
        control::worker::{Regime, Worker},
        scheduler::Schedule,
    },
    time::Instant,
};

/// What is tried.
#[derive(Debug, Clone)]
pub struct Trial {
    pub regimes: Vec<Regime>,
    pub seconds: u32,
    /// Left out of the means.
    pub warm_up_s: u32,
    /// Answers later than this count as timed out.
    pub timeout_s: Option<f64>,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Per second: answers, the sum of their response times, and what the worker could have answered.
    pub seconds: Vec<Second>,
    /// Limits, one a tenth of a second, in order of time.
    pub limits: Vec<u32>,
    pub refused: u64,
    warm_up_s: usize,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Second {
    pub answers: f64,
    pub response_s: f64,
    pub possible: f64,
    pub service_s: f64,
}

enum Due {
    Finished { number: u64 },
    Refused { number: u64 },
    Tick,
}

/// A refusal takes this long to arrive.
const REFUSAL: Duration = Duration::from_millis(2);
/// A client told to go away stays away this long.
const BACK_OFF: Duration = Duration::from_millis(50);
const TICK: Duration = Duration::from_millis(100);

struct World<'a> {
    law: &'a mut dyn Law,
    worker: Worker,
    due: Schedule<Due>,
    /// Sent at, and in flight right after, by number.
    sent: Vec<(Instant, u32)>,
    in_flight: u32,
    held_until: Instant,
    timeout: Option<Duration>,
    seen: Seen,
}

/// Runs a law. The same seed gives the same run.
pub fn run(law: &mut dyn Law, trial: &Trial, seed: u64) -> Seen {
    let mut world = World {
        law,
        worker: Worker::new(trial.regimes.clone(), seed),
        due: Schedule::default(),
        sent: Vec::new(),
        in_flight: 0,
        held_until: Instant::ZERO,
        timeout: trial.timeout_s.map(Duration::from_secs_f64),
        seen: Seen { warm_up_s: trial.warm_up_s as usize, ..Seen::default() },
    };
    let end = Instant::from_millis(u64::from(trial.seconds) * 1000);
    world.seen.seconds = (0..trial.seconds)
        .map(|s| {
            let regime = world.worker.regime(Instant::from_millis(u64::from(s) * 1000 + 500));
            let most = regime.refuses_above.map_or(regime.servers, |most| most.min(regime.servers));
            let possible = f64::from(most) / regime.service_s;
            Second { possible, service_s: regime.service_s, ..Second::default() }
        })
        .collect();
    world.due.at(Instant::ZERO, Due::Tick);
    while let Some((now, due)) = world.due.pop() {
        if now >= end {
            break;
        }
        world.happen(now, due);
    }
    world.seen
}

impl World<'_> {
    fn happen(&mut self, now: Instant, due: Due) {
        match due {
            Due::Finished { number } => {
                self.worker.finish();
                let sample = self.settle(now, number, Outcome::Answered);
                if let Some(second) = self.seen.seconds.get_mut((now.0 / 1_000_000_000) as usize) {
                    second.answers += 1.0;
                    second.response_s += sample.response_time().as_secs_f64();
                }
            }
            Due::Refused { number } => {
                self.settle(now, number, Outcome::Busy);
                self.held_until = now + BACK_OFF;
                self.seen.refused += 1;
            }
            Due::Tick => {
                self.seen.limits.push(self.law.limit());
                self.due.at(now + TICK, Due::Tick);
            }
        }
        self.law.tick(now, self.in_flight, Condition::Open);
        self.send(now);
        // In flight may have reached the level just now: the law hears of it at once, as from the engine.
        self.law.tick(now, self.in_flight, Condition::Open);
    }

    fn settle(&mut self, now: Instant, number: u64, outcome: Outcome) -> BatchSample {
        self.in_flight = self.in_flight.saturating_sub(1);
        let (sent_at, in_flight) = self.sent.get(number as usize).copied().unwrap_or_default();
        let late = self.timeout.is_some_and(|timeout| now.since(sent_at) > timeout);
        let outcome = if late { Outcome::TimedOut } else { outcome };
        let sample =
            BatchSample { sent_at, settled_at: now, records: 1, bytes: 1000, in_flight, worked: None, outcome };
        self.law.observe(&sample, 1.0);
        sample
    }

    fn send(&mut self, now: Instant) {
        while self.in_flight < self.law.limit() && now >= self.held_until {
            let number = self.sent.len() as u64;
            self.in_flight += 1;
            self.sent.push((now, self.in_flight));
            if !self.worker.send(now, number) {
                self.due.at(now + REFUSAL, Due::Refused { number });
            }
        }
        while let Some(started) = self.worker.start(now) {
            self.due.at(now + started.takes, Due::Finished { number: started.number });
        }
    }
}

impl Seen {
    fn judged(&self) -> &[Second] {
        self.seconds.get(self.warm_up_s..).unwrap_or(&[])
    }

    /// Answers as a share of what the worker could have given.
    pub fn throughput(&self) -> f64 {
        let sum = |f: fn(&Second) -> f64| self.judged().iter().map(f).sum::<f64>();
        sum(|second| second.answers) / sum(|second| second.possible)
    }

    /// Mean response time in service times.
    pub fn response(&self) -> f64 {
        let answers: f64 = self.judged().iter().map(|second| second.answers).sum();
        let in_services = self.judged().iter().map(|second| second.response_s / second.service_s);
        in_services.sum::<f64>() / answers.max(1.0)
    }

    pub fn median_limit(&self) -> u32 {
        let mut limits = self.limits.get(self.warm_up_s * 10..).unwrap_or(&[]).to_vec();
        limits.sort_unstable();
        limits.get(limits.len() / 2).copied().unwrap_or_default()
    }

    pub fn highest_limit(&self) -> u32 {
        self.limits.iter().copied().max().unwrap_or_default()
    }

    /// Seconds from `from_s` until the band (response ≤ 1.5 services, throughput ≥ 85 %) is entered and held in 8 of
    /// the 10 seconds that follow. `None`: never.
    pub fn settling(&self, from_s: usize) -> Option<usize> {
        let good: Vec<bool> = self.seconds.iter().map(Second::is_good).collect();
        (from_s..good.len().saturating_sub(9))
            .find(|&s| good[s] && good[s..s + 10].iter().filter(|good| **good).count() >= 8)
            .map(|s| s - from_s)
    }
}

impl Second {
    fn is_good(&self) -> bool {
        self.answers >= 0.85 * self.possible && self.response_s <= 1.5 * self.service_s * self.answers
    }
}
