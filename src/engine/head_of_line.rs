//! A record that holds its partition's frontier while nearly everything behind it is done.
//!
//! It costs: the committed offset stands, the span fills up, and at its bound the partition is paused. So it is
//! detected and told, and where the policy says so it goes to the dead letters. Three things keep an outage from looking
//! like it: the worker has to have been well all the while, the record has to have failed by itself, and there is a
//! budget of its own beside that of the dead letters.

use std::time::Duration;

use crate::{
    engine::{
        Effects, Engine,
        assignment::{Partition, Phase},
        event::Reason,
        fact::{Fact, Head},
    },
    record::Record,
    time::{Instant, Now},
};

/// Of the records behind it, so many have to be finished.
const DONE_PCT: u64 = 98;

/// And at least this many.
const DONE_MIN: u32 = 50;

/// Records given up for it in a row at most, and the time after which one more may be.
const TOKENS_MAX: u32 = 10;
const TOKEN_EVERY: Duration = Duration::from_secs(60);

/// What may still be given up for holding a frontier. Bound: [`TOKENS_MAX`].
#[derive(Debug)]
pub struct HeadBudget {
    tokens: u32,
    earned_at: Instant,
}

impl Default for HeadBudget {
    fn default() -> Self {
        Self { tokens: TOKENS_MAX, earned_at: Instant::ZERO }
    }
}

impl HeadBudget {
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let earned = now.since(self.earned_at).as_nanos() / TOKEN_EVERY.as_nanos();
        let earned = u32::try_from(earned).unwrap_or(u32::MAX);
        if self.tokens.saturating_add(earned) >= TOKENS_MAX {
            (self.tokens, self.earned_at) = (TOKENS_MAX, now);
        } else {
            self.tokens += earned;
            self.earned_at = self.earned_at + TOKEN_EVERY.saturating_mul(earned);
        }
        let enough = self.tokens > 0;
        self.tokens -= u32::from(enough);
        enough
    }
}

impl Engine {
    /// Looks at every partition; once a second is enough.
    pub(super) fn look_for_heads(&mut self, now: Now, out: &mut Effects) {
        let well_since = self.worker.well_since();
        let after = self.settings.head_of_line_after;
        let mut heads = Vec::new();
        for (id, partition) in self.partitions.owned_mut() {
            let Some(offset) = blocking(now.mono, partition, well_since, after) else {
                partition.head_told = None;
                continue;
            };
            heads.push((id, offset));
            tell(now.mono, partition, offset, out);
        }
        if !self.settings.head_of_line_letters {
            return;
        }
        for (id, offset) in heads {
            let wanted = |record: &Record| record.partition == id && record.offset == offset && has_failed(record);
            if self.retries.any(wanted) && self.head_budget.take(now.mono) {
                let mut taken = Vec::new();
                self.retries.extract(wanted, |record| taken.push(record));
                for record in taken {
                    if let Some(partition) = self.partitions.current(&record) {
                        partition.retrying -= 1;
                    }
                    self.give_up_head(now, record, out);
                }
            }
        }
    }

    /// Whether a record that is to be tried again is to be given up instead.
    pub(super) fn is_condemned(&mut self, now: Now, record: &Record) -> bool {
        let (well_since, after) = (self.worker.well_since(), self.settings.head_of_line_after);
        let Some(partition) = self.partitions.current(record).filter(|_| self.settings.head_of_line_letters) else {
            return false;
        };
        let blocks = blocking(now.mono, partition, well_since, after) == Some(record.offset);
        blocks && has_failed(record) && self.head_budget.take(now.mono)
    }

    pub(super) fn give_up_head(&mut self, now: Now, record: Record, out: &mut Effects) {
        let id = record.partition;
        if let Some(partition) = self.partitions.current(&record) {
            tell(now.mono, partition, record.offset, out);
        }
        self.give_up(now, record, Reason::HeadOfLine, None, None, out);
        self.reopen_partition(id, out);
    }

    /// Partitions whose frontier is held by one record.
    pub(super) fn heads(&self) -> u32 {
        let held = self.partitions.owned().filter(|(_, partition)| partition.head_told.is_some());
        u32::try_from(held.count()).unwrap_or(u32::MAX)
    }
}

fn has_failed(record: &Record) -> bool {
    record.notes.attempts > 0
}

/// The offset that holds the frontier, if it has for long enough, with nearly all behind it done and the worker well.
fn blocking(now: Instant, partition: &Partition, well_since: Option<Instant>, after: Duration) -> Option<i64> {
    let since = partition.ledger.held_since()?.max(well_since?);
    let (behind, done) = (partition.ledger.span().saturating_sub(1), partition.ledger.beyond());
    let nearly_all = done >= DONE_MIN && u64::from(done) * 100 >= u64::from(behind) * DONE_PCT;
    let held = partition.phase == Phase::Active && !partition.pauses.stopped && now >= since + after;
    partition.ledger.frontier().filter(|_| held && nearly_all)
}

/// Told once for each record.
fn tell(now: Instant, partition: &mut Partition, offset: i64, out: &mut Effects) {
    if partition.head_told.replace(offset) == Some(offset) {
        return;
    }
    out.fact(Fact::HeadOfLine(Head {
        topic: partition.topic.clone(),
        number: partition.number,
        offset,
        held_for: partition.ledger.held_since().map_or(Duration::ZERO, |since| now.since(since)),
        beyond: partition.ledger.beyond(),
        span: partition.ledger.span(),
    }));
}
