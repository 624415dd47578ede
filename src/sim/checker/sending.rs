//! What may be dispatched, and what may be sent.

use crate::{
    engine::event::Batch,
    record::PartitionId,
    sim::{
        broker::{Broker, log::Log},
        checker::{
            Checker, Out, Promise, Sent,
            book::{Owned, Place, mark},
            name,
        },
    },
    time::Now,
};

impl Checker {
    /// The engine hands a batch to the worker.
    pub(super) fn on_dispatch(&mut self, now: Now, batch: &Batch, broker: &Broker) {
        self.tally.dispatched += 1;
        let bytes: u64 = batch.records.iter().map(crate::record::Record::charge).sum();
        self.check_caps(now, batch, bytes);
        let mut records: Vec<Sent> = Vec::with_capacity(batch.records.len());
        let mut requests = Vec::new();
        for (place, record) in batch.records.iter().enumerate() {
            if let Some(id) = record.request() {
                self.on_request_sent(now, id, batch);
                requests.push((place, id));
                continue;
            }
            let found = broker.log(record.partition).and_then(|log| Some((log, log.index_of(record.offset)?)));
            let Some((log, index)) = found else {
                return self.violate(now.mono, Promise::I1, "a record is sent that was never written");
            };
            let epoch = self.books[record.partition.index()].epoch;
            let sent = Sent { place, partition: record.partition, index, epoch };
            if log.topic != batch.topic {
                let what = format!("{} is in a batch of {}", name(log, record.offset), batch.topic);
                self.violate(now.mono, Promise::I5, what);
            }
            self.check_turn(now, sent, log, &records);
            self.check_charge(now, sent, log, record.notes.attempts);
            self.books[record.partition.index()].put(
                index,
                &log.records()[index],
                Place::Out(batch.id),
                &mut self.waiting,
            );
            records.push(sent);
        }
        self.check_order(now, &records, broker);
        let has_company = !self.out.is_empty();
        self.out.values_mut().for_each(|other| other.has_company = true);
        let (sent, since, timeout) = (batch.records.len(), now.mono, batch.timeout);
        let entry = Out { records, requests, sent, bytes, since, timeout, has_company };
        if self.out.insert(batch.id, entry).is_some() {
            self.violate(now.mono, Promise::I1, format!("two batches are called {}", batch.id.0));
        }
        if self.out.len() > self.told.concurrency as usize {
            let what = format!("{} batches are out, {} may be", self.out.len(), self.told.concurrency);
            self.violate(now.mono, Promise::I5, what);
        }
        self.tally.in_flight_peak = self.tally.in_flight_peak.max(self.out.len() as u64);
    }

    fn check_caps(&mut self, now: Now, batch: &Batch, bytes: u64) {
        let (records, max) = (batch.records.len(), self.told.batch_records as usize);
        if records == 0 || records > max {
            self.violate(now.mono, Promise::I5, format!("a batch has {records} records, {max} at most"));
        }
        if records > 1 && bytes > self.settings.batch_bytes_max {
            let what = format!("a batch has {bytes} bytes, {} at most", self.settings.batch_bytes_max);
            self.violate(now.mono, Promise::I5, what);
        }
        if batch.timeout > self.settings.inference_timeout {
            self.violate(now.mono, Promise::I8, "a call is given more time than INFERENCE_TIMEOUT");
        }
    }

    /// The record is the engine's to send.
    fn check_turn(&mut self, now: Now, sent: Sent, log: &Log, batch: &[Sent]) {
        let offset = log.records()[sent.index].offset;
        let ordering = self.settings.ordering;
        let book = &mut self.books[sent.partition.index()];
        if book.owned != Owned::Active || self.draining {
            let what = format!("{} is sent although its partition is {:?}", name(log, offset), book.owned);
            return self.violate(now.mono, Promise::I7, what);
        }
        let (place, doomed) = (book.place(sent.index), book.entry(sent.index).doomed);
        if place != Place::Held {
            let what = format!("{} is sent where it is {place:?}", name(log, offset));
            return self.violate(now.mono, Promise::I1, what);
        }
        if let Some(reason) = doomed {
            let what = format!("{} is sent after it was given up: {}", name(log, offset), reason.code());
            return self.violate(now.mono, Promise::I1, what);
        }
        if let Some(mark) = mark(ordering, &log.records()[sent.index]) {
            let in_batch = |index| batch.iter().any(|other| other.partition == sent.partition && other.index == index);
            let overtaken = book.ahead_of(mark, sent.index).find(|index| !in_batch(*index));
            if let Some(overtaken) = overtaken {
                let earlier = log.records()[overtaken].offset;
                let what = format!("{} overtakes offset {earlier}", name(log, offset));
                self.violate(now.mono, Promise::I5, what);
            }
        }
    }

    fn check_charge(&mut self, now: Now, sent: Sent, log: &Log, attempts: u16) {
        let own = self.books[sent.partition.index()].entry(sent.index).attempts;
        if own != attempts {
            let offset = log.records()[sent.index].offset;
            let what = format!("{} is charged {attempts} failures, {own} were its own", name(log, offset));
            self.violate(now.mono, Promise::Charge, what);
        }
    }

    /// Ordered modes: a key is in one batch at a time, whatever epoch it is of.
    fn check_order(&mut self, now: Now, records: &[Sent], broker: &Broker) {
        let ordering = self.settings.ordering;
        let line = |sent: &Sent| -> Option<(PartitionId, u32)> {
            let record = broker.log(sent.partition)?.records().get(sent.index)?;
            Some((sent.partition, mark(ordering, record)?))
        };
        let out: Vec<_> = self.out.values().flat_map(|out| &out.records).filter_map(line).collect();
        if let Some((id, key)) = records.iter().filter_map(line).find(|line| out.contains(line)) {
            let what = format!("two batches with key {key} of partition {} are out", id.0);
            self.violate(now.mono, Promise::I5, what);
        }
    }

    /// The worker's model is about to send a batch.
    pub fn on_send(&mut self, now: Now, batch: &Batch, broker: &Broker) {
        self.tally.requests += 1;
        for record in &batch.records {
            if let Some(id) = record.request() {
                self.check_request_deadline(now, id);
                continue;
            }
            let found = broker.log(record.partition).and_then(|log| log.record(record.offset));
            if found.is_some_and(|record| record.is_expired(self.settings.ttl, now.wall)) {
                let what =
                    format!("partition {} offset {} is sent after its deadline", record.partition.0, record.offset);
                self.violate(now.mono, Promise::I4, what);
            }
        }
    }
}
