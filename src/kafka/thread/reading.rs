//! Taking records and ends out of our queue, as far as there is credit, and handing them over.

use std::time::{Duration, Instant};

use crate::{
    engine::event::{Event, PartitionEnd},
    kafka::{
        complaints,
        ffi::{Kind, Message},
        partitions::Phase,
        stash::Polled,
    },
    record::{PartitionId, Record},
    runtime::SourceNote,
};

/// Weight of one record in the running mean of sizes.
const MEAN_WEIGHT: f64 = 1.0 / 64.0;

impl super::Poller {
    /// Reads what the credit allows, waiting at most `wait` for the first entry.
    pub(super) fn read(&mut self, wait: Duration, now: Instant) {
        let mut batch = std::mem::take(&mut self.batch);
        self.reader.read(&mut batch, self.stash.room(), wait);
        if !batch.is_empty() {
            let now = if wait.is_zero() { now } else { Instant::now() };
            for message in batch.drain(..) {
                self.take(&message, now);
            }
            self.hand_over();
        }
        self.batch = batch;
    }

    pub(super) fn take(&mut self, message: &Message, now: Instant) {
        let Some(id) = self.partitions.of(message) else { return };
        let paused = !self.pauses.none_applied() && self.pauses.is_applied(id);
        let Some(slot) = self.partitions.get_mut(id).filter(|slot| slot.phase == Phase::Assigned) else { return };
        match message.kind() {
            kind @ (Kind::NoStart | Kind::Error(_)) => self.take_error(id, &kind, message, now),
            // On the wrong side of a seek or a pause: fetched again.
            _ if slot.unplaced || paused => {}
            Kind::Record | Kind::End if slot.disbelieves(message.offset(), now) => self.place_again_at = Some(now),
            Kind::Record => {
                if slot.taken.is_some_and(|next| message.offset() < next) {
                    // The log was cut or made anew: what was its end no longer is.
                    slot.end = None;
                }
                slot.taken = Some(message.offset().saturating_add(1));
                (slot.at_end, slot.spoiled) = (false, false);
                (slot.heard_at, slot.refused_at) = (Some(now), None);
                let (number, resumed) = (slot.number, slot.resumed_at.take());
                if let Some(resumed) = resumed {
                    self.tell_resumed(resumed, now);
                }
                let payload = message.payload();
                let record = Record::new(id, number, message.offset(), message.timestamp(), payload);
                let (charge, first) = (record.charge() as f64, self.record_bytes == 0.0);
                self.record_bytes += (charge - self.record_bytes) * if first { 1.0 } else { MEAN_WEIGHT };
                self.stash.push_record(record);
            }
            Kind::End => {
                (slot.taken, slot.spoiled) = (Some(message.offset()), false);
                (slot.end, slot.at_end) = (Some(message.offset()), true);
                // Nothing was waiting to come first.
                slot.resumed_at = None;
                (slot.heard_at, slot.refused_at) = (Some(now), None);
                self.stash.push_end(PartitionEnd { partition: id, offset: message.offset() });
            }
        }
    }

    /// Told whatever else holds the partition back: nothing tells of it again.
    fn take_error(&mut self, id: PartitionId, kind: &Kind, message: &Message, now: Instant) {
        let Some(slot) = self.partitions.get_mut(id) else { return };
        let name = slot.name();
        if let Kind::Error(code) = kind {
            slot.spoiled |= slot.taken.is_none();
            slot.refused_at = complaints::is_refusal(*code).then_some(now);
            let text = format!("{name}: {}", message.error_text());
            self.complain(*code, &text);
        } else {
            self.fail_without_start(&name, &message.error_text());
        }
    }

    /// Only with `KAFKA_OFFSET_RESET=error`: somebody has to decide where to read.
    pub(super) fn fail_without_start(&mut self, name: &str, why: &str) {
        self.fail(format!(
            "no valid offset for {name}, and KAFKA_OFFSET_RESET=error ({why}): commit one for the group \
             (kafka-consumer-groups --reset-offsets), or set earliest or latest"
        ));
    }

    /// The first record after a resume, told once for all partitions resumed together.
    fn tell_resumed(&mut self, resumed: Instant, now: Instant) {
        for (_, slot) in self.partitions.iter_mut() {
            slot.resumed_at.take_if(|at| *at == resumed);
        }
        self.outbox.note(SourceNote::Resumed { first_record: now.duration_since(resumed) });
    }

    /// Hands over what the credit covers.
    pub(super) fn hand_over(&mut self) {
        while let Some(polled) = self.stash.poll() {
            for (id, next) in next_offsets(&polled) {
                if let Some(slot) = self.partitions.get_mut(id) {
                    slot.handed = Some(next);
                }
            }
            if self.stores_offsets {
                self.store(&polled);
            }
            self.outbox.push(Event::Polled { records: polled.records, ends: polled.ends });
        }
    }
}

/// The next offset of every run of a partition's records, and of the ends; later ones later.
pub(super) fn next_offsets(polled: &Polled) -> impl Iterator<Item = (PartitionId, i64)> {
    let runs = polled.records.chunk_by(|a, b| a.partition == b.partition);
    let records = runs.filter_map(|run| run.last()).map(|last| (last.partition, last.offset.saturating_add(1)));
    records.chain(polled.ends.iter().map(|end| (end.partition, end.offset)))
}
