//! Which records go to the worker next, and when.
//!
//! Due retries first (their budget allowing), then the lane whose oldest record has waited longest (between Kafka's and
//! the requests' `share` decides), once its batch is due: full by records or bytes, its linger (counted from the first record) over, or a deadline so near that waiting
//! for the linger would cost it. Nothing goes while the worker is held or the concurrency limit is reached.

use std::time::Duration;

use crate::{
    engine::{
        Effects, Engine,
        admission::is_expired,
        assignment::Phase,
        event::{Action, Batch},
        fact::{Fact, FreshHold, Stage},
        in_flight::Flight,
        queue::{Lane, LaneId},
        release::Drain,
        requests::Place,
        retry::{Group, Suspicion},
        settings::Ordering,
    },
    record::Record,
    time::{Instant, Now, UnixMillis},
};

impl Engine {
    pub(super) fn dispatch(&mut self, now: Now, out: &mut Effects) {
        while self.has_slot(now.mono) {
            if self.worker.may_spend(now.mono) && self.probe_with_one(now, out) {
                continue;
            }
            if self.clears_for_one(now.mono) {
                if !self.in_flight.is_empty() || !self.retries.is_apart_due(now.mono, &self.retry_budget) {
                    return;
                }
                self.clearing = false;
                if let Some(group) = self.next_apart(now, out) {
                    self.send(now, group, true, out);
                }
            } else if let Some(group) = self.next_retry(now, out) {
                self.send(now, group, true, out);
            } else if let Some((lane, contested)) = self.next_lane(now) {
                self.send_fresh(now, lane, contested, self.batch_most(), out);
            } else {
                return;
            }
        }
    }

    /// Whether nothing more is sent until what goes with nothing beside it has gone. Once that is so it stays so: calls that
    /// fail meanwhile may put it off, and others would fail again and again.
    fn clears_for_one(&mut self, now: Instant) -> bool {
        let is_due = self.retries.is_apart_due(now, &self.retry_budget);
        self.clearing = self.retries.next_apart().is_some() && (self.clearing || is_due);
        self.clearing
    }

    /// A single fresh record, where there is one, whatever else would hold it back: what failed before may be to blame
    /// itself.
    fn probe_with_one(&mut self, now: Now, out: &mut Effects) -> bool {
        let Some((lane, contested)) = self.lane_to_probe_from() else { return false };
        let before = self.in_flight.batches();
        self.send_fresh(now, lane, contested, 1, out);
        let sent = self.in_flight.batches() > before;
        if sent {
            self.worker.on_spent(now.mono);
        }
        sent
    }

    fn has_slot(&self, now: Instant) -> bool {
        self.sends()
            && !self.in_flight.is_taken_by_one()
            && self.in_flight.batches() < self.worker.concurrency(now, self.values.concurrency)
    }

    /// On the way out only those who wait for an answer are still served: of Kafka's records none is left by then.
    fn sends(&self) -> bool {
        self.drain.as_ref().is_none_or(Drain::is_finishing)
    }

    /// Fresh records wait while dead letters are held (the way out is blocked) or the retry pool is at its bound.
    pub(super) fn takes_fresh(&self) -> bool {
        self.letters.held() == 0 && self.takes_requests()
    }

    /// Requests have no dead letters, and do not wait for them.
    pub(super) fn takes_requests(&self) -> bool {
        let records_max = self.settings.queue_records_max.unwrap_or(4096);
        self.retries.records() < records_max && self.retries.bytes() < self.settings.queue_bytes_max
    }

    /// Why fresh records wait for those that are tried again; `None` while none waits.
    pub(super) fn fresh_held_by(&self) -> Option<FreshHold> {
        if self.queue.records() == 0 {
            None
        } else if self.clearing || self.in_flight.is_taken_by_one() {
            Some(FreshHold::LastTry)
        } else {
            (!self.takes_requests()).then_some(FreshHold::RetriesFull)
        }
    }

    pub(super) fn tell_fresh_hold(&mut self, out: &mut Effects) {
        let cause = self.fresh_held_by();
        if let Some(cause) = cause.filter(|_| self.fresh_held != cause) {
            out.fact(Fact::FreshHeld { cause });
        }
        self.fresh_held = cause;
    }

    /// Records of the next batch: a broken worker is probed with one at a time.
    fn batch_most(&self) -> u32 {
        if self.worker.is_broken() { 1 } else { self.values.batch_records }
    }

    /// The next group of those that go with nothing beside them.
    fn next_apart(&mut self, now: Now, out: &mut Effects) -> Option<Group> {
        loop {
            let group = self.retries.pop_apart(now.mono, &mut self.retry_budget)?;
            if let Some(group) = self.still_to_send(now, group, out) {
                return Some(group);
            }
        }
    }

    /// The next of all the others.
    fn next_retry(&mut self, now: Now, out: &mut Effects) -> Option<Group> {
        let records_max = self.batch_most() as usize;
        loop {
            let budget = &mut self.retry_budget;
            let group = self.retries.pop_due(now.mono, budget, records_max, self.batch_bytes_max)?;
            if let Some(group) = self.still_to_send(now, group, out) {
                return Some(group);
            }
        }
    }

    /// What of a group that has left the pool goes now; what was behind it goes on when that is nothing.
    fn still_to_send(&mut self, now: Now, mut group: Group, out: &mut Effects) -> Option<Group> {
        if self.worker.is_broken() {
            self.leave_one(now, &mut group);
        }
        let mut kept = self.spare.pop().unwrap_or_default();
        for record in group.records.drain(..) {
            self.on_leaving_retry(&record, out);
            if is_expired(record.notes.deadline, now.wall) {
                self.expire(now, record, Stage::Retry, out);
            } else {
                kept.push(record);
            }
        }
        self.keep_spare(std::mem::replace(&mut group.records, kept));
        if group.records.is_empty() {
            self.send_behind_on(now, group.lane, group.behind, out);
            return None;
        }
        Some(group)
    }

    /// A broken worker is probed with one record at a time: a group fails for one that is bad, whoever else is in it. The
    /// others go behind all that waits, or behind the one where order counts.
    fn leave_one(&mut self, now: Now, group: &mut Group) {
        if group.records.len() < 2 {
            return;
        }
        let mut rest = group.records.split_off(1);
        if self.settings.ordering == Ordering::None {
            let (lane, behind) = (group.lane, std::mem::take(&mut group.behind));
            let rest = Group { lane, records: rest, suspicion: Suspicion::None, behind, budgeted: false };
            self.retries.push(now.mono, rest);
        } else {
            rest.append(&mut group.behind);
            group.behind = rest;
        }
        group.suspicion = Suspicion::None;
    }

    fn on_leaving_retry(&mut self, record: &Record, out: &mut Effects) {
        if let Some(partition) = self.partitions.current(record) {
            partition.retrying -= 1;
        }
        self.reopen_partition(record.partition, out);
    }

    /// When the lane's next batch is due; `None` while it is empty or nothing of it can go.
    pub(super) fn lane_due(&self, now: Now, id: LaneId, lane: &Lane) -> Option<Instant> {
        let linger_end = lane.oldest()? + self.values.linger;
        if self.is_stuck(lane) {
            return None;
        }
        let full = lane.records.len() >= self.values.batch_records as usize || lane.bytes >= self.batch_bytes_max;
        if full || self.has_room_to_spare(now.mono) {
            return Some(now.mono);
        }
        Some(self.last_call(now, id, lane, linger_end).unwrap_or(linger_end))
    }

    /// What has to change before a lane of which nothing could go is looked at again.
    pub(super) fn stuck_mark(&self, lane: &Lane) -> (u64, u64, usize) {
        (self.order.freed(), self.in_flight.settled(), lane.records.len())
    }

    /// Whether nothing of the lane could go when it was looked at, and nothing has changed since.
    pub(super) fn is_stuck(&self, lane: &Lane) -> bool {
        lane.stuck_at == Some(self.stuck_mark(lane))
    }

    /// Sends no more than `most` records of a lane.
    fn send_fresh(&mut self, now: Now, lane: LaneId, contested: bool, most: u32, out: &mut Effects) {
        let mut records = self.cut(now, lane, most, out);
        self.take_along(now, lane, &mut records, most, out);
        if contested {
            self.note_turn(&records);
        }
        if records.is_empty() {
            self.keep_spare(records);
            let mark = self.queue.lane(lane).map(|lane| self.stuck_mark(lane));
            if let Some(lane) = self.queue.lane_mut(lane) {
                lane.stuck_at = mark;
            }
            return;
        }
        let group = Group { lane, records, suspicion: Suspicion::None, behind: Vec::new(), budgeted: false };
        self.retry_budget.on_fresh();
        self.send(now, group, false, out);
    }

    /// Hands a batch to the worker.
    fn send(&mut self, now: Now, group: Group, retry: bool, out: &mut Effects) {
        let Group { lane, records, suspicion, behind, budgeted } = group;
        let Some(topic) = self.queue.lane(lane).map(|lane| lane.topic.clone()) else { return };
        let id = self.in_flight.next_id();
        let (mut bytes, mut attempts, mut oldest) = (0, 0, now.mono);
        for record in &records {
            bytes += record.charge();
            attempts = attempts.max(record.notes.attempts);
            oldest = oldest.min(record.notes.admitted_at);
            if let Some(partition) = self.partitions.current(record) {
                partition.in_flight += 1;
            }
            self.requests.moved(now.mono, record, Place::Out);
        }
        self.look_at_batch(now, &records, bytes, out);
        let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
        let timeout = self.timeout(now.wall, lane, &records);
        let by_deadline = timeout < self.settings.inference_timeout;
        let (since, in_flight) = (now.mono, self.in_flight.batches() + 1);
        self.in_flight.insert(Flight {
            id,
            lane,
            records: count,
            since,
            in_flight,
            timeout,
            by_deadline,
            suspicion,
            has_company: false,
            budgeted,
            behind,
        });
        self.control.shed_mut().sent(count);
        out.fact(Fact::BatchDispatched {
            batch: id,
            topic: topic.clone(),
            records: count,
            bytes,
            attempt: attempts + 1,
            waited: now.mono.since(oldest),
            retry,
        });
        let not_after = records.iter().filter_map(|record| record.notes.deadline).min();
        out.actions.push(Action::Dispatch(Batch { id, topic, records, not_after, timeout }));
    }

    /// The call's bound: `INFERENCE_TIMEOUT`, or less when every record in it will have expired before; but as long as
    /// it usually takes, where that is being learnt. A worker that finishes what it began is busy until then, whoever
    /// still waits, and only an answer tells how long it took.
    fn timeout(&self, wall: UnixMillis, lane: LaneId, records: &[Record]) -> Duration {
        let mut last = wall;
        for record in records {
            match record.notes.deadline {
                Some(deadline) => last = last.max(deadline),
                None => return self.settings.inference_timeout,
            }
        }
        let until_expired = wall.until(last) + Duration::from_millis(1);
        let usual = self.control.usually_within(lane.0, u32::try_from(records.len()).unwrap_or(u32::MAX));
        self.settings.inference_timeout.min(until_expired.max(usual))
    }

    pub(super) fn dispatch_wake(&self, now: Now) -> Option<Instant> {
        if !self.sends() || self.in_flight.batches() >= self.values.concurrency {
            return None;
        }
        let hold = self.worker.next_wake();
        // While held, or while a probe is out, nothing else can become due.
        if self.worker.concurrency(now.mono, self.values.concurrency) <= self.in_flight.batches() {
            return hold.filter(|until| *until > now.mono);
        }
        if self.in_flight.is_taken_by_one() || (self.clearing && !self.in_flight.is_empty()) {
            return None;
        }
        let may_go = |(due, budgeted): (Instant, bool)| {
            if budgeted && self.retry_budget.tokens() < 1.0 {
                due.max(self.retry_budget.next_token(now.mono))
            } else {
                due
            }
        };
        let apart = self.retries.next_apart().map(may_go);
        if self.clearing {
            return apart;
        }
        let retry = self.retries.next_due().map(may_go).into_iter().chain(apart);
        let lane = self.queue.lanes().filter_map(|(id, lane)| self.lane_wake(now, id, lane)).min();
        retry.chain(lane).min()
    }

    /// Lets go of a record without a disposition: its next owner will see it again.
    pub(super) fn let_go(&mut self, record: &Record) {
        self.order.free(record);
    }

    /// Whether the record is still to be finished: its epoch goes on, or somebody waits for its answer.
    pub(super) fn is_current(&mut self, record: &Record) -> bool {
        match record.request() {
            Some(id) => self.requests.is_open(id),
            None => self.partitions.current(record).is_some(),
        }
    }

    /// Whether work on the record may still be begun.
    pub(super) fn may_go_on(&mut self, record: &Record) -> bool {
        if record.request().is_some() {
            return self.is_current(record);
        }
        self.drain.is_none()
            && self.partitions.current(record).is_some_and(|p| p.phase == Phase::Active && !p.pauses.stopped)
    }
}
