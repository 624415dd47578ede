//! The judge: what happened, as the producer, the worker and the broker saw it, and whether it keeps the promises.
//!
//! It stands outside the sidecar and knows nothing of its code. The history is one list in one order, because whoever
//! adds to it holds its lock while the thing happens: the worker writes an answer down before it gives it.

#![allow(dead_code, reason = "each test binary uses its part")]

mod check;
mod lane;

use std::sync::{Arc, Mutex, MutexGuard};

pub use check::{Repeats, Rules, Verdict, judge};

/// A partition's number and an offset.
pub type Place = (i32, i64);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// The broker acknowledged a record to its producer. `number` is what the record says it is.
    Produced { place: Place, number: u64, deadline_ms: Option<i64> },
    /// A number that must never be seen: its transaction was aborted.
    Aborted { number: u64 },
    /// The broker no longer has what lies before this offset (retention, a topic deleted): nobody can deliver it.
    Removed { partition: i32, before: i64 },
    /// The broker took the record's dead letter, at this moment of its own clock, which is everybody's here. Told at the
    /// end of a story; it counts from that moment on.
    Lettered { place: Place, at_ms: i64 },
    /// A record came to the worker, in this request.
    Sent { request: u64, place: Place, number: Option<u64>, at_ms: i64 },
    /// The worker is about to answer with success for it.
    Done { place: Place },
    /// What the broker said the group has committed, by partition number.
    Committed { offsets: Vec<i64>, at_ms: i64 },
    /// A sidecar was killed, or the broker that it commits to. The worker has finished what it had begun, and this is what
    /// the group has committed.
    Killed { committed: Vec<i64>, at_ms: i64 },
}

impl Happening {
    /// When it happened, where that is known. What happens next happens no earlier.
    const fn at_ms(&self) -> Option<i64> {
        match self {
            Self::Sent { at_ms, .. } | Self::Committed { at_ms, .. } | Self::Killed { at_ms, .. } => Some(*at_ms),
            Self::Produced { .. }
            | Self::Aborted { .. }
            | Self::Removed { .. }
            | Self::Lettered { .. }
            | Self::Done { .. } => None,
        }
    }
}

/// The shared history of one topic.
#[derive(Debug, Clone, Default)]
pub struct History(Arc<Mutex<Vec<Happening>>>);

impl History {
    pub fn add(&self, happening: Happening) {
        self.all().push(happening);
    }

    /// The history, locked: several happenings that belong together.
    pub fn all(&self) -> MutexGuard<'_, Vec<Happening>> {
        self.0.lock().unwrap()
    }

    pub fn judge(&self, rules: &Rules) -> Verdict {
        judge(&self.all(), rules)
    }
}
