//! The ends a record can come to. Every one of them but being let go finishes the record in its ledger.

use crate::{
    engine::{
        Effects, Engine,
        event::{Action, DeadLetter, DeadLettered, Reason},
        fact::{Fact, PauseReason, Stage},
        requests::Why,
        sentinel::Invariant,
        settings::PoisonPolicy,
    },
    record::Record,
    time::{Instant, Now},
};

impl Engine {
    /// Finishes a record of a running epoch; any other is only let go.
    pub(super) fn finish(&mut self, now: Now, record: &Record, out: &mut Effects) {
        self.order.free(record);
        if self.enter_finished(now, record, out) {
            self.letter_budget.on_settled(now.mono, 1);
        }
    }

    /// A record that an earlier epoch finished comes by again. It settles nothing, so it earns no dead letters.
    pub(super) fn pass_over(&mut self, now: Now, record: &Record, out: &mut Effects) {
        self.enter_finished(now, record, out);
        let Some((topic, number)) = self.partitions.get(record.partition).map(|p| (p.topic.clone(), p.number)) else {
            return;
        };
        out.fact(Fact::Skipped { topic, number, offset: record.offset, reason: Reason::CompletedBefore });
    }

    /// False for an epoch that is over.
    fn enter_finished(&mut self, now: Now, record: &Record, out: &mut Effects) -> bool {
        let Some(partition) = self.partitions.current(record) else { return false };
        match partition.ledger.finish(now.mono, record.notes.seq) {
            Ok(false) if self.commits.keeps_completed() => {
                self.commits.mark_dirty(record.partition, &mut partition.dirty);
            }
            Ok(false) => {}
            Ok(true) => {
                self.commits.mark_dirty(record.partition, &mut partition.dirty);
                if partition.pauses.any() {
                    self.reopen_partition(record.partition, out);
                }
            }
            Err(error) => {
                let what = format!("{}-{} offset {}: {error}", partition.topic, partition.number, record.offset);
                self.look(Invariant::I1, false, || what, out);
                return true;
            }
        }
        self.look(Invariant::I1, true, String::new, out);
        true
    }

    pub(super) fn expire(&mut self, now: Now, record: Record, stage: Stage, out: &mut Effects) {
        if let Some(id) = record.request() {
            return self.expire_request(now, id, out);
        }
        self.finish(now, &record, out);
        let late_by = record.notes.deadline.map(|deadline| deadline.until(now.wall)).unwrap_or_default();
        let Some((topic, lane)) = self.partitions.get(record.partition).map(|p| (p.topic.clone(), p.lane)) else {
            return;
        };
        if stage != Stage::Intake {
            self.control.lost(lane.0);
        }
        out.fact(Fact::Expired { record: Box::new(record), topic, stage, late_by });
    }

    pub(super) fn skip(&mut self, now: Now, record: Record, reason: Reason, out: &mut Effects) {
        if let Some(id) = record.request() {
            return self.reject(now, id, reason, Why::default(), out);
        }
        self.finish(now, &record, out);
        let Some((topic, number)) = self.partitions.get(record.partition).map(|p| (p.topic.clone(), p.number)) else {
            return;
        };
        out.fact(Fact::Skipped { topic, number, offset: record.offset, reason });
    }

    /// The record cannot be delivered: dead letter, skip or stop, as the policy says.
    pub(super) fn give_up(
        &mut self,
        now: Now,
        record: Record,
        reason: Reason,
        status: Option<u16>,
        detail: Option<Box<str>>,
        out: &mut Effects,
    ) {
        if let Some(id) = record.request() {
            return self.reject(now, id, reason, Why { status, detail }, out);
        }
        match self.settings.poison {
            PoisonPolicy::DeadLetter => {
                let Some(topic) = self.partitions.current(&record).map(|p| p.topic.clone()) else {
                    return self.let_go(&record);
                };
                self.letters.hold(DeadLetter { record, topic, reason, status, detail });
            }
            // The worker asked for it, so nobody has to look at it first.
            PoisonPolicy::Stop if reason == Reason::Dropped => self.skip(now, record, reason, out),
            PoisonPolicy::Stop => self.stop_partition(&record, reason, out),
            PoisonPolicy::Skip => self.skip(now, record, reason, out),
        }
    }

    /// The record stays unfinished and holds the frontier; a restart reads from it again. Nothing else of the
    /// partition is begun, so that it does not fill the queue for the others.
    fn stop_partition(&mut self, record: &Record, reason: Reason, out: &mut Effects) {
        self.let_go(record);
        if self.partitions.current(record).is_some() {
            self.stop_at(record, reason, out);
        }
    }

    /// The log went back to within what is unfinished. A new epoch from here on would pass over what lies before it, and the
    /// one that was would commit what it never read: nothing of the partition goes on until a restart reads from what is
    /// committed.
    pub(super) fn stop_truncated(&mut self, record: &Record, out: &mut Effects) {
        self.stop_at(record, Reason::LogTruncated, out);
    }

    fn stop_at(&mut self, record: &Record, reason: Reason, out: &mut Effects) {
        let id = record.partition;
        let Some(partition) = self.partitions.get_mut(id) else { return };
        let first = !std::mem::replace(&mut partition.pauses.stopped, true);
        let (topic, number) = (partition.topic.clone(), partition.number);
        out.fact(Fact::PartitionStopped { topic, number, offset: record.offset, reason });
        if first {
            self.let_go_waiting(id, "stopped", out);
            self.tell_pause(id, PauseReason::Stopped, true, out);
        }
    }

    /// Sends the dead letters that the budget lets go.
    pub(super) fn post_letters(&mut self, now: Now, out: &mut Effects) {
        while let Some(letter) = self.letters.next(now.mono, &mut self.letter_budget) {
            match self.partitions.current(&letter.record) {
                Some(partition) => {
                    partition.in_flight += 1;
                    out.actions.push(Action::DeadLetter(letter));
                }
                None => {
                    self.letters.on_failed(now.mono, None, &mut self.letter_budget);
                    self.let_go(&letter.record);
                }
            }
        }
        if let Some(cause) = self.letters.newly_held_by(now.mono, &self.letter_budget) {
            out.fact(Fact::DeadLetterHeld { records: self.letters.held(), cause });
        }
    }

    pub(super) fn on_dead_lettered(&mut self, now: Now, answer: DeadLettered, out: &mut Effects) {
        let (letter, error) = match answer {
            DeadLettered::Acknowledged { letter } => (letter, None),
            DeadLettered::Failed { letter, error } => (letter, Some(error)),
        };
        let current = self.partitions.current(&letter.record).map(|partition| {
            partition.in_flight -= 1;
            partition.number
        });
        let (topic, offset) = (letter.topic.clone(), letter.record.offset);
        let Some(number) = current else {
            // Its partition was given back meanwhile: the next owner decides about the record again.
            self.letters.on_acknowledged();
            self.let_go(&letter.record);
            return out.fact(Fact::Stale { what: "dead_letter" });
        };
        if let Some(error) = error {
            self.letters.on_failed(now.mono, Some(letter), &mut self.letter_budget);
            return out.fact(Fact::DeadLetterFailed { topic, number, offset, error });
        }
        self.letters.on_acknowledged();
        self.finish(now, &letter.record, out);
        let DeadLetter { reason, status, record, .. } = letter;
        out.fact(Fact::DeadLettered { topic, number, offset, reason, attempts: record.notes.attempts, status });
    }

    pub(super) fn letters_wake(&self) -> Option<Instant> {
        let at = self.letters.retry_at()?;
        let budget = if self.letter_budget.peek_left() >= 1.0 { at } else { self.letter_budget.next_slot() };
        Some(at.max(budget))
    }
}
