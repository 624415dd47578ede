//! PURE. Control: thresholds that tune themselves from measured worker latency.
//!
//! Plain structs that are told what happened and say what they would do: no clock, no random number, no lock, no I/O,
//! no allocation in steady state. [`sample`] is what they are told, [`estimator`] what is made of it, [`limit`] how many
//! batches may be in flight, [`batch_cap`] how large one may get, [`batch_policy`] what goes into the next, [`linger`]
//! how long it may wait, [`proof`] what a timeout means, [`watermarks`] when to stop and to go on reading, [`shed`] what is given up, [`route`] from
//! which end the queue is taken. [`dials`] keeps every decision within its bounds and on record, and [`learned`] is what
//! outlives a restart. [`Control`] holds them together. docs/CONTROL.md has the formulas and the figures.

pub mod batch_cap;
pub mod batch_policy;
pub mod dials;
pub mod estimator;
pub mod knobs;
pub mod learned;
pub mod limit;
pub mod linger;
pub mod maths;
pub mod proof;
pub mod route;
pub mod sample;
pub mod settings;
pub mod shed;
mod steering;
pub mod watermarks;

use std::time::Duration;

use crate::{
    control::{
        batch_cap::BatchCap,
        batch_policy::{BatchPolicy, BestRate, Bounds, Plan, Waiting},
        dials::{Dials, Values},
        knobs::KnobName,
        learned::{Learned, LearnedRoute, Unfit},
        limit::{Elasticity, Law},
        route::{Order, Route},
        settings::{Adaptive, ControlSettings},
        shed::Shed,
        watermarks::Watermarks,
    },
    time::Instant,
};

/// How many times what most batches stay within is waited for.
const PATIENCE: f64 = 2.0;

/// The two laws that can be exchanged: the product's, or one to be compared with.
#[derive(Debug)]
pub struct Policies {
    pub law: Box<dyn Law>,
    pub batch: Box<dyn BatchPolicy>,
}

impl Policies {
    /// The product's own.
    pub fn new(settings: &ControlSettings) -> Self {
        let range = settings.concurrency;
        Self { law: Box::new(Elasticity::new(range.min, range.max, range.start)), batch: Box::new(BestRate) }
    }
}

/// What bounds everything, whatever control wishes.
#[derive(Debug, Clone, Copy)]
pub struct Ceilings {
    /// Records and bytes in the queue.
    pub queue_records: Option<u32>,
    pub queue_bytes: u64,
    /// Of one call.
    pub timeout: Duration,
    /// `PAUSE_HARD_AFTER_MS`
    pub hard_after: Duration,
}

/// Everything that decides about thresholds.
#[derive(Debug)]
pub struct Control {
    settings: ControlSettings,
    ceilings: Ceilings,
    policies: Policies,
    /// By lane. Bound: the number of topics.
    routes: Vec<Route>,
    dials: Dials,
    cap: BatchCap,
    watermarks: Watermarks,
    shed: Shed,
    /// What the worker said last.
    capacity: Option<u32>,
    /// Whether it ever told of a queue of its own.
    has_queue: bool,
    /// The limit that follows from both.
    takes: Option<u32>,
    model: Option<u64>,
    /// Learnt in an earlier run, of topics that have not been seen yet. Bound: [`learned::ROUTES_MAX`].
    remembered: Vec<LearnedRoute>,
    next_slow: Instant,
    /// When records last waited for a place.
    open_at: Option<Instant>,
}

impl Control {
    pub fn new(settings: &ControlSettings, policies: Policies, ceilings: Ceilings) -> Self {
        let dials = Dials::new(settings, ceilings.hard_after);
        let batch_max = dials.bounds(KnobName::BatchSize).1 as u32;
        Self {
            shed: Shed::new(settings.ttl_mode),
            settings: settings.clone(),
            ceilings,
            policies,
            routes: Vec::new(),
            cap: BatchCap::new(batch_max, ceilings.timeout, settings.is_predictive()),
            watermarks: Watermarks::new(dials.bounds(KnobName::PauseThresholdPct), ceilings.hard_after),
            dials,
            capacity: None,
            has_queue: false,
            takes: None,
            model: None,
            remembered: Vec::new(),
            next_slow: Instant::ZERO,
            open_at: None,
        }
    }

    /// Whether anything is computed at all.
    pub fn is_off(&self) -> bool {
        self.settings.adaptive == Adaptive::Off
    }

    /// Whether what is decided is also done.
    pub fn is_on(&self) -> bool {
        self.settings.adaptive == Adaptive::On
    }

    pub const fn settings(&self) -> &ControlSettings {
        &self.settings
    }

    /// Where the knobs stand.
    pub fn values(&self) -> Values {
        self.dials.values()
    }

    pub const fn dials(&self) -> &Dials {
        &self.dials
    }

    pub fn dials_mut(&mut self) -> &mut Dials {
        &mut self.dials
    }

    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    pub const fn shed(&self) -> &Shed {
        &self.shed
    }

    pub fn shed_mut(&mut self) -> &mut Shed {
        &mut self.shed
    }

    pub const fn capacity(&self) -> Option<u32> {
        self.capacity
    }

    /// Makes room for the lane of a topic, with what an earlier run has learnt of it. Lanes come in order.
    pub fn add_route(&mut self, lane: usize, topic: &str) {
        if lane < self.routes.len() {
            return;
        }
        let mut route = Route::new(&self.settings, topic);
        if let Some(index) = self.remembered.iter().position(|learned| learned.topic == topic) {
            route.known.recall(&self.remembered.swap_remove(index));
        }
        self.routes.push(route);
    }

    /// Whether records may be passed over or given up before their deadline.
    pub fn is_predictive(&self) -> bool {
        self.settings.is_predictive()
    }

    /// In which order the lane's next batch is filled.
    pub fn next_order(&mut self, lane: usize) -> Order {
        if !self.is_on() {
            return Order::Arrival;
        }
        self.routes.get_mut(lane).map_or(Order::Arrival, Route::next_order)
    }

    /// What goes into the lane's next batch.
    pub fn plan(&mut self, lane: usize, waiting: &[Waiting], bounds: &Bounds) -> Plan {
        match self.routes.get(lane) {
            Some(route) => self.policies.batch.plan(waiting, &route.known, bounds),
            None => Plan { take: bounds.records_max, at_least_s: f64::NEG_INFINITY, hopeless_s: 0.0, expected_s: 0.0 },
        }
    }

    /// Seconds that most batches of this size stay within.
    pub fn needs(&self, lane: usize, records: u32) -> f64 {
        self.routes.get(lane).map_or(0.0, |route| route.known.pessimistic_of(records))
    }

    /// What to wait for an answer at least, so that it can be learnt from: for ever before anything is known, and nothing
    /// where nothing is applied.
    pub fn usually_within(&self, lane: usize, records: u32) -> Duration {
        let Some(route) = self.routes.get(lane).filter(|_| self.is_on()) else { return Duration::ZERO };
        if !route.known.batch_time.is_warm() {
            return Duration::MAX;
        }
        Duration::try_from_secs_f64(PATIENCE * route.known.pessimistic_of(records)).unwrap_or(Duration::MAX)
    }

    /// When to ask a worker again that could not take a batch: after most of what a batch takes, so that its place is
    /// not empty for long.
    pub fn check_back(&self) -> Option<Duration> {
        let usual_s = if self.is_on() { self.usual_s() } else { 0.0 };
        (usual_s > 0.0).then(|| Duration::from_secs_f64((0.8 * usual_s).clamp(0.02, 5.0)))
    }

    /// What is worth keeping over a restart.
    pub fn learned(&self, wall_ms: i64) -> Learned {
        let values = self.dials.values();
        let known = self.routes.iter().filter(|route| route.known.batch_time.is_warm());
        let route = |route: &Route| LearnedRoute {
            topic: route.topic().to_owned(),
            batch_records: values.batch_records,
            ..route.known.learned()
        };
        Learned {
            version: learned::VERSION,
            saved_at_ms: wall_ms,
            model: self.model,
            concurrency: values.concurrency,
            // What was recalled and has not been needed yet is not lost.
            routes: known.map(route).chain(self.remembered.iter().cloned()).take(learned::ROUTES_MAX).collect(),
        }
    }

    /// Takes up what an earlier run has learnt, before anything else happens.
    ///
    /// # Errors
    /// Why it is of no use.
    pub fn recall(&mut self, now: Instant, wall_ms: i64, learned: &Learned) -> Result<(), Unfit> {
        if self.is_off() {
            return Err(Unfit::Off);
        }
        learned.fit(wall_ms)?;
        self.model = learned.model;
        self.remembered = learned.routes.iter().take(learned::ROUTES_MAX).cloned().collect();
        let batch = learned.routes.iter().map(|route| route.batch_records).max().unwrap_or(0);
        self.resume_at(now, learned.concurrency, batch);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
