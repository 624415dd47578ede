//! A limit that somebody wrote into a file.

use crate::{
    control::{
        knobs::Reason,
        limit::{Condition, Law},
        sample::BatchSample,
    },
    time::Instant,
};

#[derive(Debug)]
pub struct Fixed(pub u32);

impl Law for Fixed {
    fn limit(&self) -> u32 {
        self.0
    }

    fn observe(&mut self, _: &BatchSample, _: f64) {}

    fn tick(&mut self, _: Instant, _: u32, _: Condition) -> Option<Reason> {
        None
    }
}
