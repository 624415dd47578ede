use proptest::prelude::*;

use super::*;

/// Noise of about the given size, from a fixed sequence: mean close to one.
struct Noise(u64);

impl Noise {
    fn even(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Log-normal by twelve even draws.
    fn log_normal(&mut self, cv: f64) -> f64 {
        let normal = (0..12).map(|_| self.even()).sum::<f64>() - 6.0;
        let variance = ln(1.0 + cv * cv);
        exp(normal * variance.sqrt() - 0.5 * variance)
    }

    fn below(&mut self, n: u32) -> u32 {
        (self.even() * f64::from(n)) as u32
    }
}

fn curve(records: u32) -> f64 {
    0.020 + 0.005 * f64::from(records)
}

/// Feeds `n` batches of changing sizes at the given slowness.
fn feed(model: &mut BatchTime, noise: &mut Noise, n: u32, slowness: f64, cv: f64) {
    for _ in 0..n {
        let records = 1 + noise.below(16);
        model.learn(records, u64::from(records) * 1000, slowness * curve(records) * noise.log_normal(cv));
    }
}

fn error(model: &BatchTime, slowness: f64) -> f64 {
    [1, 8, 16].map(|b| (model.seconds_of(b) / (slowness * curve(b))).ln().abs()).into_iter().fold(0.0, f64::max)
}

/// Batches after a step until a middling batch is foretold within 0.15: median and ninth decile of 200 seeds.
fn settling(step: f64, cv: f64) -> (u32, u32) {
    let mut taken: Vec<u32> = (0..200)
        .map(|seed| {
            let (mut model, mut noise) = (BatchTime::default(), Noise(seed));
            feed(&mut model, &mut noise, 200, 1.0, cv);
            (1..=60).find(|_| {
                feed(&mut model, &mut noise, 1, step, cv);
                (model.seconds_of(8) / (step * curve(8))).ln().abs() < 0.15
            })
        })
        .map(|found| found.unwrap_or(99))
        .collect();
    taken.sort_unstable();
    (taken[100], taken[180])
}

#[test]
fn a_clean_curve_is_known_after_a_dozen_batches() {
    let (mut model, mut noise) = (BatchTime::default(), Noise(1));
    feed(&mut model, &mut noise, 12, 1.0, 0.0);
    assert!(error(&model, 1.0) < 0.02, "{}", error(&model, 1.0));
}

#[test]
fn three_times_slower_is_settled_within_eight_batches() {
    for (step, cv) in [(3.0, 0.0), (3.0, 0.05), (3.0, 0.2), (0.4, 0.05), (0.4, 0.2)] {
        let (median, ninth_decile) = settling(step, cv);
        let slowest = if cv > 0.1 { 12 } else { 8 };
        assert!(median <= 6 && ninth_decile <= slowest, "step {step} cv {cv}: {median} {ninth_decile}");
    }
}

#[test]
fn a_slow_drift_is_followed() {
    let (mut model, mut noise) = (BatchTime::default(), Noise(3));
    let mut worst = 0.0_f64;
    for n in 0..400 {
        let slowness = 1.0 + 2.0 * f64::from(n) / 400.0;
        feed(&mut model, &mut noise, 1, slowness, 0.05);
        if n > 20 {
            worst = worst.max(error(&model, slowness));
        }
    }
    assert!(worst < 0.2, "{worst}");
}

#[test]
fn heavy_tails_blur_it_but_do_not_carry_it_away() {
    let (mut model, mut noise) = (BatchTime::default(), Noise(4));
    feed(&mut model, &mut noise, 100, 1.0, 1.5);
    let (mut total, mut worst) = (0.0, 0.0_f64);
    for _ in 0..2000 {
        feed(&mut model, &mut noise, 1, 1.0, 1.5);
        let off = (model.seconds_of(8) / curve(8)).ln();
        total += off / 2000.0;
        worst = worst.max(off.abs());
    }
    assert!(total.abs() < 0.7 && worst < 2.0, "mean {total}, worst {worst}");
}

#[test]
fn one_hung_call_moves_it_by_less_than_half() {
    let (mut model, mut noise) = (BatchTime::default(), Noise(5));
    feed(&mut model, &mut noise, 100, 1.0, 0.1);
    let before = model.seconds_of(8);
    model.learn(8, 8000, 60.0);
    assert!(model.seconds_of(8) < 1.45 * before, "{before} {}", model.seconds_of(8));
}

#[test]
fn larger_records_are_told_from_more_records() {
    let (mut model, mut noise) = (BatchTime::default(), Noise(6));
    for _ in 0..300 {
        let (records, each) = (1 + noise.below(16), 500 + noise.below(1000));
        let bytes = u64::from(records * each);
        model.learn(records, bytes, 0.01 + 1e-6 * bytes as f64);
    }
    let (light, heavy) = (model.seconds(8, 4000), model.seconds(8, 12_000));
    assert!((light / 0.014 - 1.0).abs() < 0.1 && (heavy / 0.022 - 1.0).abs() < 0.1, "{light} {heavy}");
}

#[test]
fn batches_of_one_size_for_an_hour_leave_it_able_to_learn() {
    let (mut model, mut noise) = (BatchTime::default(), Noise(7));
    for _ in 0..20_000 {
        model.learn(16, 16_000, curve(16) * noise.log_normal(0.1));
    }
    feed(&mut model, &mut noise, 40, 1.0, 0.1);
    assert!(error(&model, 1.0) < 0.25, "{}", error(&model, 1.0));
}

proptest! {
    #[test]
    fn whatever_it_is_told_it_foretells_something_finite_that_grows_with_the_batch(
        samples in proptest::collection::vec((0_u32..5000, any::<u64>(), any::<f64>()), 1..200)
    ) {
        let mut model = BatchTime::default();
        for (records, bytes, seconds) in samples {
            let error = model.learn(records, bytes, seconds);
            prop_assert!(error.is_finite() && error.abs() < 2.0);
            let (one, many) = (model.seconds_of(1), model.seconds_of(100));
            prop_assert!(one.is_finite() && many.is_finite() && one <= many && one >= 0.0);
            prop_assert!(model.seconds(7, bytes).is_finite());
        }
    }
}
