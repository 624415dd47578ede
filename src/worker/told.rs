//! What a worker says of itself in optional response headers, on any answer. docs/WORKER.md has their forms.
//!
//! Whoever sends them may be wrong, so what does not parse, is out of bounds or unknown is as good as not sent, and
//! nothing in here can fail.

use std::time::Duration;

use hyper::HeaderMap;

use crate::engine::event::Told;

/// A worker that claims to work on more batches at once than this has said nothing.
pub const CAPACITY_MAX: u32 = 65_536;
/// A time longer than this is no time.
const DURATION_MAX_MS: f64 = 86_400_000.0;
/// Metrics looked at in one answer.
const METRICS_MAX: usize = 64;

pub fn told(headers: &HeaderMap) -> Told {
    let mut told = Told::default();
    let lines = headers.get_all("server-timing").iter();
    for metric in lines.flat_map(|line| Metrics { rest: line.as_bytes() }).take(METRICS_MAX) {
        let slot = match metric.name {
            b"service" => &mut told.worked,
            b"queue" => &mut told.queued,
            _ => continue,
        };
        // Of several with one name the first with a time counts.
        *slot = slot.or(metric.dur);
    }
    told.capacity = headers.get("x-capacity").and_then(|value| capacity(value.as_bytes()));
    told.model = headers.get("x-model-version").and_then(|value| model(value.as_bytes()));
    told
}

fn capacity(value: &[u8]) -> Option<u32> {
    let number: u32 = std::str::from_utf8(value).ok()?.trim().parse().ok()?;
    (1..=CAPACITY_MAX).contains(&number).then_some(number)
}

/// FNV-1a over the bytes, so that a file written by one build is understood by the next. Nothing is no version.
fn model(value: &[u8]) -> Option<u64> {
    let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let value = value.trim_ascii();
    (!value.is_empty()).then(|| value.iter().fold(0xcbf2_9ce4_8422_2325, hash))
}

/// One metric of `Server-Timing`: `name;dur=12.3;desc="words"`.
struct Metric<'a> {
    name: &'a [u8],
    dur: Option<Duration>,
}

/// The metrics of one header line, as <https://www.w3.org/TR/server-timing/> has them. A quoted string may hold commas
/// and semicolons, so the line cannot simply be split.
struct Metrics<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Metrics<'a> {
    type Item = Metric<'a>;

    fn next(&mut self) -> Option<Metric<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let name = self.until(b";,").trim_ascii();
        // Of several parameters with one name the first counts, even if it is no good.
        let (mut dur, mut has_dur) = (None, false);
        while self.take(b';') {
            let param = self.until(b"=;,").trim_ascii();
            let value = if self.take(b'=') { self.until(b";,").trim_ascii() } else { b"" };
            if param.eq_ignore_ascii_case(b"dur") && !has_dur {
                (dur, has_dur) = (duration(unquoted(value)), true);
            }
        }
        self.take(b',');
        Some(Metric { name, dur })
    }
}

impl<'a> Metrics<'a> {
    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.rest.first() == Some(&byte);
        self.rest = &self.rest[usize::from(is_next)..];
        is_next
    }

    /// Everything before the next of `stops` that is not inside of a quoted string; a string left open goes on to
    /// the end of the line.
    fn until(&mut self, stops: &[u8]) -> &'a [u8] {
        let (mut is_quoted, mut is_escaped) = (false, false);
        let stop = self.rest.iter().position(|byte| {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if is_quoted => is_escaped = true,
                b'"' => is_quoted = !is_quoted,
                byte => return !is_quoted && stops.contains(byte),
            }
            false
        });
        let (before, rest) = self.rest.split_at(stop.unwrap_or(self.rest.len()));
        self.rest = rest;
        before
    }
}

/// A number needs no escapes, so the quotes are all there is to take off.
fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}

/// Milliseconds. Negative, no number, infinite or longer than a day is no time.
fn duration(value: &[u8]) -> Option<Duration> {
    let ms: f64 = std::str::from_utf8(value).ok()?.trim().parse().ok()?;
    (0.0..=DURATION_MAX_MS).contains(&ms).then(|| Duration::from_secs_f64(ms / 1e3))
}

#[cfg(test)]
mod tests;
