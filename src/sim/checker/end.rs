//! When everything is over: nothing missing, nothing left, and what was told adds up.

use crate::{
    engine::snapshot::Snapshot,
    record::PartitionId,
    sim::{
        broker::{Broker, log::Log},
        checker::{
            Checker, Promise,
            book::{Book, Owned},
            name,
        },
    },
    time::Now,
};

impl Checker {
    /// Whether all that can be finished is, and is committed.
    pub fn is_drained(&mut self, broker: &Broker) -> bool {
        let commits = self.settings.commit_interval.is_some();
        self.requests.all_answered()
            && broker.ids().all(|id| {
                let Some(log) = broker.log(id) else { return true };
                let book = &mut self.books[id.index()];
                let told = book.owned == Owned::Active && broker.begun(id) == Some(book.begun);
                let stopped = book.stopped && told;
                let done = if commits { broker.committed(id) == Some(log.end()) } else { book.is_finished(log) };
                stopped || log.end() == 0 || done
            })
    }

    /// What is still missing, in words.
    pub fn what_is_missing(&self, broker: &Broker) -> String {
        let mut missing = Vec::new();
        for id in broker.ids() {
            let Some(log) = broker.log(id) else { continue };
            let committed = broker.committed(id);
            if !self.books[id.index()].stopped && committed != Some(log.end()) && log.end() > 0 {
                missing.push(format!("{}: committed {committed:?} of {}", name(log, log.end()), log.end()));
            }
        }
        missing.join("; ")
    }

    /// The queue and everything behind it after a drain; in good health, nothing is out either.
    pub fn check_empty(&mut self, now: Now, snapshot: &Snapshot, healthy: bool) {
        let left = snapshot.queue.records + snapshot.retry.records + snapshot.dead_letters.held;
        let bytes = snapshot.queue.bytes + snapshot.retry.bytes;
        let out = snapshot.in_flight.batches + snapshot.dead_letters.in_flight;
        // Work of epochs that are over may still be out when the drain ends at its deadline.
        let in_time = self.drain_until.is_some_and(|until| now.mono < until);
        if left > 0 || bytes > 0 || (healthy && in_time && out > 0) {
            let what = format!("{left} records, {bytes} bytes are left after the drain, {out} batches and letters out");
            self.violate(now.mono, Promise::I6, what);
        }
        if !self.requests.all_answered() {
            self.violate(now.mono, Promise::I1, "a drain left somebody without an answer");
        }
        if self.waiting.records > 0 || self.waiting.bytes > 0 {
            let what = format!("{} records were never let go", self.waiting.records);
            self.violate(now.mono, Promise::I1, what);
        }
    }

    /// The whole run.
    pub fn check_end(&mut self, now: Now, broker: &Broker) {
        for id in broker.ids() {
            if let Some(log) = broker.log(id) {
                self.check_log(now, id, log, broker.committed(id));
            }
        }
        let tally = &self.tally;
        let told = [
            ("completed", tally.completed, tally.told_completed),
            ("late", tally.late, tally.told_late),
            ("expired", tally.expired, tally.told_expired),
            ("dead-lettered", tally.dead_lettered, tally.told_lettered),
            ("skipped", tally.skipped, tally.told_skipped),
        ];
        if let Some((what, seen, told)) = told.into_iter().find(|(_, seen, told)| seen != told) {
            self.violate(now.mono, Promise::Facts, format!("{what}: {told} told, {seen} seen"));
        }
    }

    fn check_log(&mut self, now: Now, id: PartitionId, log: &Log, committed: Option<i64>) {
        let stopped = self.books[id.index()].stopped;
        for (index, record) in log.records().iter().enumerate() {
            self.tally.produced += 1;
            let entry = *self.books[id.index()].entry(index);
            if entry.finished_ever || entry.elsewhere {
                self.tally.elsewhere += u64::from(!entry.finished_ever);
                continue;
            }
            let passed = committed.is_some_and(|committed| record.offset < committed);
            if record.offset < log.start() {
                self.tally.deleted += 1;
            } else if self.settings.commit_interval.is_none() && stopped {
                // What the client commits itself is promised nothing.
                self.tally.held += 1;
            } else if passed || !stopped {
                let what = format!("{} was never finished; committed {committed:?}", name(log, record.offset));
                self.violate(now.mono, if passed { Promise::I2 } else { Promise::I1 }, what);
            } else {
                self.tally.held += 1;
            }
        }
    }
}

impl Book {
    /// Whether every record that is still there was finished once.
    fn is_finished(&mut self, log: &Log) -> bool {
        let start = log.index_at(log.start());
        self.finished = self.finished.max(start);
        while self.entries.get(self.finished).is_some_and(|entry| entry.finished_ever || entry.elsewhere) {
            self.finished += 1;
        }
        self.finished >= log.records().len()
    }
}
