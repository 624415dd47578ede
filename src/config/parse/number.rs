//! Whole numbers, durations, sizes and percentages.

use super::Fault;
use crate::config::flag::{Bytes, Millis};

const DURATION_UNITS: &[(&str, u64)] = &[("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];

const SIZE_UNITS: &[(&str, u64)] = &[
    ("b", 1),
    ("kb", 1000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
];

pub(super) fn int(text: &str, min: u64, max: u64) -> Result<u64, Fault> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Fault::new("is not a whole number", format!("set it to a whole number from {min} to {max}")));
    }
    // Only digits: what does not parse is too large.
    within(text.parse().unwrap_or(u64::MAX), min, max, |n| n.to_string())
}

/// Milliseconds; a `bare` number is in milliseconds already.
pub(super) fn millis(text: &str, min: u64, max: u64, bare: bool) -> Result<u64, Fault> {
    let (number, unit) = split_unit(text);
    let factor = match DURATION_UNITS.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name)) {
        Some((_, factor)) => *factor,
        None if unit.is_empty() && bare => 1,
        None if unit.is_empty() && decimal(number).is_some() => {
            return Err(Fault::new("has no unit", format!("write {number}ms or {number}s")));
        }
        None => return Err(Fault::new("is not a duration", "write it as 250ms, 5s, 2m or 1h")),
    };
    let Some(number) = decimal(number) else {
        return Err(Fault::new("is not a duration", "write it as 250ms, 5s, 2m or 1h"));
    };
    let Some(ms) = number.times(factor) else {
        return Err(Fault::new("is finer than a millisecond", "write it in whole milliseconds"));
    };
    within(ms, min, max, |ms| Millis(ms).to_string())
}

/// Bytes.
pub(super) fn bytes(text: &str, min: u64, max: u64) -> Result<u64, Fault> {
    let (number, unit) = split_unit(text);
    let factor = match SIZE_UNITS.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name)) {
        Some((_, factor)) => *factor,
        None if unit.is_empty() => 1,
        None if ["k", "m", "g"].contains(&unit.to_ascii_lowercase().as_str()) => {
            let unit = unit.to_ascii_uppercase();
            return Err(Fault::new(
                "has a unit that can be read two ways",
                format!("write {number}{unit}iB (powers of 1024) or {number}{unit}B (powers of 1000)"),
            ));
        }
        None => return Err(Fault::new("is not a size", "write it as 64KiB, 10MB or a number of bytes")),
    };
    let Some(number) = decimal(number) else {
        return Err(Fault::new("is not a size", "write it as 64KiB, 10MB or a number of bytes"));
    };
    let Some(bytes) = number.times(factor) else {
        return Err(Fault::new("is not a whole number of bytes", "write it in whole bytes"));
    };
    within(bytes, min, max, |n| Bytes(n).to_string())
}

pub(super) fn percent(text: &str, min: f64, max: f64) -> Result<f64, Fault> {
    let number = text.strip_suffix('%').unwrap_or(text).trim_end();
    // `decimal` first: it refuses "inf", "NaN" and "1e3", which f64 would take.
    let value = decimal(number).and_then(|_| number.parse::<f64>().ok());
    match value {
        Some(value) if (min..=max).contains(&value) => Ok(value),
        Some(_) => Err(Fault::new("is out of range", format!("set it between {min} and {max}"))),
        None => Err(Fault::new("is not a percentage", "write it as 80 or 80%")),
    }
}

fn within(value: u64, min: u64, max: u64, show: impl Fn(u64) -> String) -> Result<u64, Fault> {
    if (min..=max).contains(&value) {
        return Ok(value);
    }
    Err(Fault::new("is out of range", format!("set it between {} and {}", show(min), show(max))))
}

/// `"64KiB"` → `("64", "KiB")`; blanks between the two do not count.
fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

/// `digits × 10^-scale`.
struct Decimal {
    digits: u128,
    scale: u32,
}

impl Decimal {
    /// The product, when it is whole; one that is too large comes back as the largest number.
    fn times(&self, factor: u64) -> Option<u64> {
        let product = self.digits.saturating_mul(u128::from(factor));
        let divisor = 10u128.pow(self.scale);
        product.is_multiple_of(divisor).then(|| u64::try_from(product / divisor).unwrap_or(u64::MAX))
    }
}

/// `12` or `1.5`: digits, at most one point, digits on both sides of it, nine behind it at most.
fn decimal(text: &str) -> Option<Decimal> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let scale = fraction.len() as u32;
    // More digits than fit: the largest number that still divides, so that the range check refuses it.
    let whole: u128 = whole.parse::<u64>().unwrap_or(u64::MAX).into();
    let fraction: u128 = fraction.parse::<u64>().ok()?.into();
    Some(Decimal { digits: whole * 10u128.pow(scale) + fraction, scale })
}
