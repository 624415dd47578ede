//! Control: thresholds that tune themselves from measured worker latency. Not wired to the engine yet.
//!
//! Everything here is a plain struct that is told what happened and says what it would do: no clock, no random
//! number, no lock, no I/O, no allocation after construction. [`sample`] is what it is told, [`estimator`] what it
//! makes of it, [`limit`] how many batches may be in flight, [`batch_policy`] what goes into the next batch, and
//! [`knobs`] keeps every decision within its bounds and on record. docs/CONTROL.md has the formulas and the figures.
//!
//! What is not here yet: watermarks, shed policy, persistence, and the code that applies any of it.

pub mod batch_policy;
pub mod estimator;
pub mod knobs;
pub mod learned;
pub mod limit;
pub mod maths;
pub mod sample;
pub mod settings;

use crate::control::{
    batch_policy::{BatchPolicy, BestRate},
    limit::{Elasticity, Law},
    settings::ControlSettings,
};

/// The two laws that can be exchanged: the product's, or one to be compared with.
#[derive(Debug)]
pub struct Policies {
    pub law: Box<dyn Law>,
    pub batch: Box<dyn BatchPolicy>,
}

impl Policies {
    /// The product's own.
    pub fn new(settings: &ControlSettings) -> Self {
        let range = settings.concurrency;
        Self { law: Box::new(Elasticity::new(range.min, range.max, range.start)), batch: Box::new(BestRate) }
    }
}
