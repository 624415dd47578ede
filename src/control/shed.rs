//! What is given up before its deadline, how much of it, and whether that was right.
//!
//! Only a record that even an optimistic estimate cannot save is given up, and never more than a share of what is
//! settled: an estimate gone wrong must not empty a topic. One in a hundred is sent all the same, and its end says
//! whether the estimate was right. Where nothing may be given up (`TTL_MODE=expired`) every such record is sent, so
//! the same counts say what would have happened.

use crate::control::settings::TtlMode;

/// At most this share of what leaves the queue may be given up, smoothed over about a thousand records.
const SHARE_MAX: f64 = 0.5;
const SMOOTHING: f64 = 0.001;
/// One in so many is sent all the same, and not more often than every so many batches.
const CHECK_EVERY: u32 = 100;
const BATCHES_BETWEEN: u32 = 50;

/// Where a record that is sent to see could go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    None,
    /// Into a batch with others.
    Beside,
    /// The worker has nothing to do and nothing else can go: alone. An estimate that calls everything hopeless would
    /// otherwise never hear that it is wrong.
    Idle,
}

/// What becomes of a hopeless record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is given up.
    GiveUp,
    /// It is sent, to see whether it is really late.
    Check,
    /// It stays where it is, until its deadline.
    Keep,
}

/// The counts of [`Shed`], since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShedTally {
    pub given_up: u64,
    pub checked: u64,
    pub checked_in_time: u64,
    pub capped: u64,
}

#[derive(Debug, Clone)]
pub struct Shed {
    mode: TtlMode,
    share: f64,
    unchecked: u32,
    batches: u32,
    tally: ShedTally,
}

impl Shed {
    pub fn new(mode: TtlMode) -> Self {
        Self { mode, share: 0.0, unchecked: 0, batches: BATCHES_BETWEEN, tally: ShedTally::default() }
    }

    pub fn gives_up(&self) -> bool {
        self.mode == TtlMode::Predictive
    }

    /// Decides about a hopeless record.
    pub fn judge(&mut self, room: Room) -> Fate {
        let may_check = match room {
            Room::None => false,
            Room::Beside => self.batches >= BATCHES_BETWEEN,
            Room::Idle => true,
        };
        if may_check && self.unchecked >= CHECK_EVERY {
            (self.unchecked, self.batches) = (0, 0);
            return Fate::Check;
        }
        self.unchecked = self.unchecked.saturating_add(1);
        if self.share >= SHARE_MAX {
            self.tally.capped += 1;
            return Fate::Keep;
        }
        self.share += SMOOTHING * (1.0 - self.share);
        self.tally.given_up += 1;
        Fate::GiveUp
    }

    /// A batch was sent.
    pub fn sent(&mut self, records: u32) {
        self.batches = self.batches.saturating_add(1);
        for _ in 0..records.min(1000) {
            self.share -= SMOOTHING * self.share;
        }
    }

    /// Records that were foretold to be late have come back; so many of them were in time.
    pub fn checked(&mut self, records: u32, in_time: u32) {
        self.tally.checked += u64::from(records);
        self.tally.checked_in_time += u64::from(in_time);
    }

    pub const fn tally(&self) -> ShedTally {
        self.tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_given_up_where_only_what_has_expired_may_be() {
        assert!(!Shed::new(TtlMode::Expired).gives_up() && Shed::new(TtlMode::Predictive).gives_up());
    }

    #[test]
    fn no_more_than_its_share_is_given_up_however_hopeless_everything_looks() {
        let mut shed = Shed::new(TtlMode::Predictive);
        let fates: Vec<Fate> = (0..10_000).map(|_| shed.judge(Room::Beside)).collect();
        let given_up = fates.iter().filter(|fate| **fate == Fate::GiveUp).count();
        assert!(given_up < 1000, "{given_up}");
        assert_eq!(shed.tally().capped + given_up as u64 + 1, 10_000, "one is sent to check");
    }

    #[test]
    fn one_in_a_hundred_is_sent_all_the_same_but_not_in_every_batch() {
        let mut shed = Shed::new(TtlMode::Predictive);
        let mut checked = 0;
        for _ in 0..1000 {
            for _ in 0..20 {
                checked += u32::from(shed.judge(Room::Beside) == Fate::Check);
            }
            shed.sent(40);
        }
        assert!((10..=20).contains(&checked), "{checked}");
    }

    #[test]
    fn an_idle_worker_is_asked_now_and_then_however_hopeless_everything_looks() {
        let mut shed = Shed::new(TtlMode::Predictive);
        let checks = (0..10_000).filter(|_| shed.judge(Room::Idle) == Fate::Check).count();
        assert!((90..=110).contains(&checks), "{checks}");
    }
}
