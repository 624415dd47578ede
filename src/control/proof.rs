//! Whether a call that timed out was too much for the worker, or lost.
//!
//! A worker that is full, or a batch that is too large, is slow for every call like it. One that loses a call now and
//! then (a hung thread, a dropped connection) answers the others as quickly as ever. So a timeout says nothing of load or
//! size where a call of at least that size, sent about then, was answered well within the same bound.

use std::time::Duration;

use crate::{control::sample::BatchSample, time::Instant};

/// Well within the bound: so many times as fast.
const WELL_WITHIN: u32 = 4;

/// The latest call that shows what the worker can take.
#[derive(Debug, Clone, Copy, Default)]
pub struct Proof {
    shown: Option<Shown>,
}

#[derive(Debug, Clone, Copy)]
struct Shown {
    size: u32,
    sent_at: Instant,
    took: Duration,
}

impl Proof {
    /// A call of this size was answered.
    pub fn show(&mut self, size: u32, sample: &BatchSample) {
        let newer = self.shown.is_none_or(|shown| sample.sent_at >= shown.sent_at);
        if newer {
            self.shown = Some(Shown { size, sent_at: sample.sent_at, took: sample.response_time() });
        }
    }

    /// Whether one of this size that timed out is shown to be none too large: another was answered that was sent after it,
    /// or no longer before it than the bound is.
    pub fn clears(&self, size: u32, timed_out: &BatchSample) -> bool {
        let bound = timed_out.response_time();
        self.shown.is_some_and(|shown| {
            shown.size >= size && shown.took * WELL_WITHIN <= bound && shown.sent_at + bound >= timed_out.sent_at
        })
    }
}
