//! From an answer to a disposition for every record of the batch.
//!
//! What the worker could not do, or would not take, is in `failed`.

use std::time::Duration;

use crate::{
    engine::{
        Effects, Engine,
        admission::is_expired,
        event::{Answer, Outcome, Reason, Settled, Verdict},
        fact::{Fact, Stage},
        in_flight::Flight,
        queue::LaneId,
        requests::Place,
        retry::{Group, Suspicion, backoff, cap_by_deadline},
        sentinel::Invariant,
        steer,
        worker_health::{Failure, Setback, Trouble},
    },
    record::Record,
    time::{Instant, Now},
};

/// A worker that broke a call off may be dying, and takes with it what it is sent meanwhile.
const DYING: Duration = Duration::from_secs(1);

/// How long a group waits for its next try, and why it has to.
#[derive(Clone, Copy)]
pub(super) struct Wait {
    pub delay: Duration,
    pub cause: &'static str,
}

impl Wait {
    pub fn none(cause: &'static str) -> Self {
        Self { delay: Duration::ZERO, cause }
    }
}

/// How a batch was sent.
#[derive(Clone, Copy)]
struct Sent {
    at: Instant,
    /// If it failed, how.
    failure: Failure,
}

/// What became of one call, apart from its records.
pub(super) struct Call {
    pub lane: LaneId,
    /// Records that were sent together, and their bytes.
    pub sent: u32,
    pub bytes: u64,
    pub suspicion: Suspicion,
    /// What came of it cannot be the doing of another batch.
    pub own_doing: bool,
    pub behind: Vec<Record>,
    pub status: Option<u16>,
    pub detail: Option<Box<str>>,
}

impl Engine {
    pub(super) fn on_settled(&mut self, now: Now, settled: Settled, out: &mut Effects) {
        let Settled { batch, answer, took, status, detail, told, said } = settled;
        let Some(flight) = self.in_flight.take(batch.id) else {
            out.fact(Fact::Stale { what: "batch" });
            return;
        };
        out.fact(Fact::BatchSettled {
            batch: batch.id,
            topic: batch.topic.clone(),
            records: flight.records,
            answer: answer.name(),
            status,
            took,
            detail: detail.clone(),
        });
        self.requests.heard(said);
        let lane = flight.lane;
        if !self.control.is_off() {
            self.note_told(now, told, out);
            if let Some(sample) = steer::sample(now, &flight, &batch.records, &answer, &told) {
                self.note_sample(now, lane, &batch.records, &sample);
            }
        }
        // The head of a 2xx whose body never came is no word on the batch.
        let has_word = status.is_some_and(|status| answer != Answer::Failed || !(200..300).contains(&status));
        let own_doing = has_word || self.in_flight.is_alone_to_blame(now.mono, &flight);
        if matches!(answer, Answer::Done | Answer::Each(_) | Answer::Refused | Answer::TooLarge) {
            self.in_flight.heard(batch.id);
        }
        if flight.suspicion == Suspicion::Apart {
            self.retries.none_apart_before(now.mono + now.mono.since(flight.since));
        }
        if answer == Answer::Failed && !has_word {
            self.retries.none_apart_before(now.mono + DYING);
        }
        let cut_off = flight.by_deadline && flight.has_timed_out(now.mono);
        let Flight { since, suspicion, budgeted, behind, records: sent, .. } = flight;
        let is_done = match &answer {
            Answer::Each(verdicts) => !verdicts.contains(&Verdict::Retry),
            answer => *answer == Answer::Done,
        };
        if budgeted && is_done {
            self.retry_budget.on_success();
        }
        // What fails while the worker is known to be broken says nothing of the records.
        let charged = answer != Answer::Failed || !self.worker.is_broken();
        let fresh = suspicion == Suspicion::None && batch.records.iter().all(|record| record.notes.attempts == 0);
        let sent_how = Sent { at: since, failure: Failure { fresh, cut_off } };
        self.note_health(now, &answer, sent_how, detail.as_deref(), out);
        let mut records = batch.records;
        let bytes = records.iter().map(Record::charge).sum();
        self.land(&mut records, &answer, out);
        let call = Call { lane, sent, bytes, suspicion, own_doing, behind, status, detail };
        match answer {
            Answer::Done => self.complete_all(now, call, records, out),
            Answer::Each(verdicts) => self.settle_each(now, call, records, verdicts, out),
            Answer::Busy { .. } | Answer::Away | Answer::Misconfigured => self.take_back(now, call, records, out),
            Answer::Failed if !charged => self.take_back(now, call, records, out),
            Answer::NotSent => self.resend_unexpired(now, call, records, out),
            Answer::Failed => self.settle_failed(now, call, records, out),
            Answer::Refused => self.settle_refused(now, call, records, out),
            Answer::TooLarge => self.settle_too_large(now, call, records, out),
        }
    }

    fn note_health(&mut self, now: Now, answer: &Answer, sent: Sent, detail: Option<&str>, out: &mut Effects) {
        let (trouble, retry_after) = match answer {
            Answer::Failed if self.worker.on_failed(now.mono, sent.failure) => (Trouble::Broken, None),
            Answer::Busy { retry_after } => (Trouble::Busy, *retry_after),
            Answer::Away => (Trouble::Away, None),
            Answer::Misconfigured => (Trouble::Misconfigured, None),
            Answer::NotSent => return,
            // Nothing was sent, so the worker has said nothing.
            Answer::Each(verdicts) if verdicts.iter().all(|verdict| *verdict == Verdict::Undecodable) => return,
            _ => {
                if *answer != Answer::Failed {
                    self.worker.on_success();
                }
                if let Some(after) = self.worker.on_taken(now.mono) {
                    out.fact(Fact::WorkerBack { after });
                }
                return;
            }
        };
        let check_back = self.control.check_back();
        let setback = Setback { sent: sent.at, trouble, retry_after, detail, check_back };
        if let Some(hold) = self.worker.on_trouble(now, &self.settings.retry, &setback) {
            out.fact(Fact::WorkerHeld { cause: trouble.name(), hold, detail: detail.map(Into::into) });
        }
    }

    /// Takes the records back from the worker; those of an epoch that is over are dropped here. In a batch with
    /// verdicts they are kept, to keep verdicts and records in step, and dropped one by one.
    fn land(&mut self, records: &mut Vec<Record>, answer: &Answer, out: &mut Effects) {
        let mut stale = false;
        for record in records.iter() {
            match self.partitions.current(record) {
                Some(partition) => partition.in_flight -= 1,
                None => stale |= record.request().is_none(),
            }
        }
        if stale {
            out.fact(Fact::Stale { what: "answer" });
        }
        if !matches!(answer, Answer::Each(_)) {
            let gone: Vec<Record> = records.extract_if(.., |record| !self.is_current(record)).collect();
            gone.iter().for_each(|record| self.order.free(record));
        }
    }

    fn complete_all(&mut self, now: Now, call: Call, mut records: Vec<Record>, out: &mut Effects) {
        self.complete(now, call.lane, &records, out);
        records.clear();
        self.keep_spare(records);
        self.send_behind_on(now, call.lane, call.behind, out);
    }

    fn complete(&mut self, now: Now, lane: LaneId, records: &[Record], out: &mut Effects) {
        let (mut late, mut foretold, mut in_time, mut finished) = (0, 0, 0, 0_u32);
        for record in records {
            if let Some(id) = record.request() {
                self.answer(now, id, Outcome::Done, out);
                continue;
            }
            finished += 1;
            let is_late = is_expired(record.notes.deadline, now.wall);
            late += u32::from(is_late);
            foretold += u32::from(record.notes.foretold_late);
            in_time += u32::from(record.notes.foretold_late && !is_late);
            self.finish(now, record, out);
        }
        if foretold > 0 {
            self.control.shed_mut().checked(foretold, in_time);
            out.fact(Fact::ForetoldLate { records: foretold, in_time });
        }
        if let Some(lane) = self.queue.lane(lane).filter(|_| finished > 0) {
            out.fact(Fact::Completed { topic: lane.topic.clone(), records: finished, late });
        }
    }

    fn settle_each(
        &mut self,
        now: Now,
        call: Call,
        mut records: Vec<Record>,
        verdicts: Vec<Verdict>,
        out: &mut Effects,
    ) {
        if verdicts.len() != records.len() {
            // The adapter's slip: the safe reading is that nobody succeeded.
            self.violate(Invariant::I1, format!("{} verdicts for {} records", verdicts.len(), records.len()), out);
            return self.settle_failed(now, call, records, out);
        }
        let mut done = self.spare.pop().unwrap_or_default();
        let mut again = Vec::new();
        for (mut record, verdict) in records.drain(..).zip(verdicts) {
            if !self.is_current(&record) {
                self.let_go(&record);
                continue;
            }
            let follows = record.notes.order != 0 && again.iter().any(|r: &Record| r.notes.order == record.notes.order);
            match verdict {
                // Ordered modes: what comes after a retried record of its key goes again with it, uncharged.
                _ if follows => again.push(record),
                Verdict::Success => done.push(record),
                Verdict::Retry => {
                    record.notes.attempts = record.notes.attempts.saturating_add(1);
                    if record.notes.attempts >= self.settings.retry.attempts_max {
                        self.give_up(now, record, Reason::OutOfAttempts, call.status, call.detail.clone(), out);
                    } else {
                        again.push(record);
                    }
                }
                Verdict::Drop => self.give_up(now, record, Reason::Dropped, call.status, call.detail.clone(), out),
                Verdict::Undecodable => self.give_up(now, record, Reason::Undecodable, None, None, out),
            }
        }
        self.complete(now, call.lane, &done, out);
        done.clear();
        self.keep_spare(done);
        self.keep_spare(records);
        let attempts = again.iter().map(|record| record.notes.attempts).max().unwrap_or(0);
        let group =
            Group { lane: call.lane, records: again, suspicion: Suspicion::None, behind: call.behind, budgeted: true };
        let delay = backoff(&self.settings.retry, attempts, now.jitter);
        self.retry(now, group, Wait { delay, cause: "verdict" }, out);
    }

    /// The worker could not take the batch: it goes again as it was, when the hold is over, and costs nobody.
    fn take_back(&mut self, now: Now, call: Call, records: Vec<Record>, out: &mut Effects) {
        let Call { lane, mut suspicion, behind, .. } = call;
        if suspicion == Suspicion::Apart && self.worker.is_broken() {
            // One goes at a time now anyway, and the others have their turn to show that the worker is well.
            suspicion = Suspicion::Split;
        }
        let group = Group { lane, records, suspicion, behind, budgeted: false };
        let delay = self.worker.others_first(now.mono);
        self.retry(now, group, Wait { delay, cause: "unavailable" }, out);
    }

    /// A deadline passed between dispatch and send: those records are finished, the others go at once.
    fn resend_unexpired(&mut self, now: Now, call: Call, mut records: Vec<Record>, out: &mut Effects) {
        for record in records.extract_if(.., |record| is_expired(record.notes.deadline, now.wall)).collect::<Vec<_>>() {
            self.expire(now, record, Stage::Send, out);
        }
        let Call { lane, suspicion, behind, .. } = call;
        let group = Group { lane, records, suspicion, behind, budgeted: false };
        self.retry(now, group, Wait::none("not_sent"), out);
    }

    /// Puts a group into the retry pool.
    pub(super) fn retry(&mut self, now: Now, mut group: Group, wait: Wait, out: &mut Effects) {
        self.keep_for_retry(now, &mut group.records, out);
        if group.records.is_empty() {
            return self.send_behind_on(now, group.lane, group.behind, out);
        }
        self.keep_behind(&mut group.behind, out);
        let deadlines = group.records.iter().map(|record| record.notes.deadline);
        let delay = deadlines.fold(wait.delay, |delay, deadline| cap_by_deadline(delay, now.wall, deadline));
        let records = u32::try_from(group.records.len()).unwrap_or(u32::MAX);
        out.fact(Fact::Retried { records, cause: wait.cause, delay });
        self.retries.push(now.mono + delay, group);
    }

    /// Leaves in `records` what will be tried again. What has expired is finished; what is being given back is let go:
    /// being interrupted is not giving up, nothing is charged and nothing dead-lettered.
    pub(super) fn keep_for_retry(&mut self, now: Now, records: &mut Vec<Record>, out: &mut Effects) {
        let mut kept = self.spare.pop().unwrap_or_default();
        let mut abandoned = 0;
        for record in records.drain(..) {
            if is_expired(record.notes.deadline, now.wall) {
                self.expire(now, record, Stage::Retry, out);
            } else if self.may_go_on(&record) {
                if self.is_condemned(now, &record) {
                    self.give_up_head(now, record, out);
                    continue;
                }
                if let Some(partition) = self.partitions.current(&record) {
                    partition.retrying += 1;
                }
                self.requests.moved(now.mono, &record, Place::Retrying);
                kept.push(record);
            } else {
                self.let_go(&record);
                abandoned += 1;
            }
        }
        self.keep_spare(std::mem::replace(records, kept));
        if abandoned > 0 {
            out.fact(Fact::Abandoned { records: abandoned, cause: "given_back" });
        }
    }

    /// Leaves in `behind` what may still go: settling the batch in front may have stopped a partition.
    fn keep_behind(&mut self, behind: &mut Vec<Record>, out: &mut Effects) {
        let gone: Vec<Record> = behind.extract_if(.., |record| !self.may_go_on(record)).collect();
        self.abandoned(&gone, "given_back", out);
    }

    /// What waited behind a batch goes next. Its records have counted as retrying all along.
    pub(super) fn send_behind_on(&mut self, now: Now, lane: LaneId, mut behind: Vec<Record>, out: &mut Effects) {
        self.keep_behind(&mut behind, out);
        if !behind.is_empty() {
            let group =
                Group { lane, records: behind, suspicion: Suspicion::Split, behind: Vec::new(), budgeted: true };
            self.retries.push(now.mono, group);
        }
    }
}
