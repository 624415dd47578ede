//! The well-known concurrency laws and batch rules, from their published formulas: to be compared with, never to be
//! shipped.
//!
//! Each is written for the laboratory's workers, in float levels, without the plumbing of its origin.

mod aimd;
mod clipper;
mod fixed;
mod gradient2;
mod nexus;
mod vector;
mod vegas;

pub use aimd::Aimd;
pub use clipper::Clipper;
pub use fixed::Fixed;
pub use gradient2::Gradient2;
pub use nexus::Nexus;
pub use vector::Vector;
pub use vegas::Vegas;

use std::time::Duration;

use crate::{control::sample::BatchSample, time::Instant};

/// Mean response times over windows of a second with at least ten samples (Netflix' `WindowedLimit`).
#[derive(Debug, Default)]
struct Window {
    began: Option<Instant>,
    sum_s: f64,
    count: f64,
    in_flight: u32,
    dropped: bool,
}

#[derive(Debug, Clone, Copy)]
struct Closed {
    mean_s: f64,
    in_flight: u32,
    dropped: bool,
}

impl Window {
    fn add(&mut self, sample: &BatchSample) -> Option<Closed> {
        let began = *self.began.get_or_insert(sample.settled_at);
        self.dropped |= sample.outcome.is_push_back();
        if let Some(seconds) = sample.service_seconds() {
            self.sum_s += seconds;
            self.count += 1.0;
        }
        self.in_flight = self.in_flight.max(sample.in_flight);
        let is_over = sample.settled_at.since(began) >= Duration::from_secs(1) && self.count >= 10.0;
        is_over.then(|| {
            let closed = Closed { mean_s: self.sum_s / self.count, in_flight: self.in_flight, dropped: self.dropped };
            *self = Self::default();
            closed
        })
    }
}
