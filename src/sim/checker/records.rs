//! Records coming in and coming to an end, and the epochs that bound both.

use crate::{
    engine::{event::Reason, settings::TombstonePolicy},
    record::{PartitionId, Record},
    sim::{
        broker::{Broker, log::Log},
        checker::{
            Checker, GRACE, Promise,
            book::{self, End, Entry, Owned, Place},
            heads::Heads,
            knobs::Told,
            name,
        },
    },
    time::{Instant, Now},
};

impl Checker {
    pub(super) fn on_polled(&mut self, now: Now, record: &Record, broker: &Broker) {
        let id = record.partition;
        let Some((log, index)) = broker.log(id).and_then(|log| Some((log, log.index_of(record.offset)?))) else {
            return self.violate(now.mono, Promise::Engine, "the model handed over a record that is not in its log");
        };
        self.tally.polled += 1;
        let book = &self.books[id.index()];
        if book.owned != Owned::Active || book.stopped || self.draining {
            return;
        }
        if record.offset < book.next {
            self.end_epoch(id, log, record.offset);
        }
        let (ttl, ordering, poison) = (self.settings.ttl, self.settings.ordering, self.settings.max_record_bytes);
        let said = &log.records()[index];
        let book = &mut self.books[id.index()];
        book.next = record.offset + 1;
        book.first.get_or_insert(index);
        let expired = said.is_expired(ttl, now.wall);
        let entry = book.entry(index);
        if said.payload_bytes() > poison && !expired {
            entry.doomed = Some(Reason::TooLarge);
        } else if said.tombstone && !expired && self.settings.tombstones == TombstonePolicy::Poison {
            entry.doomed = Some(Reason::Tombstone);
        }
        book.put(index, said, Place::Held, &mut self.waiting);
        if let Some(mark) = book::mark(ordering, said) {
            book.line_up(mark, index);
        }
    }

    pub(super) fn on_expired(&mut self, now: Now, record: &Record, broker: &Broker) {
        let Some((log, index)) = broker.log(record.partition).and_then(|l| Some((l, l.index_of(record.offset)?)))
        else {
            return self.violate(now.mono, Promise::I1, "a record that was never written expired");
        };
        if !log.records()[index].is_expired(self.settings.ttl, now.wall) {
            let what = format!("{} expired before its deadline", name(log, record.offset));
            return self.violate(now.mono, Promise::I1, what);
        }
        self.tally.told_expired += 1;
        self.finish(now, record.partition, log, index, End::Expired);
    }

    /// A record that waits with the engine is finished.
    pub(super) fn finish(&mut self, now: Now, id: PartitionId, log: &Log, index: usize, end: End) {
        let ordering = self.settings.ordering;
        let record = &log.records()[index];
        let place = self.books[id.index()].place(index);
        // The answer that stopped its partition found it expired.
        let stopped = place == Place::LetGo && end == End::Expired && self.books[id.index()].stopped;
        if place != Place::Held && !stopped {
            let what = format!("{} is finished ({end:?}) where it is {place:?}", name(log, record.offset));
            return self.violate(now.mono, Promise::I1, what);
        }
        let book = &mut self.books[id.index()];
        book.put(index, record, Place::Finished(end), &mut self.waiting);
        if let Some(mark) = book::mark(ordering, record) {
            book.step_out(mark, index);
        }
        self.tally.count(end);
        if end != End::Before {
            self.settled.push_back((now.mono, 1));
        }
    }

    /// Everything of an epoch that waits is abandoned.
    pub(super) fn let_go(&mut self, id: PartitionId, log: &Log) {
        self.let_go_if(id, log, |_| true);
    }

    pub(super) fn let_go_if(&mut self, id: PartitionId, log: &Log, which: impl Fn(&Entry) -> bool) {
        for index in self.books[id.index()].held() {
            if !which(self.books[id.index()].entry(index)) {
                continue;
            }
            self.books[id.index()].put(index, &log.records()[index], Place::LetGo, &mut self.waiting);
            self.tally.abandoned += 1;
        }
    }

    pub(super) fn end_epoch(&mut self, id: PartitionId, log: &Log, next: i64) {
        self.let_go(id, log);
        self.books[id.index()].begin(next, log.index_at(next));
    }

    pub(super) fn on_revoked(&mut self, now: Now, partitions: &[PartitionId], lost: bool, broker: &Broker) {
        for id in partitions {
            let Some(log) = broker.log(*id) else { continue };
            self.let_go(*id, log);
            let book = &mut self.books[id.index()];
            if lost {
                (book.owned, book.release_due, book.stopped) = (Owned::No, None, false);
            } else if book.owned == Owned::Active {
                book.owned = Owned::Draining;
                book.release_due = Some(now.mono + self.settings.revoke_drain + GRACE);
            }
        }
    }

    pub(super) fn on_release(&mut self, now: Now, ids: &[PartitionId], broker: &Broker) {
        for id in ids {
            let book = &mut self.books[id.index()];
            if book.owned == Owned::Active {
                self.violate(now.mono, Promise::I7, "a partition is given back that nobody asked for");
            } else if book.owned == Owned::Draining
                && let Some(log) = broker.log(*id)
            {
                self.let_go(*id, log);
                let book = &mut self.books[id.index()];
                (book.owned, book.release_due, book.stopped) = (Owned::No, None, false);
            }
        }
    }

    pub(super) fn on_drain(&mut self, deadline: Instant, broker: &Broker) {
        self.draining = true;
        self.drain_until = Some(self.drain_until.map_or(deadline, |until| until.min(deadline)));
        self.leave_due = Some(self.leave_due.map_or(deadline + GRACE, |due| due.min(deadline + GRACE)));
        for id in broker.ids() {
            if let Some(log) = broker.log(id) {
                self.let_go(id, log);
            }
        }
    }

    pub(super) fn on_leave(&mut self, now: Now, broker: &Broker) {
        if !self.draining {
            self.violate(now.mono, Promise::I8, "the group is left and nobody asked for it");
        }
        self.leave_due = None;
        for id in broker.ids() {
            if let Some(log) = broker.log(id) {
                self.let_go(id, log);
            }
            let book = &mut self.books[id.index()];
            (book.owned, book.release_due) = (Owned::No, None);
        }
    }

    /// The process is gone, and everything it knew.
    pub fn process_over(&mut self, broker: &Broker) {
        self.told = Told::new(&self.settings);
        for id in broker.ids() {
            if let Some(log) = broker.log(id) {
                self.let_go(id, log);
            }
            let book = &mut self.books[id.index()];
            (book.owned, book.release_due, book.stopped) = (Owned::No, None, false);
            book.begun = 0;
        }
        self.out.clear();
        self.answered = None;
        self.requests_lost();
        (self.commit, self.gate, self.leave_due) = (None, None, None);
        (self.draining, self.drain_until) = (false, None);
        self.cap_floor = self.settings.batch_bytes_max;
        self.posted.clear();
        self.settled.clear();
        self.heads = Heads::default();
    }

    /// Another member finished what lies between two offsets.
    pub fn on_elsewhere(&mut self, id: PartitionId, log: &Log, from: i64, to: i64) {
        for index in log.index_at(from)..log.index_at(to) {
            self.books[id.index()].entry(index).elsewhere = true;
        }
    }
}
