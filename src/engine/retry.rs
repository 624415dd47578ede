//! Records that go to the worker again: the pool they wait in, the back-off, and the budget that stops storms.
//!
//! Waiting retries are outside the queue, so they never fill the gate. They have a bound of their own: fresh records
//! are held back while it is reached (see `dispatch`).

use std::{collections::BTreeMap, time::Duration};

use crate::{
    engine::{queue::LaneId, settings::RetrySettings},
    record::{PartitionId, Record},
    time::{Instant, UnixMillis},
};

/// What is held against a group of records that failed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspicion {
    /// Nothing: fresh, or the worker could not take it. May travel with others like it.
    None,
    /// Failed once as it is: goes once more, unchanged.
    Again,
    /// Failed again, or was refused: split until the guilty record is alone.
    Split,
    /// Failed alone, perhaps of what was out beside it: has its last try with nothing beside it.
    Apart,
}

/// Records of one topic that go together.
#[derive(Debug)]
pub struct Group {
    pub lane: LaneId,
    pub records: Vec<Record>,
    pub suspicion: Suspicion,
    /// Ordered modes: records that may go only after these have settled.
    pub behind: Vec<Record>,
    /// Whether sending it takes from the retry budget. Not when the worker never had a go at it.
    pub budgeted: bool,
}

/// Bound: see [`RetryPool::records`] and the dispatch rule that heeds it.
#[derive(Debug, Default)]
pub struct RetryPool {
    /// By due time, then in order of arrival.
    waiting: BTreeMap<(Instant, u64), Group>,
    /// Those that go with nothing beside them.
    apart: BTreeMap<(Instant, u64), Group>,
    /// None of them before this: others have as much time as the last of them took, and a worker that has just died of
    /// something gets out of the way first.
    apart_from: Instant,
    arrivals: u64,
    records: u32,
    bytes: u64,
}

impl RetryPool {
    pub fn push(&mut self, due: Instant, group: Group) {
        for record in group.records.iter().chain(&group.behind) {
            self.records += 1;
            self.bytes += record.charge();
        }
        self.arrivals += 1;
        let pool = if group.suspicion == Suspicion::Apart { &mut self.apart } else { &mut self.waiting };
        pool.insert((due, self.arrivals), group);
    }

    /// Whether a group that goes with nothing beside it may go now.
    pub fn is_apart_due(&self, now: Instant, budget: &RetryBudget) -> bool {
        self.next_apart().is_some_and(|(due, budgeted)| due <= now && (!budgeted || budget.tokens() >= 1.0))
    }

    /// When the next group that goes with nothing beside it is due, and whether it takes from the budget.
    pub fn next_apart(&self) -> Option<(Instant, bool)> {
        self.apart.first_key_value().map(|(key, group)| (key.0.max(self.apart_from), group.budgeted))
    }

    /// The first of those.
    pub fn pop_apart(&mut self, now: Instant, budget: &mut RetryBudget) -> Option<Group> {
        if !self.is_apart_due(now, budget) {
            return None;
        }
        let (_, group) = self.apart.pop_first()?;
        if group.budgeted {
            budget.take();
        }
        self.uncount(&group);
        Some(group)
    }

    /// None that goes with nothing beside it before this.
    pub fn none_apart_before(&mut self, at: Instant) {
        self.apart_from = self.apart_from.max(at);
    }

    /// The first group that is due, if `budget` lets it go. Groups without suspicion that are due too and fit are
    /// merged into it.
    pub fn pop_due(
        &mut self,
        now: Instant,
        budget: &mut RetryBudget,
        records_max: usize,
        bytes_max: u64,
    ) -> Option<Group> {
        let (&key, first) = self.waiting.first_key_value()?;
        if key.0 > now || (first.budgeted && !budget.take()) {
            return None;
        }
        let mut group = self.remove(key)?;
        let mut bytes: u64 = group.records.iter().map(Record::charge).sum();
        while group.suspicion == Suspicion::None && group.behind.is_empty() {
            let Some((&key, next)) = self.waiting.first_key_value() else { break };
            let next_bytes: u64 = next.records.iter().map(Record::charge).sum();
            let fits = key.0 <= now
                && next.suspicion == Suspicion::None
                && next.behind.is_empty()
                && next.lane == group.lane
                && group.records.len() + next.records.len() <= records_max
                && bytes + next_bytes <= bytes_max;
            if !fits {
                break;
            }
            bytes += next_bytes;
            if let Some(next) = self.remove(key) {
                group.records.extend(next.records);
            }
        }
        Some(group)
    }

    fn remove(&mut self, key: (Instant, u64)) -> Option<Group> {
        let group = self.waiting.remove(&key)?;
        self.uncount(&group);
        Some(group)
    }

    fn uncount(&mut self, group: &Group) {
        for record in group.records.iter().chain(&group.behind) {
            self.records -= 1;
            self.bytes -= record.charge();
        }
    }

    /// When the next group of the others is due, and whether it takes from the budget.
    pub fn next_due(&self) -> Option<(Instant, bool)> {
        self.waiting.first_key_value().map(|(key, group)| (key.0, group.budgeted))
    }

    /// Records waiting here.
    pub fn records(&self) -> u32 {
        self.records
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Lets go of one partition's records.
    pub fn abandon(&mut self, partition: PartitionId, with: impl FnMut(Record)) {
        self.extract(|record| record.partition == partition, with);
    }

    /// Drops what is wanted.
    pub fn drop_all(&mut self, wanted: impl Fn(&Record) -> bool) {
        self.extract(wanted, drop);
    }

    /// Whether any record here is wanted.
    pub fn any(&self, wanted: impl Fn(&Record) -> bool) -> bool {
        self.waiting
            .values()
            .chain(self.apart.values())
            .any(|group| group.records.iter().chain(&group.behind).any(&wanted))
    }

    /// Takes out what is wanted.
    pub fn extract(&mut self, wanted: impl Fn(&Record) -> bool, mut with: impl FnMut(Record)) {
        let (records, bytes) = (&mut self.records, &mut self.bytes);
        let mut keeps = |group: &mut Group| {
            for list in [&mut group.records, &mut group.behind] {
                for record in list.extract_if(.., |record| wanted(record)) {
                    *records -= 1;
                    *bytes -= record.charge();
                    with(record);
                }
            }
            if group.records.is_empty() {
                std::mem::swap(&mut group.records, &mut group.behind);
            }
            !group.records.is_empty()
        };
        self.waiting.retain(|_, group| keeps(group));
        self.apart.retain(|_, group| keeps(group));
    }
}

/// Exponential back-off with full jitter: uniform between zero and `min · 2^(failures-1)`, at most `max`; and no later
/// than just past the deadline, when there is nothing left to wait for.
/// (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015.)
pub fn backoff(settings: &RetrySettings, failures: u16, jitter: u32) -> Duration {
    let doublings = u32::from(failures.saturating_sub(1)).min(31);
    let ceiling = settings.backoff_min.saturating_mul(1 << doublings).min(settings.backoff_max);
    ceiling.mul_f64(f64::from(jitter) / f64::from(u32::MAX))
}

/// How long after now a record may wait: until its deadline is just past.
pub fn cap_by_deadline(delay: Duration, wall: UnixMillis, deadline: Option<UnixMillis>) -> Duration {
    deadline.map_or(delay, |deadline| delay.min(wall.until(deadline) + Duration::from_millis(1)))
}

/// A token bucket over the whole process: every fresh batch earns a share of a retry, and there is a floor of ten a
/// second, so that a trickle of work can still be retried. (Finagle's retry budget has this form.)
#[derive(Debug)]
pub struct RetryBudget {
    tokens: f64,
    per_batch: f64,
    last: Instant,
}

const FLOOR_PER_SECOND: f64 = 10.0;
/// Most retries that can be saved up.
const TOKENS_MAX: f64 = 100.0;

impl RetryBudget {
    pub fn new(budget_pct: f64) -> Self {
        Self { tokens: FLOOR_PER_SECOND, per_batch: budget_pct / 100.0, last: Instant::ZERO }
    }

    pub fn refill(&mut self, now: Instant) {
        self.earn(now.since(self.last).as_secs_f64() * FLOOR_PER_SECOND);
        self.last = now;
    }

    /// A fresh batch was sent.
    pub fn on_fresh(&mut self) {
        self.earn(self.per_batch);
    }

    /// A retry succeeded: no storm, so it costs nothing. After an outage the retries drain as fast as the worker takes
    /// them.
    pub fn on_success(&mut self) {
        self.earn(1.0);
    }

    fn earn(&mut self, tokens: f64) {
        self.tokens = (self.tokens + tokens).min(TOKENS_MAX);
    }

    fn take(&mut self) -> bool {
        let enough = self.tokens >= 1.0;
        if enough {
            self.tokens -= 1.0;
        }
        enough
    }

    pub fn tokens(&self) -> f64 {
        self.tokens
    }

    /// When a whole token will be there from the floor alone.
    pub fn next_token(&self, now: Instant) -> Instant {
        now + Duration::from_secs_f64(((1.0 - self.tokens) / FLOOR_PER_SECOND).max(0.001))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine::settings::tests::settings, record::Payload};

    fn group(partition: u32, suspicion: Suspicion) -> Group {
        let record = Record::new(PartitionId(partition), 0, 0, -1, Payload::new(None, Some(b"v")));
        Group { lane: LaneId(0), records: vec![record], suspicion, behind: vec![], budgeted: true }
    }

    #[test]
    fn backoff_doubles_up_to_its_ceiling_and_jitter_covers_the_whole_range() {
        let settings = settings().retry;
        let full: Vec<u128> = [1, 2, 3, 9, 10, 60].map(|n| backoff(&settings, n, u32::MAX).as_millis()).to_vec();
        assert_eq!(full, [100, 200, 400, 25_600, 30_000, 30_000]);
        assert_eq!(backoff(&settings, 3, 0), Duration::ZERO);
        let deadline = Some(UnixMillis(1_050));
        assert_eq!(cap_by_deadline(Duration::from_secs(9), UnixMillis(1_000), deadline), Duration::from_millis(51));
    }

    #[test]
    fn groups_without_suspicion_are_merged_and_suspects_travel_alone() {
        let mut pool = RetryPool::default();
        let mut budget = RetryBudget::new(20.0);
        for suspicion in [Suspicion::None, Suspicion::None, Suspicion::Again, Suspicion::None] {
            pool.push(Instant::ZERO, group(0, suspicion));
        }
        let sizes: Vec<usize> = std::iter::from_fn(|| pool.pop_due(Instant::ZERO, &mut budget, 32, 1 << 20))
            .map(|g| g.records.len())
            .collect();
        assert_eq!(sizes, [2, 1, 1]);
        assert_eq!((pool.records(), pool.bytes()), (0, 0));
    }

    #[test]
    fn an_empty_budget_holds_retries_back_and_refills_with_time() {
        let mut pool = RetryPool::default();
        let mut budget = RetryBudget::new(0.0);
        (0..11).for_each(|_| pool.push(Instant::ZERO, group(0, Suspicion::Again)));
        let sent = std::iter::from_fn(|| pool.pop_due(Instant::ZERO, &mut budget, 32, 1 << 20)).count();
        assert_eq!(sent, 10);
        let next = budget.next_token(Instant::ZERO);
        budget.refill(next);
        assert!(pool.pop_due(next, &mut budget, 32, 1 << 20).is_some());
    }

    #[test]
    fn a_partition_that_is_abandoned_leaves_nothing_behind() {
        let mut pool = RetryPool::default();
        let mut mixed = group(0, Suspicion::Again);
        mixed.behind = group(1, Suspicion::None).records;
        pool.push(Instant::ZERO, mixed);
        let mut gone = 0;
        pool.abandon(PartitionId(0), |_| gone += 1);
        assert_eq!((gone, pool.records()), (1, 1));
        pool.abandon(PartitionId(1), |_| gone += 1);
        assert_eq!((gone, pool.records(), pool.next_due()), (2, 0, None));
    }
}
