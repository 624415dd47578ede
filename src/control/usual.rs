//! What a usual batch is, so that one can be compared with another: by what is in it, not by how long it took. Were it by
//! time, a worker that slows down because too much is sent to it would look like one that is sent larger batches.

use crate::control::estimator::Estimators;

const GAIN: f64 = 0.1;
/// Batches that a route's share of all of them is told from.
const MEMORY: f64 = 0.98;

/// A route's usual batch, and how much of the worker's load it makes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usual {
    records: f64,
    bytes: f64,
    weight: f64,
}

impl Usual {
    pub fn settled(&mut self, records: u32, bytes: u64) {
        let (records, bytes) = (f64::from(records), bytes as f64);
        if self.weight == 0.0 {
            (self.records, self.bytes) = (records, bytes);
        }
        self.records += GAIN * (records - self.records);
        self.bytes += GAIN * (bytes - self.bytes);
        self.weight += 1.0;
    }

    pub fn fade(&mut self) {
        self.weight *= MEMORY;
    }

    /// What it should take as the worker is now, seconds, with its weight.
    pub fn seconds(&self, known: &Estimators) -> (f64, f64) {
        let (records, bytes) = (self.records.round() as u32, self.bytes.round() as u64);
        (self.weight * known.batch_time.seconds(records, bytes), self.weight)
    }
}
