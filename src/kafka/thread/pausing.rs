//! Pause, resume, repair, and putting the client where we are.
//!
//! What is paused is put to our position by a seek ([`Poller::aim`]), so that it resumes there: the client's own idea of
//! the position may lie past the end (see [`Partitions`]). A plain resume waits most of a second for its first record,
//! because nothing wakes the leader's connection; another seek right after it does. A partition of which nothing was
//! ever taken has no position to seek to; asking its leader for the log's end wakes the connection as well.
//!
//! [`Partitions`]: crate::kafka::partitions::Partitions

use std::time::{Duration, Instant};

use rdkafka::{
    consumer::Consumer as _,
    error::{KafkaError, RDKafkaErrorCode as Code},
};

use super::{Phase, Poller};
use crate::{
    engine::event::Event,
    kafka::{
        lookup::{About, Answer, Question},
        partitions::{self, Slot},
    },
    record::PartitionId,
    runtime::SourceNote,
};

/// On a seek, which is an exchange with the client's own main thread, not with a broker.
const SEEK_TIMEOUT: Duration = Duration::from_millis(500);

/// Between attempts at a seek that the client refused.
const SEEK_AGAIN: Duration = Duration::from_millis(20);

impl Poller {
    pub(super) fn pause(&mut self, ids: &[PartitionId]) {
        self.pauses.pause(ids.iter().copied().filter(|id| self.partitions.is_assigned(*id)));
        self.settle_pauses();
    }

    pub(super) fn resume(&mut self, ids: &[PartitionId]) {
        self.pauses.resume(ids);
        self.settle_pauses();
    }

    /// Tells the client what of the wanted pauses it does not know yet. Never from inside a callback, where the client
    /// may take a resume for outdated and hold the partition for ever.
    pub(super) fn settle_pauses(&mut self) {
        let owed = self.pauses.owed(self.partitions.assigned());
        if !owed.pause.is_empty() {
            self.tell_refetch(owed.pause.len());
            // Fails for a client without a group only.
            let _ = self.consumer.pause(&self.partitions.list(owed.pause.iter().copied()));
        }
        if !owed.resume.is_empty() {
            let _ = self.consumer.resume(&self.partitions.list(owed.resume.iter().copied()));
        }
        self.pauses.settled(&owed);
        if !owed.pause.is_empty() {
            self.purge();
            // Now and not before the resume: it wakes the leader's connection, which would fetch before the seek that
            // follows the resume, and for nothing.
            self.aim(&owed.pause);
        }
        if !owed.resume.is_empty() {
            let now = Instant::now();
            for id in &owed.resume {
                if let Some(slot) = self.partitions.get_mut(*id) {
                    slot.resumed_at = Some(now);
                }
            }
            self.place(&owed.resume);
        }
    }

    /// These partitions go. The client would keep their pause until they come back.
    pub(super) fn forget_pauses(&mut self, ids: &[PartitionId]) {
        for id in ids {
            self.pauses.end_epoch(*id);
        }
        let owed = self.pauses.owed(ids.iter().copied());
        if !owed.resume.is_empty() {
            let _ = self.consumer.resume(&self.partitions.list(owed.resume.iter().copied()));
        }
        self.pauses.settled(&owed);
    }

    /// The prefetch a pause of `count` partitions throws away: their share of what waits, by an even hand.
    fn tell_refetch(&mut self, count: usize) {
        let fetching = self.partitions.assigned().filter(|id| !self.pauses.is_applied(*id)).count().max(count);
        let records = self.reader.queue().len() as f64 * count as f64 / fetching as f64;
        let bytes = (records * self.record_bytes) as u64;
        if bytes > 0 {
            self.outbox.note(SourceNote::Refetch { bytes });
        }
    }

    /// The client purges a paused partition's records from the head of a queue only; those behind another partition's
    /// go when they are read. When everything is paused nobody reads, so it is done here: records and ends are outdated,
    /// or fetched again after the resume. An error is not told again, so it is heard.
    fn purge(&mut self) {
        if self.partitions.assigned().any(|id| !self.pauses.is_applied(id)) {
            return;
        }
        let (mut batch, now) = (std::mem::take(&mut self.batch), Instant::now());
        loop {
            self.reader.read(&mut batch, 64, Duration::ZERO);
            if batch.is_empty() {
                break;
            }
            for message in batch.drain(..) {
                self.take(&message, now);
            }
        }
        self.batch = batch;
    }

    /// The engine found the partition standing for no reason.
    pub(super) fn repair(&mut self, id: PartitionId) {
        if !self.partitions.is_assigned(id) || self.pauses.is_applied(id) {
            return;
        }
        let _ = self.consumer.resume(&self.partitions.list([id]));
        match self.partitions.get_mut(id) {
            Some(slot) if slot.taken.is_none() && !slot.spoiled => {
                // It may be that nothing is wrong: what comes before the answer is as good.
                slot.spoiled = true;
                self.ask(About::Committed, &[id]);
            }
            _ => self.place(&[id]),
        }
    }

    /// A record came out of the consumer's own queue. None should: every partition is forwarded before it is assigned.
    /// It would take the client to have made the partition anew behind our back (a topic deleted and created again).
    pub(super) fn fetch_again(&mut self, topic: &str, number: i32) {
        let Some(id) = self.partitions.find(topic, number).filter(|id| self.partitions.is_assigned(*id)) else {
            return;
        };
        self.reader.queue().adopt(topic, number);
        self.repair(id);
    }

    /// Puts the client to our positions while it holds the partitions back (paused, or before it has its answer in a
    /// rebalance), so that its first fetch starts there. Else it may start beyond the end, and what comes of that cannot
    /// be called back: the client looks for another start, or with `KAFKA_OFFSET_RESET=error` fetches no more.
    pub(super) fn aim(&self, ids: &[PartitionId]) {
        let at = ids.iter().filter_map(|id| Some((*id, self.partitions.get(*id)?.taken?)));
        let list = self.partitions.list_at(at);
        if list.count() > 0 {
            // What is refused here is put right by the seek that follows.
            let _ = self.consumer.seek_partitions(list, SEEK_TIMEOUT);
        }
    }

    /// Puts the client to our positions. Nothing read before this is believed any more, and nothing of a partition is
    /// until it has worked.
    pub(super) fn place(&mut self, ids: &[PartitionId]) {
        let (mut seek, mut lost, mut wake) = (Vec::new(), Vec::new(), Vec::new());
        for id in ids.iter().copied().filter(|id| !self.pauses.is_applied(*id)) {
            let Some(slot) = self.partitions.get_mut(id) else { continue };
            match slot.taken {
                Some(next) => {
                    slot.unplaced = true;
                    seek.push((id, next));
                    // To offset zero the client seeks without a word to the leader's connection.
                    if next == 0 {
                        wake.push(id);
                    }
                }
                None if slot.spoiled => {
                    slot.unplaced = true;
                    lost.push(id);
                }
                None => wake.push(id),
            }
        }
        self.seek(&seek);
        self.ask(About::Committed, &lost);
        self.ask(About::LogEnd, &wake);
    }

    fn seek(&mut self, offsets: &[(PartitionId, i64)]) {
        if offsets.is_empty() {
            return;
        }
        let list = self.partitions.list_at(offsets.iter().copied());
        match self.consumer.seek_partitions(list, SEEK_TIMEOUT) {
            Ok(done) => {
                for element in done.elements() {
                    let id = self.partitions.find(element.topic(), element.partition());
                    let Some(slot) = id.and_then(|id| self.partitions.get_mut(id)) else { continue };
                    match element.error() {
                        Ok(()) => slot.placed(),
                        Err(error) => self.seek_refused(element.topic(), element.partition(), &error),
                    }
                }
            }
            Err(error) => {
                let text = format!("seek: {error}");
                self.outbox.note(SourceNote::ClientError { code: "SEEK".to_owned(), text });
            }
        }
        if self.partitions.iter().any(|(_, slot)| slot.is_owed_seek()) {
            self.place_again_at = Some(Instant::now() + SEEK_AGAIN);
        }
    }

    /// One that is refused on and on is told. With `KAFKA_OFFSET_RESET=error` it is the end: where the client found nothing
    /// to read from it takes no seek any more, and its word on that may be lost.
    fn seek_refused(&mut self, topic: &str, number: i32, error: &KafkaError) {
        if self.phase != Phase::Running || self.revoke.is_some() || self.assigning.is_some() {
            return;
        }
        let id = self.partitions.find(topic, number);
        let Some(slot) = id.and_then(|id| self.partitions.get_mut(id)) else { return };
        if !slot.seek_refused() {
            return;
        }
        let name = slot.name();
        if self.reset_to.is_none() && error.rdkafka_error_code() == Some(Code::State) {
            return self.fail_without_start(&name, "the client has stopped reading it");
        }
        let text = format!("{name}: seek: {error}");
        self.outbox.note(SourceNote::ClientError { code: "SEEK".to_owned(), text });
    }

    /// Tries a refused seek again: the client drops one that meets a rebalance of its own in the wrong moment.
    pub(super) fn place_again(&mut self, now: Instant) {
        if self.place_again_at.take_if(|at| now >= *at).is_none() {
            return;
        }
        let is_owed = |id: &PartitionId| self.partitions.get(*id).is_some_and(Slot::is_owed_seek);
        let owed: Vec<_> = self.partitions.assigned().filter(is_owed).collect();
        self.place(&owed);
    }

    /// False when nobody will answer.
    pub(super) fn ask(&mut self, about: About, ids: &[PartitionId]) -> bool {
        let slots = ids.iter().filter_map(|id| Some((*id, self.partitions.get(*id)?)));
        let partitions: Vec<_> = slots.map(|(id, slot)| (id, slot.topic.clone(), slot.number)).collect();
        let asked = self.lookup.ask(Question { about, partitions });
        if asked {
            let now = Instant::now();
            for id in ids {
                if let Some(slot) = self.partitions.get_mut(*id) {
                    slot.asked_at = Some(now);
                }
            }
        }
        asked
    }

    pub(super) fn take_answers(&mut self) {
        while let Some(answer) = self.lookup.answer() {
            match answer {
                Answer::LogEnd(id, end) => self.heard_end(id, end),
                Answer::Committed(id, offset) => self.found(id, offset),
                Answer::LogStart(found) => self.outbox.push(Event::StartsRead(found)),
                Answer::Audit(found) => self.outbox.push(Event::CommittedRead(found)),
                Answer::Start(number, known) => self.found_start(number, &known),
            }
        }
    }

    /// The position of a partition of which nothing was taken and which the client lost.
    fn found(&mut self, id: PartitionId, committed: Option<i64>) {
        let paused = self.pauses.is_applied(id);
        let Some(slot) = self.partitions.get_mut(id) else { return };
        if !slot.spoiled || slot.taken.is_some() || paused || slot.phase != partitions::Phase::Assigned {
            return;
        }
        slot.spoiled = false;
        slot.taken = committed;
        match committed {
            Some(_) => self.place(&[id]),
            None => self.seek_to_reset(id),
        }
    }

    /// Nothing committed: as at the start, where `auto.offset.reset` says.
    fn seek_to_reset(&mut self, id: PartitionId) {
        let Some(to) = self.reset_to else {
            let name = self.partitions.get(id).map(Slot::name);
            return self.fail_without_start(&name.unwrap_or_default(), "nothing is committed");
        };
        let mut list = self.partitions.list([id]);
        let placed = list
            .set_all_offsets(to)
            .and_then(|()| self.consumer.seek_partitions(list, SEEK_TIMEOUT))
            .and_then(|done| done.elements().iter().try_for_each(|element| element.error()));
        let Some(slot) = self.partitions.get_mut(id) else { return };
        // Where it is refused, it is asked and tried again.
        (slot.spoiled, slot.unplaced) = (placed.is_err(), placed.is_err());
        if let Err(error) = placed {
            let text = format!("seek: {error}");
            self.outbox.note(SourceNote::ClientError { code: "SEEK".to_owned(), text });
        }
    }
}
