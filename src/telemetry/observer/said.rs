//! Facts as log events: names, levels and fields are those of the table in [`events`](super::super::events).

use std::time::Duration;

use super::{
    super::{events::EventName, last_errors::shorten},
    Telemetry,
    counted::code,
};
use crate::{
    engine::{
        event::{CommitOutcome, CommitResult, Reason},
        fact::{DrainState, Fact, Gate},
    },
    record::Record,
    runtime::SourceNote,
    time::Now,
};

/// Bytes of a key in the log.
const KEY_MAX: usize = 128;
/// Bytes of what a worker or a broker said.
const DETAIL_MAX: usize = 1024;

/// Says one event, if its level is on and its second is not used up; nothing in the braces is looked at otherwise.
///
/// With `new TEXT` only when it does not say the same again.
macro_rules! say {
    ($self:ident, $now:expr, $event:ident, $message:literal, { $($fields:tt)* }) => {
        say!(@ $self.admit(EventName::$event, $now), $event, $message, { $($fields)* })
    };
    ($self:ident, $now:expr, new $text:expr, $event:ident, $message:literal, { $($fields:tt)* }) => {
        say!(@ $self.admit_new(EventName::$event, $text, $now), $event, $message, { $($fields)* })
    };
    (@ $admit:expr, $event:ident, $message:literal, { $($fields:tt)* }) => {
        if tracing::enabled!(target: "sluicegate", EventName::$event.level())
            && let Some(suppressed) = $admit
        {
            tracing::event!(
                target: "sluicegate", EventName::$event.level(),
                event = EventName::$event.name(), $($fields)*, suppressed, $message
            );
        }
    };
}

impl Telemetry {
    pub(super) fn say_fact(&mut self, now: Now, fact: &Fact) {
        match fact {
            Fact::Enqueued { .. }
            | Fact::Expired { .. }
            | Fact::DeadlineMalformed { .. }
            | Fact::Skipped { .. }
            | Fact::PartitionStopped { .. }
            | Fact::Abandoned { .. } => self.say_record(now, fact),
            Fact::RequestEnqueued { .. } | Fact::RequestRejectedFull { .. } | Fact::RequestDone { .. } => {
                self.say_request(now, fact);
            }
            Fact::Paused(gate) => self.say_paused(now, gate),
            Fact::Resumed(gate) => self.say_resumed(now, gate),
            Fact::BatchDispatched { .. }
            | Fact::BatchSettled { .. }
            | Fact::Retried { .. }
            | Fact::FreshHeld { .. }
            | Fact::WorkerHeld { .. }
            | Fact::WorkerBack { .. } => self.say_worker(now, fact),
            Fact::DeadLettered { .. } | Fact::DeadLetterFailed { .. } | Fact::DeadLetterHeld { .. } => {
                self.say_dead_letter(now, fact);
            }
            Fact::CommitAsked { offsets } => say!(self, now, CommitOffsets, "commit asked for", {
                tps = ?self.names.tps(offsets.iter().map(|(id, _)| *id)),
                offsets = ?offsets.iter().map(|(_, offset)| offset).collect::<Vec<_>>()
            }),
            Fact::CommitAnswered { results, took } => self.say_commit(now, results, *took),
            Fact::KnobMoved { .. } | Fact::ForetoldLate { .. } | Fact::ModelChanged { .. } => {
                self.say_control(now, fact)
            }
            _ => self.say_group(now, fact),
        }
    }

    fn say_record(&mut self, now: Now, fact: &Fact) {
        match fact {
            Fact::Enqueued { records, bytes, depth } => say!(self, now, QueueEnqueued, "polled", {
                depth, maxsize = self.queue_records_max.unwrap_or(0), bounded = self.queue_records_max.is_some(),
                records, bytes
            }),
            Fact::Expired { record, topic, stage, late_by } => say!(self, now, TtlExpired, "past its deadline", {
                topic = &**topic, partition = record.number, offset = record.offset, key = key(record).as_deref(),
                source = "kafka", stage = stage.name(), late_by_ms = millis(*late_by)
            }),
            Fact::DeadlineMalformed { partition, offset } => {
                say!(self, now, DeadlineMalformed, "the deadline_ms header is no number, so there is no deadline", {
                    topic = self.names.get(*partition).0, partition = self.names.get(*partition).1, offset
                });
            }
            Fact::Skipped { topic, number, offset, reason: Reason::CompletedBefore } => {
                say!(self, now, RecordPassedOver, "finished before", {
                    topic = &**topic, partition = number, offset
                });
            }
            Fact::Skipped { topic, number, offset, reason: Reason::Hopeless } => {
                say!(self, now, RecordHopeless, "no batch could finish it in time", {
                    topic = &**topic, partition = number, offset
                });
            }
            Fact::Skipped { topic, number, offset, reason } => say!(self, now, RecordSkipped, "skipped", {
                topic = &**topic, partition = number, offset, reason = reason.code()
            }),
            Fact::PartitionStopped { topic, number, offset, reason } => {
                say!(self, now, PartitionStopped, "a record that cannot be delivered holds its partition", {
                    topic = &**topic, partition = number, offset, reason = reason.code()
                });
            }
            Fact::Abandoned { records, cause } => {
                say!(self, now, RecordsAbandoned, "let go for the next owner", { records, cause });
            }
            _ => {}
        }
    }

    fn say_request(&mut self, now: Now, fact: &Fact) {
        match fact {
            Fact::RequestEnqueued { request, bytes, depth } => {
                say!(self, now, RequestEnqueued, "asked over HTTP", { request = request.0, depth, bytes });
            }
            Fact::RequestRejectedFull { request, bytes, depth, retry_after } => {
                say!(self, now, RequestRejectedFull, "no room for a request", {
                    request = request.0, depth, bytes, retry_after_ms = millis(*retry_after)
                });
            }
            Fact::RequestDone { request, outcome, waited, took } => {
                say!(self, now, RequestDone, "answered over HTTP", {
                    request = request.0, outcome, waited_ms = millis(*waited), took_ms = millis(*took)
                })
            }
            _ => {}
        }
    }

    fn say_paused(&mut self, now: Now, gate: &Gate) {
        say!(self, now, ConsumerPaused, "reading paused", {
            topic = self.names.topics(&gate.partitions).join(",").as_str(), partitions = ?self.numbers(gate),
            tps = self.tps(gate).map(tracing::field::debug), depth = gate.depth, pct = rounded(gate.pct),
            stage = gate.stage.name(), reason = gate.reason.name()
        });
    }

    fn say_resumed(&mut self, now: Now, gate: &Gate) {
        say!(self, now, ConsumerResumed, "reading resumed", {
            topic = self.names.topics(&gate.partitions).join(",").as_str(), partitions = ?self.numbers(gate),
            tps = self.tps(gate).map(tracing::field::debug), depth = gate.depth, pct = rounded(gate.pct),
            stage = gate.stage.name(), reason = gate.reason.name(), shut_ms = millis(gate.shut_for)
        });
    }

    fn numbers(&self, gate: &Gate) -> Vec<i32> {
        gate.partitions.iter().map(|id| self.names.get(*id).1).collect()
    }

    /// Only where numbers alone do not say which partition it is.
    fn tps(&self, gate: &Gate) -> Option<Vec<String>> {
        let several = self.names.topics(&gate.partitions).len() > 1;
        several.then(|| self.names.tps(gate.partitions.iter().copied()))
    }

    fn say_worker(&mut self, now: Now, fact: &Fact) {
        match fact {
            Fact::BatchDispatched { batch, topic, records, bytes, attempt, waited, retry } => {
                say!(self, now, BatchDispatched, "to the worker", {
                    batch = batch.0, topic = &**topic, records, bytes, attempt, waited_ms = millis(*waited), retry
                });
            }
            Fact::BatchSettled { batch, topic, records, answer, status, took, detail }
                if matches!(*answer, "failed" | "refused" | "too_large") =>
            {
                say!(self, now, BatchFailed, "the worker could not do it", {
                    batch = batch.0, topic = &**topic, records, answer, status, took_ms = millis(*took),
                    detail = detail.as_deref().map(|text| shorten(text, DETAIL_MAX))
                });
            }
            Fact::BatchSettled { batch, topic, records, answer, status, took, .. } => {
                say!(self, now, BatchSettled, "back from the worker", {
                    batch = batch.0, topic = &**topic, records, answer, status, took_ms = millis(*took)
                });
            }
            Fact::Retried { records, cause, delay } => {
                say!(self, now, RecordsRetried, "again later", { records, cause, delay_ms = millis(*delay) });
            }
            Fact::FreshHeld { cause } => {
                say!(self, now, FreshHeld, "fresh records wait", { cause = cause.name() });
            }
            Fact::WorkerHeld { cause, hold, detail } => {
                say!(self, now, WorkerHeld, "the worker cannot take work", {
                    cause, hold_ms = millis(*hold), detail = detail.as_deref().map(|text| shorten(text, DETAIL_MAX))
                });
            }
            Fact::WorkerBack { after } => {
                say!(self, now, WorkerBack, "the worker takes work again", { after_ms = millis(*after) });
            }
            _ => {}
        }
    }

    fn say_control(&mut self, now: Now, fact: &Fact) {
        match fact {
            Fact::KnobMoved { decision, applied } => {
                say!(self, now, KnobMoved, "a threshold moved", {
                    knob = decision.knob.name(), from = rounded(decision.from()), to = rounded(decision.to()),
                    reason = decision.reason.code(), applied
                });
            }
            Fact::ForetoldLate { records, in_time } => {
                say!(self, now, ForetoldLate, "foretold to be late, and sent", { records, in_time });
            }
            Fact::ModelChanged { model } => {
                say!(self, now, ModelChanged, "another model: what was learnt is forgotten", {
                    model = format!("{model:016x}").as_str()
                });
            }
            _ => {}
        }
    }

    fn say_dead_letter(&mut self, now: Now, fact: &Fact) {
        match fact {
            Fact::DeadLettered { topic, number, offset, reason, attempts, status } => {
                say!(self, now, DeadLettered, "dead-lettered", {
                    topic = &**topic, partition = number, offset, reason = reason.code(), attempts, status
                });
            }
            Fact::DeadLetterFailed { topic, number, offset, error } => {
                say!(self, now, DeadLetterFailed, "the dead-letter topic did not take it; kept", {
                    topic = &**topic, partition = number, offset, error = shorten(error, DETAIL_MAX)
                });
            }
            Fact::DeadLetterHeld { records, cause } => {
                say!(self, now, DeadLettersHeld, "no dead letters may go: records are held", {
                    records, cause = cause.name()
                });
            }
            _ => {}
        }
    }

    /// Applied and refused partitions of one answer are two events, each only if there are any.
    fn say_commit(&mut self, now: Now, results: &[CommitResult], took: Duration) {
        let (applied, refused): (Vec<_>, Vec<_>) =
            results.iter().partition(|result| result.outcome == CommitOutcome::Applied);
        let offsets = |results: &[&CommitResult]| results.iter().map(|result| result.offset).collect::<Vec<_>>();
        if !applied.is_empty() {
            say!(self, now, CommitsApplied, "committed", {
                tps = ?self.names.tps(applied.iter().map(|result| result.partition)), offsets = ?offsets(&applied),
                took_ms = millis(took)
            });
        }
        if !refused.is_empty() {
            let tps = self.names.tps(refused.iter().map(|result| result.partition));
            let codes = refused.iter().map(|result| code(result)).collect::<Vec<_>>();
            // It is asked for again, and what the group refuses it refuses for long.
            say!(self, now, new &format!("{tps:?} {codes:?}"), CommitRefused, "not committed", {
                tps = ?tps, offsets = ?offsets(&refused), codes = ?codes,
                epoch_over = refused.iter().all(|result| matches!(result.outcome, CommitOutcome::EpochOver(_))),
                took_ms = millis(took)
            });
        }
    }

    fn say_group(&mut self, now: Now, fact: &Fact) {
        match fact {
            Fact::PartitionsMoved { assigned, revoked, lost } => {
                let ids = assigned.iter().map(|assignment| assignment.id).chain(revoked.iter().copied());
                say!(self, now, Rebalance, "partitions came or went", {
                    assigned = assigned.len(), revoked = revoked.len(), lost, tps = ?self.names.tps(ids)
                });
            }
            Fact::Released { partitions, unfinished, took } => {
                say!(self, now, PartitionsReleased, "given back", { partitions, unfinished, took_ms = millis(*took) });
            }
            Fact::OffsetReset { topic, number, expected, offset } => {
                say!(self, now, OffsetReset, "offsets went back: a new epoch", {
                    topic = &**topic, partition = number, expected, offset
                });
            }
            Fact::RecordsGone { topic, number, from, to } => {
                say!(self, now, RecordsGone, "retention deleted records before they were read", {
                    topic = &**topic, partition = number, from, to
                });
            }
            Fact::CommittedDiffers { topic, number, known, found } => {
                say!(self, now, CommittedDiffers, "the group has another offset", {
                    topic = &**topic, partition = number, known, found
                });
            }
            Fact::HeadOfLine(head) => say!(self, now, HeadOfLine, "one record holds its partition's frontier", {
                topic = &*head.topic, partition = head.number, offset = head.offset,
                held_ms = millis(head.held_for), beyond = head.beyond, span = head.span
            }),
            Fact::Repaired { topic, number, again } => {
                say!(self, now, PartitionRepaired, "it stood still for no reason and was resumed", {
                    topic = &**topic, partition = number, again
                });
            }
            Fact::Stale { what } => say!(self, now, StaleIgnored, "of an epoch that is over", { what }),
            Fact::Drain { state } => self.say_drain(now, *state),
            Fact::Violation { invariant, what } => {
                say!(self, now, InvariantViolated, "a promise does not hold; please report it", { invariant, what });
            }
            _ => {}
        }
    }

    fn say_drain(&mut self, now: Now, state: DrainState) {
        match state {
            DrainState::Started { in_flight, abandoned } => {
                say!(self, now, Drain, "on the way out", { state = "started", in_flight, abandoned });
            }
            DrainState::Settled { unfinished } => {
                say!(self, now, Drain, "on the way out", { state = "settled", unfinished })
            }
            DrainState::Leaving { uncommitted } => {
                say!(self, now, Drain, "on the way out", { state = "leaving", uncommitted })
            }
            DrainState::Done => say!(self, now, Drain, "on the way out", { state = "done" }),
        }
    }

    pub(super) fn say_note(&mut self, now: Now, note: &SourceNote) {
        match note {
            SourceNote::Refetch { bytes } => say!(self, now, Refetched, "thrown away by a pause", { bytes }),
            SourceNote::Resumed { first_record } => {
                say!(self, now, ReadingResumed, "the first record after a resume", {
                    first_record_ms = millis(*first_record)
                });
            }
            // What was refused is told with the client's errors.
            SourceNote::Refused(_) => {}
            // Counted; whoever asked was told why.
            SourceNote::RequestRefused { .. } => {}
            SourceNote::Recalled { routes, concurrency, age } => {
                say!(self, now, StateRecalled, "begins with what was learnt before", {
                    routes, concurrency, age_ms = millis(*age)
                });
            }
            SourceNote::NotRecalled { reason, detail } => {
                say!(self, now, StateIgnored, "what was learnt before is not used", {
                    reason, detail = shorten(detail, DETAIL_MAX)
                });
            }
            // Counted.
            SourceNote::Kept(Ok(())) => {}
            SourceNote::Kept(Err(error)) => {
                say!(self, now, StateNotKept, "what was learnt could not be kept", {
                    detail = shorten(error, DETAIL_MAX)
                });
            }
            SourceNote::ClientError { code, text } => {
                let said = format!("{code}: {text}");
                say!(self, now, new &said, ClientError, "the client reports an error it deals with itself", {
                    code = code.as_str(), detail = shorten(text, DETAIL_MAX)
                });
            }
        }
    }
}

/// Keys are bytes; what is no UTF-8 shows as replacement characters.
fn key(record: &Record) -> Option<String> {
    let key = String::from_utf8_lossy(record.payload.key()?);
    Some(shorten(&key, KEY_MAX).to_owned())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// To one digit, for people.
fn rounded(pct: f64) -> f64 {
    (pct * 10.0).round() / 10.0
}
