//! Logarithm and exponential, written out.
//!
//! The standard ones come from the platform, and their last bit differs between machines and optimisation levels. A
//! decision that hangs on it would make one seed two runs. Only additions, multiplications and divisions here, which
//! IEEE 754 fixes. Good to about 1e-15 relative; slower than the platform's, and quick enough (some ten ns).

const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// Natural logarithm. Of zero, of anything negative, subnormal or not a number: that of the smallest normal number,
/// so that no caller has to expect an infinity.
pub fn ln(x: f64) -> f64 {
    let x = if x.is_finite() { x.max(f64::MIN_POSITIVE) } else { saturate(x) };
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i64 - 1023;
    let mut mantissa = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | (1023 << 52));
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa *= 0.5;
        exponent += 1;
    }
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let square = t * t;
    let mut series = 0.0;
    for odd in (0..11).rev() {
        series = series * square + 1.0 / (2 * odd + 1) as f64;
    }
    let whole = exponent as f64;
    whole * LN_2_HIGH + (2.0 * t * series + whole * LN_2_LOW)
}

/// The exponential, of an argument held within ±700.
pub fn exp(x: f64) -> f64 {
    let x = if x.is_nan() { 0.0 } else { x.clamp(-700.0, 700.0) };
    let whole = (x / std::f64::consts::LN_2).round();
    let rest = (x - whole * LN_2_HIGH) - whole * LN_2_LOW;
    let mut series = 1.0;
    for n in (1..=14).rev() {
        series = 1.0 + rest / f64::from(n) * series;
    }
    series * f64::from_bits(((whole as i64 + 1023) as u64) << 52)
}

fn saturate(x: f64) -> f64 {
    if x == f64::INFINITY { f64::MAX } else { f64::MIN_POSITIVE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_agree_with_the_platform_to_the_last_digits() {
        for step in -6000..6000 {
            let x = f64::from(step) * 0.1;
            assert!((exp(x) / x.exp() - 1.0).abs() < 4e-15, "exp({x})");
            let y = x.exp();
            assert!((ln(y) - y.ln()).abs() <= 4e-15 * (1.0 + y.ln().abs()), "ln({y})");
        }
    }

    #[test]
    fn nothing_put_in_brings_an_infinity_out() {
        for x in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE / 8.0, f64::MAX] {
            assert!(ln(x).is_finite() && exp(x).is_finite(), "{x}");
        }
    }
}
