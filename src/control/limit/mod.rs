//! How many batches may be in flight: one law a file, behind one trait.
//!
//! The product's law is [`Elasticity`]. The well-known laws that it is measured against live in the simulator only.

mod ceiling;
mod elasticity;
mod knee;
mod phase;

pub use elasticity::Elasticity;

use crate::{
    control::{knobs::Reason, sample::BatchSample},
    time::Instant,
};

/// What the law may conclude from how the sidecar stands at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Records wait and the worker is there.
    Open,
    /// Nothing waits: what is measured says nothing about a higher limit.
    Idle,
    /// What comes back now cannot be compared with what came before.
    Disturbed,
    /// A rebalance or a drain. What is with the worker is measured on, and nothing moves.
    Rebalancing,
    /// The worker is away or not ready.
    Away,
}

/// A law that sets the concurrency limit.
pub trait Law: std::fmt::Debug + Send {
    /// Batches that may be in flight. At least one.
    fn limit(&self) -> u32;

    /// A batch has settled. `cost` is what the batch-time model foretold for it in relation to a batch of reference
    /// (1 when all batches are alike), so that a change of batch size is not taken for one of the worker.
    fn observe(&mut self, sample: &BatchSample, cost: f64);

    /// The batch of reference has changed: what a cost of one took, in seconds, is `factor` times of what it was.
    fn rescale(&mut self, _factor: f64) {}

    /// The worker has said, for the first time or anew, how many batches it can have at once. A law that knows nothing to
    /// do with it leaves it at that.
    fn told(&mut self, _now: Instant, _level: u32) {}

    /// Called after every sample and at least a few times a second. A change of the limit comes with its reason.
    fn tick(&mut self, now: Instant, in_flight: u32, condition: Condition) -> Option<Reason>;
}
