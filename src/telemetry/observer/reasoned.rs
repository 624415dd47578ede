//! Facts that have a reason: what was paused, dropped, put off or held, and why.

use super::{super::events::EventName, Telemetry};
use crate::{
    engine::{event::Reason, fact::Fact},
    time::Now,
};

impl Telemetry {
    pub(super) fn note_reason(&mut self, now: Now, fact: &Fact) {
        if let Some((event, reason, count)) = reason(fact) {
            self.happened.note(now.wall, event, reason, count);
        }
    }
}

/// Its event, its reason, and how many records it is about. Every fact is named here, so that a new one is thought about.
pub(super) fn reason(fact: &Fact) -> Option<(EventName, &'static str, u64)> {
    Some(match fact {
        Fact::Paused(gate) => (EventName::ConsumerPaused, gate.reason.name(), 1),
        Fact::Expired { stage, .. } => (EventName::TtlExpired, stage.name(), 1),
        Fact::Retried { records, cause, .. } => (EventName::RecordsRetried, cause, u64::from(*records)),
        Fact::FreshHeld { cause } => (EventName::FreshHeld, cause.name(), 1),
        Fact::WorkerHeld { cause, .. } => (EventName::WorkerHeld, cause, 1),
        Fact::DeadLettered { reason, .. } => (EventName::DeadLettered, reason.code(), 1),
        Fact::DeadLetterHeld { cause, .. } => (EventName::DeadLettersHeld, cause.name(), 1),
        Fact::Skipped { reason, .. } => {
            let event = match reason {
                Reason::CompletedBefore => EventName::RecordPassedOver,
                Reason::Hopeless => EventName::RecordHopeless,
                _ => EventName::RecordSkipped,
            };
            (event, reason.code(), 1)
        }
        Fact::PartitionStopped { reason, .. } => (EventName::PartitionStopped, reason.code(), 1),
        Fact::Abandoned { records, cause } => (EventName::RecordsAbandoned, cause, u64::from(*records)),
        Fact::RequestDone { outcome, .. } if *outcome != "done" => (EventName::RequestDone, outcome, 1),
        Fact::RequestRejectedFull { .. } => (EventName::RequestRejectedFull, "full", 1),
        // What the broker or the client said is the reason, and is among the last errors.
        Fact::DeadLetterFailed { .. }
        | Fact::CommitAnswered { .. }
        | Fact::CommittedDiffers { .. }
        | Fact::OffsetReset { .. }
        | Fact::RecordsGone { .. }
        | Fact::HeadOfLine(_)
        | Fact::Repaired { .. }
        | Fact::Violation { .. } => return None,
        // The state has the last of these itself, each with its reason.
        Fact::KnobMoved { .. } => return None,
        // Nothing is held up, dropped or put off by these.
        Fact::Enqueued { .. }
        | Fact::RequestEnqueued { .. }
        | Fact::RequestDone { .. }
        | Fact::DeadlineMalformed { .. }
        | Fact::Resumed(_)
        | Fact::BatchDispatched { .. }
        | Fact::BatchSettled { .. }
        | Fact::Completed { .. }
        | Fact::WorkerBack { .. }
        | Fact::PartitionsMoved { .. }
        | Fact::Rebalanced { .. }
        | Fact::Released { .. }
        | Fact::CommitAsked { .. }
        | Fact::Stale { .. }
        | Fact::Drain { .. }
        | Fact::ForetoldLate { .. }
        | Fact::ModelChanged { .. } => return None,
    })
}
