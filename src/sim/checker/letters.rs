//! Dead letters, skips and stops: only for a reason that was seen, and within the budget.

use std::{sync::Arc, time::Duration};

use crate::{
    control::settings::{Adaptive, TtlMode},
    engine::{
        event::{DeadLetter, DeadLettered, Reason},
        settings::{PoisonPolicy, TombstonePolicy},
    },
    sim::workload::Deadline,
    sim::{
        broker::Broker,
        checker::{
            Checker, Promise,
            book::{End, Owned, Place},
            find, name,
        },
    },
    time::{Instant, Now},
};

/// Letters of so long ago are certainly still in the engine's minute, and records of so long ago perhaps.
const SURELY: Duration = Duration::from_secs(50);
const PERHAPS: Duration = Duration::from_secs(60);

impl Checker {
    /// The engine posts a letter.
    pub(super) fn on_letter(&mut self, now: Now, letter: &DeadLetter, broker: &Broker) {
        let id = letter.record.partition;
        let offset = letter.record.offset;
        let Some((log, index)) = broker.log(id).and_then(|log| Some((log, log.index_of(offset)?))) else {
            return self.violate(now.mono, Promise::I1, "a letter about a record that was never written");
        };
        let book = &mut self.books[id.index()];
        let (owned, place, doomed) = (book.owned, book.place(index), book.entry(index).doomed);
        if owned == Owned::No || place == Place::LetGo {
            let what = format!("{} is dead-lettered although it is not ours any more", name(log, offset));
            return self.violate(now.mono, Promise::I7, what);
        }
        if place != Place::Held {
            let what = format!("{} is dead-lettered where it is {place:?}", name(log, offset));
            return self.violate(now.mono, Promise::I1, what);
        }
        let is_head = letter.reason == Reason::HeadOfLine && doomed.is_none() && self.is_head(now, id, index, log);
        let doomed = if is_head { Some(Reason::HeadOfLine) } else { doomed };
        let book = &mut self.books[id.index()];
        book.entry(index).doomed = doomed;
        if doomed != Some(letter.reason) || self.settings.poison != PoisonPolicy::DeadLetter {
            let what = format!("{} is dead-lettered as {}, seen: {doomed:?}", name(log, offset), letter.reason.code());
            return self.violate(now.mono, Promise::Charge, what);
        }
        book.put(index, &log.records()[index], Place::Letter, &mut self.waiting);
        book.entry(index).posted_in = Some(letter.record.notes.epoch);
        self.check_letter_budget(now.mono);
    }

    fn check_letter_budget(&mut self, now: Instant) {
        self.posted.retain(|at| now < *at + SURELY);
        self.settled.retain(|(at, _)| now <= *at + PERHAPS);
        self.posted.push_back(now);
        let settled: u32 = self.settled.iter().map(|(_, records)| records).sum();
        let allowed = (self.settings.dead_letter_max_pct / 100.0 * f64::from(settled)).max(10.0);
        if self.posted.len() as f64 > allowed {
            let what = format!("{} letters within 50 s, {settled} records settled", self.posted.len());
            self.violate(now, Promise::Budget, what);
        }
    }

    pub(super) fn on_letter_answered(&mut self, now: Now, answer: &DeadLettered, broker: &Broker) {
        let (letter, acknowledged) = match answer {
            DeadLettered::Acknowledged { letter } => (letter, true),
            DeadLettered::Failed { letter, .. } => (letter, false),
        };
        if !acknowledged {
            // Its token comes back.
            self.posted.pop_back();
        }
        let id = letter.record.partition;
        let Some((log, index)) = broker.log(id).and_then(|log| Some((log, log.index_of(letter.record.offset)?))) else {
            return;
        };
        let book = &mut self.books[id.index()];
        // A letter of an epoch that is over: the next owner decides about the record again.
        let current = book.entry(index).posted_in == Some(letter.record.notes.epoch);
        if book.owned == Owned::No || book.place(index) != Place::Letter || !current {
            return;
        }
        book.put(index, &log.records()[index], Place::Held, &mut self.waiting);
        if acknowledged {
            self.finish(now, id, log, index, End::DeadLettered);
        }
    }

    pub(super) fn on_skipped(
        &mut self,
        now: Now,
        topic: &Arc<str>,
        number: i32,
        offset: i64,
        reason: Reason,
        broker: &Broker,
    ) {
        let Some((id, log, index)) = locate(broker, topic, number, offset) else {
            return self.violate(now.mono, Promise::I1, "a record that was never written is skipped");
        };
        let entry = *self.books[id.index()].entry(index);
        let doomed = entry.doomed;
        let policy = self.settings.poison;
        let tombstone = self.settings.tombstones == TombstonePolicy::Skip && log.records()[index].tombstone;
        let poison = policy == PoisonPolicy::Skip || (policy == PoisonPolicy::Stop && reason == Reason::Dropped);
        // Only a deadline makes hopeless.
        let hopeless = self.settings.control.ttl_mode == TtlMode::Predictive
            && self.settings.control.adaptive == Adaptive::On
            && self.settings.ttl
            && matches!(log.records()[index].deadline, Deadline::At(_));
        let is_due = match reason {
            Reason::Hopeless => hopeless,
            Reason::CompletedBefore => entry.finished_ever && self.settings.commit_metadata_bytes > 0,
            _ => (tombstone && reason == Reason::Tombstone) || (poison && doomed == Some(reason)),
        };
        if !is_due {
            let what = format!("{} is skipped as {}, seen: {doomed:?}", name(log, offset), reason.code());
            return self.violate(now.mono, Promise::Charge, what);
        }
        if reason == Reason::CompletedBefore {
            self.tally.passed_over += 1;
            return self.finish(now, id, log, index, End::Before);
        }
        self.tally.told_skipped += 1;
        self.finish(now, id, log, index, End::Skipped);
    }

    pub(super) fn on_stopped(
        &mut self,
        now: Now,
        topic: &Arc<str>,
        number: i32,
        offset: i64,
        reason: Reason,
        broker: &Broker,
    ) {
        let Some((id, log, index)) = locate(broker, topic, number, offset) else {
            return self.violate(now.mono, Promise::I1, "a record that was never written stops its partition");
        };
        if reason == Reason::LogTruncated {
            // The poll that brought it began the epoch anew; of that nothing is begun.
            self.let_go(id, log);
            self.books[id.index()].stopped = true;
            self.tally.stops += 1;
            return;
        }
        let doomed = self.books[id.index()].entry(index).doomed;
        if self.settings.poison != PoisonPolicy::Stop || doomed != Some(reason) {
            let what = format!("{} stops its partition as {}, seen: {doomed:?}", name(log, offset), reason.code());
            return self.violate(now.mono, Promise::Charge, what);
        }
        // What was given up in the same answer meets its own end.
        self.let_go_if(id, log, |entry| entry.doomed.is_none());
        let book = &mut self.books[id.index()];
        book.put(index, &log.records()[index], Place::LetGo, &mut self.waiting);
        book.stopped = true;
        self.tally.stops += 1;
    }
}

fn locate<'a>(
    broker: &'a Broker,
    topic: &Arc<str>,
    number: i32,
    offset: i64,
) -> Option<(crate::record::PartitionId, &'a crate::sim::broker::log::Log, usize)> {
    let id = find(broker, topic, number)?;
    let log = broker.log(id)?;
    Some((id, log, log.index_of(offset)?))
}
