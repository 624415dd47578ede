//! How long a batch takes: `scale × (alpha + beta·records + gamma·(bytes beyond the usual))`.
//!
//! Recursive least squares with forgetting learns the shape slowly; a multiplicative scale follows the speed of the
//! worker as a whole within a few batches. Errors are relative: the noise of a service time grows with it. Every
//! sample's pull is bounded, so one hung call does not teach that the worker is slow.

use crate::control::{
    learned::LearnedRoute,
    maths::{exp, ln},
};

/// What a sample that old counts for in the shape, per newer sample: a memory of about fifty.
const FORGETTING: f64 = 0.98;
/// Samples during which the shape alone explains what comes in.
const WARM_UP: u64 = 6;
/// How far off the shape a sample may claim to be: bounds its pull.
const RATIO_MIN: f64 = 0.2;
const RATIO_MAX: f64 = 3.0;
/// The share of the error the scale takes over, at least and at most.
const GAIN_MIN: f64 = 0.06;
const GAIN_MAX: f64 = 0.5;
/// How far a parameter's variance may grow while nothing teaches it, in squares of its own size.
const DOUBT_MAX: f64 = 25.0;
/// How much a step of the scale unsettles the shape: what became slower need not have done so evenly. In squares.
const UNSETTLED: f64 = 1.0;
/// How much of an error is believed at once, beside four times the usual size.
const SURPRISE: f64 = 0.45;
const SECONDS_MIN: f64 = 1e-6;
const SECONDS_MAX: f64 = 1e5;

type Row = [f64; 3];

/// The batch-time model of one route.
#[derive(Debug, Clone)]
pub struct BatchTime {
    shape: Row,
    doubt: [Row; 3],
    log_scale: f64,
    /// Its exponential, which is asked for far more often than it changes.
    scale: f64,
    /// Smoothed error and smoothed size of the error, in logarithms.
    drift: f64,
    spread: f64,
    bytes_per_record: f64,
    samples: u64,
}

impl Default for BatchTime {
    fn default() -> Self {
        Self {
            shape: [0.0; 3],
            doubt: [[0.0; 3]; 3],
            log_scale: 0.0,
            scale: 1.0,
            drift: 0.0,
            spread: 0.1,
            bytes_per_record: 0.0,
            samples: 0,
        }
    }
}

impl BatchTime {
    /// Samples learnt from so far.
    pub const fn samples(&self) -> u64 {
        self.samples
    }

    /// Whether it has seen enough to be asked.
    pub const fn is_warm(&self) -> bool {
        self.samples >= WARM_UP
    }

    /// The typical size of its error, in logarithms: 0.2 means about 20 %.
    pub const fn spread(&self) -> f64 {
        self.spread
    }

    /// Mean bytes of a record, as batches showed them.
    pub const fn bytes_per_record(&self) -> f64 {
        self.bytes_per_record
    }

    /// What is worth keeping of it: the shape with its scale.
    pub fn learned(&self) -> LearnedRoute {
        LearnedRoute {
            shape: self.shape.map(|part| self.scale * part),
            bytes_per_record: self.bytes_per_record,
            spread: self.spread,
            ..LearnedRoute::default()
        }
    }

    /// Starts from what an earlier run has learnt, as doubtful as after a first sample.
    pub fn recall(&mut self, learned: &LearnedRoute) {
        *self = Self { shape: learned.shape, spread: learned.spread.clamp(0.05, 2.0), ..Self::default() };
        self.bytes_per_record = learned.bytes_per_record;
        self.doubt_everything();
        self.samples = WARM_UP;
    }

    /// Seconds a batch should take; zero before the first sample.
    pub fn seconds(&self, records: u32, bytes: u64) -> f64 {
        if self.samples == 0 { 0.0 } else { self.scaled(&self.features(records, bytes)) }
    }

    /// Seconds a batch of ordinary records should take.
    pub fn seconds_of(&self, records: u32) -> f64 {
        if self.samples == 0 { 0.0 } else { self.scaled(&[1.0, f64::from(records), 0.0]) }
    }

    fn scaled(&self, features: &Row) -> f64 {
        (self.scale * dot(&self.shape, features)).clamp(SECONDS_MIN, SECONDS_MAX)
    }

    /// Learns one batch. Returns the error in logarithms, bounded: above zero is slower than foretold.
    pub fn learn(&mut self, records: u32, bytes: u64, seconds: f64) -> f64 {
        if !seconds.is_finite() || seconds <= 0.0 || records == 0 {
            return 0.0;
        }
        let seconds = seconds.clamp(SECONDS_MIN, SECONDS_MAX);
        self.learn_bytes(records, bytes);
        if self.samples == 0 {
            self.begin(records, seconds);
            return 0.0;
        }
        self.samples = self.samples.saturating_add(1);
        let features = self.features(records, bytes);
        let base = dot(&self.shape, &features).max(SECONDS_MIN);
        let ratio = seconds / (self.scale * base);
        let error = ln(ratio.clamp(RATIO_MIN, RATIO_MAX + 2.0));
        if self.samples <= WARM_UP {
            self.learn_shape(&features, base, ratio.clamp(RATIO_MIN, RATIO_MAX));
            return error;
        }
        let before = self.log_scale;
        let agreement = self.learn_scale(error);
        // While the scale follows a step, the shape would take it for a bend. It is learnt anew afterwards.
        if agreement >= 0.7 {
            self.doubt_more(UNSETTLED * (self.log_scale - before).powi(2));
        } else {
            let base = dot(&self.shape, &features).max(SECONDS_MIN);
            self.learn_shape(&features, base, ratio.clamp(0.5, 2.0));
        }
        error
    }

    /// The first sample cannot tell fixed from marginal cost: half each, and much doubt.
    fn begin(&mut self, records: u32, seconds: f64) {
        let each = 0.5 * seconds / f64::from(records);
        self.shape = [0.5 * seconds, each, 0.5 * each];
        self.doubt_everything();
        self.samples = 1;
    }

    fn doubt_everything(&mut self) {
        self.doubt = [[0.0; 3]; 3];
        self.doubt_more(9.0);
    }

    /// Adds to the variance of each parameter, in squares of its own size.
    fn doubt_more(&mut self, by: f64) {
        for (i, part) in self.shape.iter().enumerate() {
            self.doubt[i][i] += by * part * part;
        }
    }

    fn learn_bytes(&mut self, records: u32, bytes: u64) {
        let each = bytes as f64 / f64::from(records);
        let gain = if self.samples < 50 { 1.0 / (self.samples + 1) as f64 } else { 0.02 };
        self.bytes_per_record += gain * (each - self.bytes_per_record);
    }

    /// The third feature is zero for a batch of ordinary records, so uniform sizes neither teach it nor blur the
    /// other two.
    fn features(&self, records: u32, bytes: u64) -> Row {
        let usual = self.bytes_per_record.max(1.0);
        let count = f64::from(records);
        [1.0, count, (bytes as f64 / usual - count).clamp(-count, 64.0 * count.max(1.0))]
    }

    fn learn_shape(&mut self, features: &Row, base: f64, ratio: f64) {
        let x: Row = std::array::from_fn(|i| features[i] / base);
        let pull: Row = std::array::from_fn(|i| dot(&self.doubt[i], &x));
        let weight = 1.0 / (FORGETTING + dot(&x, &pull));
        let error = ratio - dot(&self.shape, &x);
        for (value, pull) in self.shape.iter_mut().zip(pull) {
            *value += pull * weight * error;
        }
        for (row, line) in self.doubt.iter_mut().enumerate() {
            for (column, value) in line.iter_mut().enumerate() {
                *value = (*value - pull[row] * pull[column] * weight) / FORGETTING;
            }
        }
        self.bound(features, base);
    }

    /// Costs are not negative, and a record's bytes are part of what a record costs.
    fn bound(&mut self, features: &Row, base: f64) {
        self.shape[0] = self.shape[0].clamp(0.0, SECONDS_MAX);
        self.shape[1] = self.shape[1].clamp(0.0, SECONDS_MAX);
        self.shape[2] = self.shape[2].clamp(0.0, self.shape[1]);
        let each = base / features[1].max(1.0);
        for (i, size) in [base, each, each].into_iter().enumerate() {
            let most = DOUBT_MAX * size * size;
            if self.doubt[i][i] > most {
                let shrink = (most / self.doubt[i][i]).sqrt();
                for j in 0..3 {
                    self.doubt[i][j] *= shrink;
                    self.doubt[j][i] *= shrink;
                }
            }
        }
    }

    /// Returns how much the last errors agreed, 0 to 1.
    ///
    /// Trigg and Leach's adaptive response: errors that agree in sign open the gain, noise around zero closes it.
    fn learn_scale(&mut self, error: f64) -> f64 {
        let bounded = error.clamp(-4.0 * self.spread - SURPRISE, 4.0 * self.spread + SURPRISE);
        self.drift += 0.3 * (bounded - self.drift);
        let quicker = if bounded.abs() > self.spread { 0.2 } else { 0.1 };
        self.spread = (self.spread + quicker * (bounded.abs() - self.spread)).clamp(1e-4, 2.0);
        let agreement = (self.drift.abs() / (self.spread + 0.01)).min(1.0);
        let gain = (GAIN_MAX * agreement * agreement).max(GAIN_MIN);
        self.log_scale = (self.log_scale + gain * bounded).clamp(-12.0, 12.0);
        // What was taken over is no error any more.
        self.drift *= 1.0 - 0.5 * gain;
        // The shape takes over what has become usual: the product stays, the scale returns to one.
        let over = 0.02 * self.log_scale;
        self.log_scale -= over;
        self.scale = exp(self.log_scale);
        let factor = exp(over);
        self.shape.iter_mut().for_each(|value| *value *= factor);
        self.doubt.iter_mut().flatten().for_each(|value| *value *= factor * factor);
        agreement
    }
}

fn dot(a: &Row, b: &Row) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

#[cfg(test)]
mod tests;
