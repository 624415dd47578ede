//! Produce → worker latencies, from the time each value begins with.

use super::Latency;

/// What stands right before the microseconds since the Unix epoch at which a record was produced.
const MARK: &[u8] = b"\"event\":{\"sent_us\":";

/// The produce times in a whole request.
pub fn sent_us(body: &[u8]) -> impl Iterator<Item = u64> {
    let starts = body.windows(MARK.len()).enumerate().filter(|(_, w)| *w == MARK).map(|(at, _)| at + MARK.len());
    starts.map(|start| {
        let digits = body[start..].iter().take_while(|b| b.is_ascii_digit());
        digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
    })
}

/// Percentiles of latencies in microseconds.
pub fn summary(mut micros: Vec<u64>) -> Option<Latency> {
    micros.sort_unstable();
    let at = |percent: usize| micros.get((micros.len().saturating_sub(1)) * percent / 100).map(|us| *us as f64 / 1e3);
    Some(Latency { p50: at(50)?, p99: at(99)?, max: at(100)? })
}
