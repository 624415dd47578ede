//! Partitions and records coming in.

use std::time::Duration;

use crate::{
    engine::{
        Effects, Engine,
        admission::{self, Deadline, Verdict},
        assignment::{Partition, Phase},
        event::{Assignment, CommitId, CommitOutcome, CommitResult, PartitionEnd, Reason},
        fact::{Fact, Stage},
        ledger::{Ledger, LedgerError, completed::Completed},
        order::OrderLocks,
        sentinel::Invariant,
    },
    record::Record,
    time::Now,
};

/// The queue is swept for expired records at most this often.
const SWEEP_EVERY: Duration = Duration::from_millis(50);

/// Lists that filling and settling one batch take beside its own.
const SPARE_MORE: usize = 4;

impl Engine {
    pub(super) fn on_assigned(&mut self, assignments: &[Assignment], out: &mut Effects) {
        for assignment in assignments {
            let lane = self.queue.lane_id(&assignment.topic);
            // A partition that comes back without having been revoked (an adapter's slip) must not leave old records.
            self.abandon_partition(assignment.id, "reassigned", out);
            let before = assignment.committed.as_ref().filter(|_| self.commits.keeps_completed());
            let before = before.and_then(|kept| Completed::decode(&kept.metadata, kept.offset));
            self.partitions.assign(assignment, lane, Ledger::resume(before.unwrap_or_default()));
            if let Some(partition) = self.partitions.get_mut(assignment.id) {
                partition.owes_start = self.settings.commits_start && assignment.committed.is_none();
            }
            self.control.add_route(lane.0, &assignment.topic);
        }
        let assigned = u32::try_from(assignments.len()).unwrap_or(u32::MAX);
        out.fact(Fact::PartitionsMoved { assigned: assignments.to_vec(), revoked: Vec::new(), lost: false });
        out.fact(Fact::Rebalanced { assigned, revoked: 0, lost: false });
        self.reconcile_pauses(out);
    }

    pub(super) fn on_polled(&mut self, now: Now, records: Vec<Record>, ends: &[PartitionEnd], out: &mut Effects) {
        let polled = u32::try_from(records.len()).unwrap_or(u32::MAX);
        let bytes = records.iter().map(Record::charge).sum();
        for record in records {
            self.credit.use_up(&self.settings, record.charge());
            self.admit(now, record, out);
        }
        for end in ends {
            // Where records are not taken in any more, an end may lie behind records that were refused: it says nothing.
            let takes_in = |p: &&mut Partition| p.phase == Phase::Active && !p.pauses.stopped && self.drain.is_none();
            if let Some(partition) = self.partitions.get_mut(end.partition).filter(takes_in) {
                partition.end = partition.end.max(Some(end.offset));
                partition.note_gap(end.offset);
                if partition.ledger.reach_end(end.offset) {
                    self.commits.mark_dirty(end.partition, &mut partition.dirty);
                }
                if std::mem::take(&mut partition.owes_start) {
                    self.commits.mark_start(end.partition, &mut partition.dirty);
                }
            }
        }
        if polled > 0 {
            out.fact(Fact::Enqueued { records: polled, bytes, depth: self.queue.records() });
        }
    }

    fn admit(&mut self, now: Now, mut record: Record, out: &mut Effects) {
        if !self.charge(now, &mut record, out) {
            return;
        }
        if self.was_completed(&record) {
            return self.pass_over(now, &record, out);
        }
        if self.settings.ttl {
            match admission::deadline(&record.payload) {
                Deadline::None => {}
                Deadline::At(at) => record.notes.deadline = Some(at),
                Deadline::Malformed => {
                    out.fact(Fact::DeadlineMalformed { partition: record.partition, offset: record.offset });
                }
            }
        }
        record.notes.admitted_at = now.mono;
        self.note_arrival(now, &record);
        record.notes.order = OrderLocks::mark(self.settings.ordering, &record);
        match admission::judge(&self.settings, now.wall, &record) {
            Verdict::Admit => self.enqueue(record, out),
            Verdict::Expired { .. } => self.expire(now, record, Stage::Intake, out),
            Verdict::Skip => self.skip(now, record, Reason::Tombstone, out),
            Verdict::GiveUp(reason) => self.give_up(now, record, reason, None, None, out),
        }
    }

    /// Enters the record in its partition's ledger. False when it is not ours to work on.
    fn charge(&mut self, now: Now, record: &mut Record, out: &mut Effects) -> bool {
        let Some(partition) = self.partitions.get_mut(record.partition) else {
            out.fact(Fact::Stale { what: "record" });
            return false;
        };
        if partition.phase != Phase::Active || self.drain.is_some() {
            out.fact(Fact::Stale { what: "record" });
            return false;
        }
        if partition.pauses.stopped {
            // The record that stopped the partition holds the frontier: this one comes again after a restart.
            return false;
        }
        partition.note_gap(record.offset);
        match partition.ledger.charge(now.mono, record.offset) {
            Ok(seq) => record.notes.seq = seq,
            Err(LedgerError::Backwards { expected, offset }) => {
                let (topic, number) = (partition.topic.clone(), partition.number);
                let is_within = partition.ledger.frontier().is_some_and(|frontier| frontier < offset);
                out.fact(Fact::OffsetReset { topic, number, expected, offset });
                self.abandon_partition(record.partition, "offset_reset", out);
                if is_within {
                    self.stop_truncated(record, out);
                    return false;
                }
                return self.charge(now, record, out);
            }
            Err(error) => {
                self.violate(Invariant::I1, error.to_string(), out);
                return false;
            }
        }
        if std::mem::take(&mut partition.owes_start) {
            self.commits.mark_start(record.partition, &mut partition.dirty);
        }
        record.notes.epoch = partition.epoch;
        let span = partition.ledger.span();
        let broken =
            (span > self.settings.span_max).then(|| format!("{}-{}: span {span}", partition.topic, partition.number));
        self.look(Invariant::I6, broken.is_none(), || broken.unwrap_or_default(), out);
        self.pause_for_span(now, record.partition, out);
        true
    }

    /// Whether the epoch before this one, here or elsewhere, finished it.
    fn was_completed(&mut self, record: &Record) -> bool {
        self.partitions.get_mut(record.partition).is_some_and(|p| p.ledger.was_completed(record.offset))
    }

    fn enqueue(&mut self, record: Record, out: &mut Effects) {
        let id = record.partition;
        let Some(partition) = self.partitions.get_mut(id) else { return };
        partition.queued += 1;
        let blocked = partition.retrying > 0;
        self.queue.push(partition.lane, record);
        if blocked {
            self.pause_for_order(id, out);
        }
    }

    /// Takes what expired while it was queued out of the queue, so that it makes room even while nothing is sent.
    pub(super) fn sweep(&mut self, now: Now, out: &mut Effects) {
        let expired = self.queue.earliest_deadline().is_some_and(|earliest| now.wall > earliest);
        if !expired || now.mono < self.next_sweep {
            return;
        }
        self.next_sweep = now.mono + SWEEP_EVERY;
        let mut gone = self.spare.pop().unwrap_or_default();
        self.queue.sweep(now.wall, |_, record| gone.push(record));
        for record in gone.drain(..) {
            if let Some(partition) = self.partitions.current(&record) {
                partition.queued -= 1;
            }
            self.expire(now, record, Stage::Queue, out);
        }
        self.keep_spare(gone);
    }

    pub(super) fn on_committed(&mut self, now: Now, id: CommitId, results: Vec<CommitResult>, out: &mut Effects) {
        let took = self.commits.on_answer(now.mono, id, &results, &mut self.partitions);
        for result in results.iter().filter(|result| result.outcome == CommitOutcome::Applied) {
            self.reopen_committed(result.partition, out);
        }
        match took {
            Some(took) => out.fact(Fact::CommitAnswered { results, took }),
            None => out.fact(Fact::Stale { what: "commit" }),
        }
    }

    /// Keeps an emptied list for the next batch.
    pub(super) fn keep_spare(&mut self, list: Vec<Record>) {
        // In trouble more come back than go out: what is halved becomes two.
        if self.spare.len() < 2 * self.values.concurrency as usize + SPARE_MORE {
            self.spare.push(list);
        }
    }
}
