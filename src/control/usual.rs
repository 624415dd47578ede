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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_of_the_usual_size_costs_the_usual_however_slow_the_worker_becomes() {
        let (mut known, mut usual) = (Estimators::default(), Usual::default());
        for n in 0..200_u32 {
            let seconds = 0.02 + 0.01 * f64::from(n);
            known.batch_time.learn(8, 1000, seconds);
            usual.settled(8, 1000);
            let (weighted, weight) = usual.seconds(&known);
            assert!((weighted / weight / known.batch_time.seconds(8, 1000) - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn a_batch_twice_as_large_as_the_usual_costs_more_and_becomes_the_usual_one() {
        let (mut known, mut usual) = (Estimators::default(), Usual::default());
        for n in 0..100_u32 {
            let records = 4 + n % 8;
            known.batch_time.learn(records, u64::from(records) * 100, 0.02 + 0.005 * f64::from(records));
            usual.settled(8, 800);
        }
        let cost = |usual: &Usual| {
            let (weighted, weight) = usual.seconds(&known);
            known.batch_time.seconds(16, 1600) / (weighted / weight)
        };
        assert!((1.5..1.8).contains(&cost(&usual)), "{}", cost(&usual));
        (0..100).for_each(|_| usual.settled(16, 1600));
        assert!((cost(&usual) - 1.0).abs() < 0.01, "{}", cost(&usual));
    }
}
