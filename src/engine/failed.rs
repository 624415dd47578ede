//! Batches that failed: whose doing it was, and how their records go again.
//!
//! A failed batch of several records charges nobody: it goes once more as it is, then it is halved until the guilty
//! record is alone. Only a record that fails alone, or that the worker names, is charged an attempt. And where the worker
//! died or hung, which of the batches that were out did it is not known: no record is given up for that before it has
//! failed with nothing beside it.

use crate::{
    engine::{
        Effects, Engine,
        event::Reason,
        retry::{Group, Suspicion, backoff},
        settings::Ordering,
        settle::{Call, Wait},
    },
    record::Record,
    time::Now,
};

impl Engine {
    pub(super) fn settle_failed(&mut self, now: Now, call: Call, mut records: Vec<Record>, out: &mut Effects) {
        if call.sent == 1 {
            return match records.pop() {
                Some(record) => self.settle_failed_alone(now, call, record, out),
                None => self.send_behind_on(now, call.lane, call.behind, out),
            };
        }
        let delay = backoff(&self.settings.retry, 1, now.jitter);
        if call.suspicion == Suspicion::None {
            let Call { lane, behind, .. } = call;
            let group = Group { lane, records, suspicion: Suspicion::Again, behind, budgeted: true };
            return self.retry(now, group, Wait { delay, cause: "failed" }, out);
        }
        let half = records.len() / 2;
        self.split(now, call, records, half, Wait { delay, cause: "failed" }, out);
    }

    fn settle_failed_alone(&mut self, now: Now, call: Call, mut record: Record, out: &mut Effects) {
        let (attempts, most) = (record.notes.attempts.saturating_add(1), self.settings.retry.attempts_max);
        if attempts >= most && call.own_doing {
            record.notes.attempts = attempts;
            self.give_up(now, record, Reason::OutOfAttempts, call.status, call.detail, out);
            return self.send_behind_on(now, call.lane, call.behind, out);
        }
        // The last attempt is not spent on what may have been another's doing.
        record.notes.attempts = if attempts >= most { record.notes.attempts } else { attempts };
        let is_last = attempts.saturating_add(1) >= most;
        let suspicion = if is_last && !call.own_doing { Suspicion::Apart } else { Suspicion::Split };
        let delay = backoff(&self.settings.retry, attempts, now.jitter);
        let Call { lane, behind, .. } = call;
        let group = Group { lane, records: vec![record], suspicion, behind, budgeted: true };
        self.retry(now, group, Wait { delay, cause: "failed_alone" }, out);
    }

    pub(super) fn settle_refused(&mut self, now: Now, call: Call, mut records: Vec<Record>, out: &mut Effects) {
        if call.sent > 1 {
            let half = records.len() / 2;
            return self.split(now, call, records, half, Wait::none("refused"), out);
        }
        if let Some(record) = records.pop() {
            self.give_up(now, record, Reason::Refused, call.status, call.detail, out);
        }
        self.send_behind_on(now, call.lane, call.behind, out);
    }

    /// Splits where half of the bytes are, and remembers what the worker would not take.
    pub(super) fn settle_too_large(&mut self, now: Now, call: Call, mut records: Vec<Record>, out: &mut Effects) {
        if call.sent > 1 {
            // What it did not take is what was sent, whatever of it is still ours.
            self.batch_bytes_max = self.batch_bytes_max.min((call.bytes / 2).max(1));
            let bytes: u64 = records.iter().map(Record::charge).sum();
            let mut sum = 0;
            let half = records
                .iter()
                .take_while(|record| {
                    sum += record.charge();
                    sum <= bytes / 2
                })
                .count();
            return self.split(now, call, records, half, Wait::none("too_large"), out);
        }
        if let Some(record) = records.pop() {
            // It was this record, then, and not how many went with it: what was learnt of those is not true.
            self.batch_bytes_max = self.settings.batch_bytes_max;
            self.give_up(now, record, Reason::TooLarge, call.status, call.detail, out);
        }
        self.send_behind_on(now, call.lane, call.behind, out);
    }

    /// Two groups of one: side by side when order is free, one behind the other when it is not.
    fn split(&mut self, now: Now, call: Call, mut records: Vec<Record>, at: usize, wait: Wait, out: &mut Effects) {
        let Call { lane, mut behind, .. } = call;
        let at = at.clamp(usize::from(records.len() > 1), records.len());
        let mut right = records.split_off(at);
        let suspicion = Suspicion::Split;
        if self.settings.ordering != Ordering::None {
            self.keep_for_retry(now, &mut right, out);
            right.append(&mut behind);
            return self.retry(now, Group { lane, records, suspicion, behind: right, budgeted: true }, wait, out);
        }
        self.retry(now, Group { lane, records, suspicion, behind: Vec::new(), budgeted: true }, wait, out);
        self.retry(now, Group { lane, records: right, suspicion, behind, budgeted: true }, wait, out);
    }
}
