//! Service-time noise and arrivals: log-normal and exponential draws that are the same on every machine.

use crate::{
    control::maths::{exp, ln},
    sim::rng::Rng,
};

/// Even on (0, 1).
pub fn even(rng: &mut Rng) -> f64 {
    ((rng.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

/// Standard normal, by Marsaglia's polar method.
pub fn normal(rng: &mut Rng) -> f64 {
    loop {
        let (u, v) = (2.0 * even(rng) - 1.0, 2.0 * even(rng) - 1.0);
        let square = u * u + v * v;
        if square > 0.0 && square < 1.0 {
            return u * (-2.0 * ln(square) / square).sqrt();
        }
    }
}

/// Log-normal with mean one and the given coefficient of variation.
pub fn log_normal(rng: &mut Rng, cv: f64) -> f64 {
    if cv <= 0.0 {
        return 1.0;
    }
    let variance = ln(1.0 + cv * cv);
    exp(normal(rng) * variance.sqrt() - 0.5 * variance)
}

/// Exponential with mean one.
pub fn exponential(rng: &mut Rng) -> f64 {
    -ln(even(rng))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_variations_are_the_ones_asked_for() {
        let mut rng = Rng::new(1);
        let n = 200_000;
        for cv in [0.0, 0.2, 1.0] {
            let draws: Vec<f64> = (0..n).map(|_| log_normal(&mut rng, cv)).collect();
            let mean = draws.iter().sum::<f64>() / f64::from(n);
            let variance = draws.iter().map(|draw| (draw - mean) * (draw - mean)).sum::<f64>() / f64::from(n);
            assert!((mean - 1.0).abs() < 0.01 && (variance.sqrt() - cv).abs() < 0.05, "{cv}: {mean} {variance}");
        }
        let mean = (0..n).map(|_| exponential(&mut rng)).sum::<f64>() / f64::from(n);
        assert!((mean - 1.0).abs() < 0.01);
    }
}
