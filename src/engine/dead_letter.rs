//! The way out for records that cannot be delivered, and the budget that keeps a broken worker from emptying a topic
//! into it.

use std::{collections::VecDeque, time::Duration};

use crate::{
    engine::{event::DeadLetter, fact::LetterHold},
    record::{PartitionId, Record},
    time::Instant,
};

/// Letters the topic has not answered yet, at most. The budget alone is a share of the traffic, which a slow topic would
/// let pile up in memory.
const IN_FLIGHT_MAX: u32 = 128;

/// Letters that wait for the budget or for the topic to answer, oldest first. Bound: while any waits, fresh records are
/// not dispatched and no credit is granted, so at most what was in flight, in the retry pool or granted already comes to
/// lie here.
#[derive(Debug, Default)]
pub struct Outbox {
    held: VecDeque<DeadLetter>,
    in_flight: u32,
    /// After a failed produce: not before this.
    retry_at: Instant,
    failures: u16,
    /// Told once, and again when the cause is another.
    told: Option<LetterHold>,
}

impl Outbox {
    pub fn hold(&mut self, letter: DeadLetter) {
        self.held.push_back(letter);
    }

    /// The next letter that may go.
    pub fn next(&mut self, now: Instant, budget: &mut LetterBudget) -> Option<DeadLetter> {
        if self.held.is_empty() || self.is_full() || now < self.retry_at || !budget.take(now) {
            return None;
        }
        let letter = self.held.pop_front()?;
        self.in_flight += 1;
        self.forget_if_empty();
        Some(letter)
    }

    pub fn on_acknowledged(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.failures = 0;
    }

    /// The topic did not take it: it goes again later, last in line (one that can never go must not hold up the others),
    /// and its token comes back.
    pub fn on_failed(&mut self, now: Instant, letter: Option<DeadLetter>, budget: &mut LetterBudget) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.failures = self.failures.saturating_add(1);
        self.retry_at = now + Duration::from_millis(100 << self.failures.min(7));
        budget.give_back(now);
        self.held.extend(letter);
    }

    /// Why letters wait, after those that could go have gone.
    pub fn held_by(&self, now: Instant, budget: &LetterBudget) -> Option<LetterHold> {
        if self.held.is_empty() {
            None
        } else if self.is_full() {
            Some(LetterHold::Unanswered)
        } else if now < self.retry_at {
            Some(LetterHold::Failing)
        } else {
            (budget.peek_left() < 1.0).then_some(LetterHold::Budget)
        }
    }

    /// That, when it is news.
    pub fn newly_held_by(&mut self, now: Instant, budget: &LetterBudget) -> Option<LetterHold> {
        let cause = self.held_by(now, budget)?;
        (self.told.replace(cause) != Some(cause)).then_some(cause)
    }

    pub fn held(&self) -> u32 {
        u32::try_from(self.held.len()).unwrap_or(u32::MAX)
    }

    /// Those of one partition.
    pub fn held_of(&self, partition: PartitionId) -> u32 {
        let held = self.held.iter().filter(|letter| letter.record.partition == partition);
        u32::try_from(held.count()).unwrap_or(u32::MAX)
    }

    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// None is held or on its way.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty() && self.in_flight == 0
    }

    fn is_full(&self) -> bool {
        self.in_flight >= IN_FLIGHT_MAX
    }

    /// When a held letter may go as far as the topic is concerned; `None` while an answer of it has to come first.
    pub fn retry_at(&self) -> Option<Instant> {
        (!self.held.is_empty() && !self.is_full()).then_some(self.retry_at)
    }

    pub fn abandon(&mut self, partition: PartitionId, mut with: impl FnMut(Record)) {
        for _ in 0..self.held.len() {
            match self.held.pop_front() {
                Some(letter) if letter.record.partition == partition => with(letter.record),
                Some(letter) => self.held.push_back(letter),
                None => break,
            }
        }
        self.forget_if_empty();
    }

    /// The next hold is another one, to be told again.
    fn forget_if_empty(&mut self) {
        if self.held.is_empty() {
            self.told = None;
        }
    }
}

/// At most a share of the records settled over the last minute may be dead-lettered, but ten always may.
#[derive(Debug)]
pub struct LetterBudget {
    share: f64,
    /// Rolling minute in six slots of ten seconds: settled and lettered.
    slots: [Slot; SLOTS as usize],
    /// Number of the slot in use since the start.
    slot: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    settled: u64,
    lettered: u64,
}

const SLOTS: u64 = 6;
const SLOT: Duration = Duration::from_secs(10);
const ALWAYS: f64 = 10.0;

impl LetterBudget {
    pub fn new(max_pct: f64) -> Self {
        Self { share: max_pct / 100.0, slots: [Slot::default(); SLOTS as usize], slot: 0 }
    }

    fn current(&mut self, now: Instant) -> &mut Slot {
        let slot = now.0 / SLOT.as_nanos() as u64;
        // Slots passed over since the last look are empty; after a whole minute all are.
        for passed in (self.slot + 1..=slot).take(SLOTS as usize) {
            self.slots[(passed % SLOTS) as usize] = Slot::default();
        }
        self.slot = self.slot.max(slot);
        &mut self.slots[(self.slot % SLOTS) as usize]
    }

    pub fn on_settled(&mut self, now: Instant, records: u32) {
        self.current(now).settled += u64::from(records);
    }

    fn take(&mut self, now: Instant) -> bool {
        let enough = self.left(now) >= 1.0;
        if enough {
            self.current(now).lettered += 1;
        }
        enough
    }

    fn give_back(&mut self, now: Instant) {
        let slot = self.current(now);
        slot.lettered = slot.lettered.saturating_sub(1);
    }

    /// Dead letters that may go right now.
    pub fn left(&mut self, now: Instant) -> f64 {
        self.current(now);
        self.peek_left()
    }

    /// The same as of the last look.
    pub fn peek_left(&self) -> f64 {
        let (settled, lettered) = self.slots.iter().fold((0, 0), |(s, l), slot| (s + slot.settled, l + slot.lettered));
        (self.share * settled as f64).max(ALWAYS) - lettered as f64
    }

    /// When the oldest slot falls out of the minute, and perhaps frees something.
    pub fn next_slot(&self) -> Instant {
        Instant((self.slot + 1) * SLOT.as_nanos() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    fn taken(budget: &mut LetterBudget, now: Instant) -> usize {
        std::iter::from_fn(|| budget.take(now).then_some(())).count()
    }

    #[test]
    fn ten_a_minute_always_may_and_five_percent_of_what_settles() {
        let mut budget = LetterBudget::new(5.0);
        assert_eq!(taken(&mut budget, at(1)), 10);
        budget.on_settled(at(2), 1000);
        assert_eq!(taken(&mut budget, at(2)), 40, "50 in all");
        assert_eq!(taken(&mut budget, at(59)), 0);
        assert_eq!(taken(&mut budget, at(61)), 10, "the first minute is forgotten");
    }

    #[test]
    fn an_idle_hour_neither_saves_up_nor_owes() {
        let mut budget = LetterBudget::new(5.0);
        budget.on_settled(at(0), 10_000);
        assert_eq!(taken(&mut budget, at(3600)), 10);
    }
}
