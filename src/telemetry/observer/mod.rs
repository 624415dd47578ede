//! The observer of the real process: every fact is counted, told to the log, and kept if it went wrong or has a
//! reason.
//!
//! It runs on the task that owns the engine, so it never waits: counting is an atomic addition, and what is not logged
//! is not formatted. What others may read of it is in a [`Readout`](super::Readout).

mod counted;
mod reasoned;
mod remembered;
mod said;

use std::sync::Arc;

use super::{
    events::EventName,
    happened::Happened,
    instruments::Instruments,
    last_errors::LastErrors,
    limiter::{Limiter, Pass},
    partition_names::PartitionNames,
};
use crate::{
    engine::fact::Fact,
    runtime::{Observer, SourceNote},
    time::Now,
};

#[derive(Debug)]
pub struct Telemetry {
    instruments: Instruments,
    names: PartitionNames,
    limiter: Arc<Limiter>,
    errors: LastErrors,
    happened: Happened,
    /// `QUEUE_MAXSIZE`, if the queue is bounded by it.
    queue_records_max: Option<u32>,
}

impl Telemetry {
    pub(super) fn new(
        instruments: Instruments,
        limiter: Arc<Limiter>,
        errors: LastErrors,
        happened: Happened,
        queue_records_max: Option<u32>,
    ) -> Self {
        Self { instruments, names: PartitionNames::default(), limiter, errors, happened, queue_records_max }
    }

    /// Whether one more event of this kind goes out, and how many were left out before it.
    fn admit(&mut self, event: EventName, now: Now) -> Option<Option<u64>> {
        self.counted(event, self.limiter.admit(event, now.mono))
    }

    /// The same for trouble that may last: nothing that says the same as a moment ago.
    fn admit_new(&mut self, event: EventName, text: &str, now: Now) -> Option<Option<u64>> {
        self.counted(event, self.limiter.admit_new(event, text, now.mono))
    }

    fn counted(&mut self, event: EventName, pass: Pass) -> Option<Option<u64>> {
        match pass {
            Pass::Whole { suppressed } => Some(suppressed),
            Pass::LeftOut => {
                self.instruments.log_suppressed.add(event.name(), 1);
                None
            }
        }
    }
}

impl Observer for Telemetry {
    fn fact(&mut self, now: Now, fact: &Fact) {
        if let Fact::PartitionsMoved { assigned, .. } = fact {
            self.names.learn(assigned);
        }
        self.count_fact(fact);
        self.note_reason(now, fact);
        self.remember_fact(now, fact);
        self.say_fact(now, fact);
    }

    fn note(&mut self, now: Now, note: &SourceNote) {
        self.count_note(note);
        self.remember_note(now, note);
        self.say_note(now, note);
    }
}

#[cfg(test)]
mod tests;
