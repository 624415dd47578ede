//! Facts as numbers.

use super::Telemetry;
use crate::{
    engine::{
        event::{CommitOutcome, CommitResult},
        fact::{Fact, Gate},
    },
    runtime::SourceNote,
};

impl Telemetry {
    pub(super) fn count_fact(&mut self, fact: &Fact) {
        let to = &mut self.instruments;
        match fact {
            Fact::Enqueued { records, bytes, .. } => {
                to.polled_records.increment(u64::from(*records));
                to.polled_bytes.increment(*bytes);
            }
            Fact::RequestEnqueued { .. } => {}
            Fact::RequestRejectedFull { .. } => to.requests.add("full", 1),
            Fact::RequestDone { outcome, waited, took, .. } => {
                to.requests.add(outcome, 1);
                to.request_wait.record(waited.as_secs_f64());
                if let Some(histogram) = to.request_latency.with(&[outcome]) {
                    histogram.record(took.as_secs_f64());
                }
            }
            Fact::Expired { stage, .. } => to.expired.add(stage.name(), 1),
            Fact::DeadlineMalformed { .. } => to.deadline_malformed.increment(1),
            Fact::Paused(gate) => self.count_gate(gate, true),
            Fact::Resumed(gate) => self.count_gate(gate, false),
            Fact::BatchDispatched { records, bytes, waited, retry, .. } => {
                to.batch_records.record(f64::from(*records));
                to.batch_bytes.record(*bytes as f64);
                if !retry {
                    to.queue_wait.record(waited.as_secs_f64());
                }
            }
            // Nothing was sent, so there is nothing to have taken time.
            Fact::BatchSettled { answer, took, .. } if *answer == "not_sent" || took.is_zero() => {}
            Fact::BatchSettled { answer, took, .. } => {
                if let Some(histogram) = to.worker_latency.with(&[answer]) {
                    histogram.record(took.as_secs_f64());
                }
            }
            Fact::Completed { records, late, .. } => {
                to.completed.increment(u64::from(*records));
                to.late.increment(u64::from(*late));
            }
            Fact::Retried { records, cause, .. } => to.retried.add(cause, u64::from(*records)),
            Fact::WorkerHeld { cause, .. } => to.worker_holds.add(cause, 1),
            Fact::DeadLettered { reason, .. } => to.dead_letters.add(reason.code(), 1),
            Fact::DeadLetterFailed { .. } => to.dead_letter_failures.increment(1),
            Fact::FreshHeld { cause } => to.fresh_holds.add(cause.name(), 1),
            Fact::DeadLetterHeld { cause, .. } => to.dead_letter_holds.add(cause.name(), 1),
            Fact::Skipped { reason, .. } => to.skipped.add(reason.code(), 1),
            Fact::PartitionStopped { reason, .. } => to.partition_stops.add(reason.code(), 1),
            Fact::Abandoned { records, cause } => to.abandoned.add(cause, u64::from(*records)),
            Fact::Rebalanced { assigned, revoked, lost } => self.count_rebalance(*assigned, *revoked, *lost),
            Fact::Released { unfinished, took, .. } => {
                to.release.record(took.as_secs_f64());
                to.released_unfinished.increment(u64::from(*unfinished));
            }
            Fact::CommittedDiffers { .. } => to.committed_differs.increment(1),
            Fact::HeadOfLine(_) => to.heads_told.increment(1),
            Fact::OffsetReset { .. } => to.offset_resets.increment(1),
            Fact::RecordsGone { from, to: next, .. } => to.gone.increment(next.saturating_sub(*from).unsigned_abs()),
            Fact::CommitAsked { .. } => to.commits_asked.increment(1),
            Fact::CommitAnswered { results, took } => {
                to.commit_latency.record(took.as_secs_f64());
                results.iter().for_each(|result| to.commits.add(code(result), 1));
            }
            Fact::Stale { what } => to.stale.add(what, 1),
            Fact::Repaired { .. } => to.repairs.increment(1),
            Fact::KnobMoved { decision, .. } => {
                if let Some(counter) = to.knob_moves.with(&[decision.knob.name(), decision.reason.code()]) {
                    counter.increment(1);
                }
            }
            Fact::ForetoldLate { records, in_time } => {
                to.foretold_late.add("in_time", u64::from(*in_time));
                to.foretold_late.add("late", u64::from(records.saturating_sub(*in_time)));
            }
            Fact::ModelChanged { .. } => to.model_changes.increment(1),
            Fact::Violation { .. } => to.violations.increment(1),
            // Shown by the snapshot's gauges.
            Fact::WorkerBack { .. } | Fact::PartitionsMoved { .. } | Fact::Drain { .. } => {}
        }
    }

    fn count_gate(&mut self, gate: &Gate, pause: bool) {
        let family = if pause { &mut self.instruments.pauses } else { &mut self.instruments.resumes };
        if let Some(counter) = family.with(&[gate.stage.name(), gate.reason.name()]) {
            counter.increment(1);
        }
    }

    fn count_rebalance(&mut self, assigned: u32, revoked: u32, lost: bool) {
        let gone = if lost { "lost" } else { "revoked" };
        // An assignment of nothing is still the answer to having joined.
        let kind = if revoked > 0 && assigned == 0 { gone } else { "assigned" };
        self.instruments.rebalances.add(kind, 1);
    }

    pub(super) fn count_note(&mut self, note: &SourceNote) {
        match note {
            SourceNote::Refetch { bytes } => self.instruments.refetched.increment(*bytes),
            SourceNote::Resumed { first_record } => {
                self.instruments.resume_first_record.record(first_record.as_secs_f64());
            }
            SourceNote::RequestRefused { status } => self.instruments.requests_refused.add(&status.to_string(), 1),
            SourceNote::Refused(_) | SourceNote::Recalled { .. } | SourceNote::NotRecalled { .. } => {}
            SourceNote::Kept(outcome) => {
                self.instruments.state_writes.add(if outcome.is_ok() { "ok" } else { "failed" }, 1);
            }
            SourceNote::ClientError { code, .. } => self.instruments.client_errors.add(code, 1),
        }
    }
}

/// The client's error code; `ok` when the commit was applied.
pub(super) fn code(result: &CommitResult) -> &str {
    match &result.outcome {
        CommitOutcome::Applied => "ok",
        CommitOutcome::EpochOver(code) | CommitOutcome::Failed(code) => code,
    }
}
