//! Facts that went wrong, for the last errors in `/state`.

use super::{super::events::EventName, Telemetry};
use crate::{
    engine::{
        event::{CommitOutcome, Reason},
        fact::{DrainState, Fact},
    },
    runtime::SourceNote,
    time::Now,
};

impl Telemetry {
    pub(super) fn remember_fact(&mut self, now: Now, fact: &Fact) {
        let Some((event, text)) = self.trouble(fact) else { return };
        self.errors.remember(now.wall, event, &text);
    }

    fn trouble(&self, fact: &Fact) -> Option<(EventName, String)> {
        let at = |topic: &str, number: i32, offset: i64| format!("{topic}-{number} offset {offset}");
        let because =
            |topic: &str, number, offset, reason: Reason| format!("{}: {}", at(topic, number, offset), reason.code());
        Some(match fact {
            Fact::WorkerHeld { cause, detail, .. } => {
                (EventName::WorkerHeld, format!("{cause}: {}", detail.as_deref().unwrap_or("no answer")))
            }
            Fact::DeadLetterFailed { topic, number, offset, error } => {
                (EventName::DeadLetterFailed, format!("{}: {error}", at(topic, *number, *offset)))
            }
            Fact::DeadLetterHeld { records, cause } => {
                (EventName::DeadLettersHeld, format!("{}: {records} records held", cause.name()))
            }
            // As usual as an expired one, or finished long ago.
            Fact::Skipped { reason: Reason::Hopeless | Reason::CompletedBefore, .. } => return None,
            Fact::Skipped { topic, number, offset, reason } => {
                (EventName::RecordSkipped, because(topic, *number, *offset, *reason))
            }
            Fact::PartitionStopped { topic, number, offset, reason } => {
                (EventName::PartitionStopped, because(topic, *number, *offset, *reason))
            }
            Fact::OffsetReset { topic, number, expected, offset } => {
                (EventName::OffsetReset, format!("{}, expected {expected}", at(topic, *number, *offset)))
            }
            Fact::RecordsGone { topic, number, from, to } => {
                (EventName::RecordsGone, format!("{topic}-{number}: {from} up to {to}"))
            }
            Fact::CommitAnswered { results, .. } => {
                let failed = results.iter().find_map(|result| match &result.outcome {
                    CommitOutcome::Failed(code) => Some((self.names.get(result.partition), code)),
                    _ => None,
                });
                let ((topic, number), code) = failed?;
                (EventName::CommitRefused, format!("{topic}-{number}: {code}"))
            }
            Fact::CommittedDiffers { topic, number, known, found } => {
                (EventName::CommittedDiffers, format!("{topic}-{number}: {known} was committed, {found:?} is"))
            }
            Fact::HeadOfLine(head) => {
                let text = format!(
                    "{}: {} of {} behind it are done",
                    at(&head.topic, head.number, head.offset),
                    head.beyond,
                    head.span.saturating_sub(1)
                );
                (EventName::HeadOfLine, text)
            }
            Fact::Repaired { topic, number, again } => {
                (EventName::PartitionRepaired, format!("{topic}-{number}, {again} in a row"))
            }
            Fact::Drain { state: DrainState::Settled { unfinished } } if *unfinished > 0 => {
                (EventName::Drain, format!("{unfinished} records unfinished at the deadline"))
            }
            Fact::Drain { state: DrainState::Leaving { uncommitted } } if *uncommitted > 0 => {
                (EventName::Drain, format!("{uncommitted} partitions left without their last commit"))
            }
            Fact::Violation { invariant, what } => (EventName::InvariantViolated, format!("{invariant}: {what}")),
            _ => return None,
        })
    }

    pub(super) fn remember_note(&mut self, now: Now, note: &SourceNote) {
        let (event, text) = match note {
            SourceNote::ClientError { code, text } => (EventName::ClientError, format!("{code}: {text}")),
            SourceNote::Kept(Err(error)) => (EventName::StateNotKept, error.clone()),
            _ => return,
        };
        self.errors.remember(now.wall, event, &text);
    }
}
