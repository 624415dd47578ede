//! What control is told, and what it makes of it: from samples to knobs.

use std::time::Duration;

use crate::{
    control::{
        Control,
        estimator::{BatchTime, Estimators},
        knobs::{KnobName, Reason},
        limit::{Condition, Elasticity},
        linger,
        route::Route,
        sample::BatchSample,
        settings::Adaptive,
        watermarks::Uses,
    },
    time::Instant,
};

/// Watermarks and linger are looked at this often.
const SLOWLY: Duration = Duration::from_secs(1);
/// What is left of a learnt limit after a restart.
const DISCOUNT: f64 = 0.7;
/// Percent that pause and resume are apart at least.
const APART_PCT: f64 = 0.5;

impl Control {
    /// A record has arrived; `slack` is what is left to its deadline.
    pub fn arrived(&mut self, now: Instant, lane: usize, slack: Option<Duration>) {
        if let Some(route) = self.known_mut(lane) {
            route.arrived(now, slack);
        }
    }

    /// The gate had been shut, and the first record came so long after it opened.
    pub fn refilled(&mut self, lane: usize, after: Duration) {
        if let Some(route) = self.known_mut(lane) {
            route.refilled(after);
        }
    }

    fn known_mut(&mut self, lane: usize) -> Option<&mut Estimators> {
        if self.is_off() { None } else { self.routes.get_mut(lane).map(|route| &mut route.known) }
    }

    /// A record missed its deadline before it was sent, or was given up because it would.
    pub fn lost(&mut self, lane: usize) {
        if !self.is_off()
            && let Some(route) = self.routes.get_mut(lane)
        {
            route.settled(1, 1);
        }
    }

    /// The gate has turned hard.
    pub fn hardened(&mut self, now: Instant) {
        if !self.is_off() {
            self.watermarks.hardened(now);
            self.follow_patience(now);
        }
    }

    /// A batch has settled; `late` of its records had missed their deadlines.
    pub fn settled(&mut self, lane: usize, sample: &BatchSample, late: u32) {
        if self.is_off() {
            return;
        }
        let cost = self.cost(lane, sample);
        let Some(route) = self.routes.get_mut(lane) else { return };
        self.policies.law.observe(sample, cost);
        self.policies.batch.observe(sample, late);
        route.known.observe(sample);
        if sample.service_seconds().is_some() {
            route.settled(sample.records, late);
        }
        if let Some(wish) = self.cap.observe(sample, &self.dials.values(), &route.known) {
            self.dials.propose(sample.settled_at, KnobName::BatchSize, wish.records.into(), wish.reason);
        }
    }

    /// What a batch costs, in batches of reference, with the worker as it is now. Only its size and its route count: were
    /// it what batches took lately, a worker that begins to queue would make every batch look like a large one. And the
    /// reference stays: levels measured with different ones could not be compared.
    fn cost(&mut self, lane: usize, sample: &BatchSample) -> f64 {
        if sample.service_seconds().is_some() {
            for (index, route) in self.routes.iter_mut().enumerate() {
                route.batch((index == lane).then_some((sample.records, sample.bytes)));
            }
            self.follow_reference();
        }
        let seconds = |route: &Route| route.known.batch_time.seconds(sample.records, sample.bytes);
        let foretold_s = self.routes.get(lane).map_or(0.0, seconds);
        let reference_s = mean_of(self.routes.iter().map(Route::reference_s));
        if reference_s > 0.0 && foretold_s > 0.0 { foretold_s / reference_s } else { 1.0 }
    }

    /// Another reference, when batches have become quite different; what was measured is put in relation to it.
    fn follow_reference(&mut self) {
        if !self.routes.iter().any(Route::has_left_reference) {
            return;
        }
        let before_s = mean_of(self.routes.iter().map(Route::reference_s));
        self.routes.iter_mut().for_each(Route::refer_to_usual);
        let after_s = mean_of(self.routes.iter().map(Route::reference_s));
        if before_s > 0.0 && after_s > 0.0 {
            self.policies.law.rescale(after_s / before_s);
        }
    }

    /// Seconds that a usual batch should take, over all routes.
    pub(super) fn usual_s(&self) -> f64 {
        mean_of(self.routes.iter().map(Route::usual_s))
    }

    /// The worker said something of itself: how many batches it works on at once, whether others can wait in it, and
    /// which model it has. True when that makes everything learnt worthless: another model.
    pub fn told(&mut self, now: Instant, capacity: Option<u32>, has_queue: bool, model: Option<u64>) -> bool {
        if self.is_off() {
            return false;
        }
        self.has_queue |= has_queue;
        if let Some(capacity) = capacity {
            // Where one more can wait it hides the way there and back. Whether it can is asked, not how long it waits:
            // that would follow from what is decided here, and so never come to rest.
            let level = capacity.saturating_add(u32::from(self.has_queue));
            if self.takes.replace(level) != Some(level) {
                self.policies.law.told(now, level);
            }
            self.capacity = Some(capacity);
        }
        let is_other = model.is_some_and(|model| self.model.replace(model).is_some_and(|before| before != model));
        if is_other {
            self.forget(now);
        }
        is_other
    }

    /// Starts afresh: with what is known, with the concurrency limit, and with a small batch, because the new model may be
    /// heavy.
    fn forget(&mut self, now: Instant) {
        self.remembered.clear();
        self.cap.forget();
        for route in &mut self.routes {
            route.known.batch_time = BatchTime::default();
        }
        self.start_law(self.settings.concurrency.start);
        if let Some(level) = self.takes {
            self.policies.law.told(now, level);
        }
        self.dials.propose(now, KnobName::Concurrency, self.policies.law.limit().into(), Reason::Forgotten);
        let start = self.settings.batch_records.start;
        self.dials.propose(now, KnobName::BatchSize, start.into(), Reason::Forgotten);
    }

    fn start_law(&mut self, level: u32) {
        let range = self.settings.concurrency;
        self.policies.law = Box::new(Elasticity::new(range.min, range.max, level));
    }

    /// Begins near where an earlier run stood.
    pub(super) fn resume_at(&mut self, now: Instant, concurrency: u32, batch_records: u32) {
        let less = |value: u32| (f64::from(value) * DISCOUNT).ceil();
        if concurrency > 0 {
            let range = self.settings.concurrency;
            let level = (less(concurrency) as u32).clamp(range.min, range.max.max(range.min));
            self.start_law(level);
            self.dials.propose(now, KnobName::Concurrency, level.into(), Reason::Recalled);
        }
        if batch_records > 0 {
            self.dials.propose(now, KnobName::BatchSize, less(batch_records), Reason::Recalled);
        }
    }

    /// Called after every event and every send, and a few times a second while something is in flight.
    pub fn tick(&mut self, now: Instant, in_flight: u32, condition: Condition) {
        if self.is_off() {
            return;
        }
        let condition = match condition {
            Condition::Open => {
                self.open_at = Some(now);
                condition
            }
            // A queue that is empty for a moment says nothing yet.
            Condition::Idle if self.open_at.is_some_and(|at| now.since(at) <= self.grace()) => Condition::Open,
            _ => condition,
        };
        // One loop at a time: while batches change their size, their times say nothing about concurrency.
        let is_moving = condition == Condition::Open && self.cap.is_moving(in_flight);
        let condition = if is_moving { Condition::Disturbed } else { condition };
        let reason = self.policies.law.tick(now, in_flight, condition);
        let limit = self.policies.law.limit();
        if limit != self.dials.values().concurrency {
            self.dials.propose(now, KnobName::Concurrency, limit.into(), reason.unwrap_or(Reason::Probe));
        }
        if now >= self.next_slow {
            self.next_slow = now + SLOWLY;
            self.follow_linger(now);
            self.follow_watermarks(now);
            self.follow_patience(now);
        }
    }

    /// How long a queue may be empty before that means anything.
    fn grace(&self) -> Duration {
        Duration::from_secs_f64((0.5 * self.usual_s()).clamp(0.0, 60.0))
    }

    /// When to be ticked again if nothing happens.
    pub fn next_tick(&self, now: Instant, in_flight: u32) -> Option<Instant> {
        let is_needed = self.settings.adaptive != Adaptive::Off && in_flight > 0;
        is_needed.then(|| now + Duration::from_millis(100))
    }

    fn follow_linger(&mut self, now: Instant) {
        let batch_records = self.dials.values().batch_records;
        let wishes = self.routes.iter().filter_map(|route| linger::wish(&route.known, batch_records));
        let longest = wishes.max_by(|(a, _), (b, _)| a.total_cmp(b));
        let at_ms = self.dials.values().linger.as_secs_f64() * 1e3;
        if let Some((ms, reason)) = longest
            && ((ms - at_ms).abs() > 0.3 * at_ms || (ms == 0.0 && at_ms > 0.0))
        {
            self.dials.propose(now, KnobName::LingerMs, ms, reason);
        }
    }

    fn follow_watermarks(&mut self, now: Instant) {
        let Some(bound) = self.bound() else { return };
        let values = self.dials.values();
        let uses = Uses::of(self.routes.iter().map(|route| &route.known), values.batch_records);
        let Some((high, low)) = self.watermarks.wish(now, &uses, bound, &values) else { return };
        self.move_watermarks(now, high, low);
    }

    /// Never lets the two cross, whichever has to go first.
    fn move_watermarks(&mut self, now: Instant, high: f64, low: f64) {
        let clamped = |name, wish: f64| {
            let (min, max) = self.dials.bounds(name);
            wish.clamp(min, max)
        };
        let high = clamped(KnobName::PauseThresholdPct, high);
        let low = clamped(KnobName::ResumeThresholdPct, low).min(high - APART_PCT);
        for _ in 0..2 {
            let values = self.dials.values();
            self.dials.propose(now, KnobName::ResumeThresholdPct, low.min(values.pause_pct - APART_PCT), Reason::Need);
            let values = self.dials.values();
            self.dials.propose(now, KnobName::PauseThresholdPct, high.max(values.resume_pct + APART_PCT), Reason::Need);
        }
    }

    fn follow_patience(&mut self, now: Instant) {
        let soft_for = self.watermarks.soft_for(now);
        if soft_for != self.dials.values().hard_after {
            self.dials.propose(now, KnobName::PauseHardAfterMs, soft_for.as_secs_f64() * 1e3, Reason::Flapping);
        }
    }

    /// Records at which the queue is full, by records or by bytes.
    fn bound(&self) -> Option<u32> {
        let bytes = self.routes.iter().map(|route| route.known.batch_time.bytes_per_record()).fold(0.0, f64::max);
        let by_bytes = (bytes > 0.0).then(|| (self.ceilings.queue_bytes as f64 / bytes) as u32);
        self.ceilings.queue_records.into_iter().chain(by_bytes).min()
    }
}

/// The mean of values with weights; zero of none.
fn mean_of(values: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (sum, weights) = values.fold((0.0, 0.0), |(sum, all), (value, weight)| (sum + weight * value, all + weight));
    if weights > 0.0 { sum / weights } else { 0.0 }
}
