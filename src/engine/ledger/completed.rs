//! What is finished beyond the frontier, as text that fits beside a committed offset.
//!
//! Kafka keeps a short string with every committed offset. It carries the runs of finished offsets that lie beyond the
//! frontier, so that whoever reads from there next passes them over. The form: `sg1:` and, in base64 (URL alphabet, no
//! padding), a sequence of LEB128 numbers: the frontier itself, then the lengths of runs from there on, unfinished and
//! finished in turn. The first unfinished run may be empty. An offset that holds no record (a marker, a compacted gap) belongs to the run before it.
//!
//! What does not parse, was written by somebody else, or belongs to another frontier is no set at all: everything is
//! then delivered again, which is the promise anyway.

use std::collections::VecDeque;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Form and version. Another version is somebody else's.
const PREFIX: &str = "sg1:";

/// Brokers take 4,096 bytes of metadata by default (`offset.metadata.max.bytes`).
pub const TEXT_BYTES_MAX: usize = 3_900;

/// Runs of finished offsets, ascending, each `(from, to)` with `from < to`, none touching the next. Bound: as many as
/// fit into [`TEXT_BYTES_MAX`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Completed {
    /// What was committed beside it: the log has to be read from here on.
    frontier: i64,
    runs: VecDeque<(i64, i64)>,
}

impl Completed {
    /// Reads what [`encode`] wrote for this frontier.
    pub fn decode(text: &str, frontier: i64) -> Option<Self> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let mut numbers = Numbers(&bytes);
        if numbers.next()?.ok()? != frontier {
            return None;
        }
        let (mut runs, mut at) = (VecDeque::new(), frontier);
        while let Some(unfinished) = numbers.next() {
            let from = at.checked_add(unfinished.ok()?)?;
            let to = from.checked_add(numbers.next()?.ok()?)?;
            // Only at the frontier may there be nothing unfinished: what lies there was not read again yet.
            let touches = from == at && !runs.is_empty();
            if touches || to == from {
                return None;
            }
            runs.push_back((from, to));
            at = to;
        }
        Some(Self { frontier, runs })
    }

    /// The log turned out to be read from `offset` on. From before the frontier it is another log, or somebody wants
    /// it all again: the set says nothing about that.
    pub fn begin_at(&mut self, offset: i64) {
        if offset < self.frontier {
            self.runs.clear();
        }
    }

    /// Whether an offset lies in a run. Runs that end before it are forgotten: offsets are asked about in order.
    pub fn has(&mut self, offset: i64) -> bool {
        while self.runs.front().is_some_and(|(_, to)| *to <= offset) {
            self.runs.pop_front();
        }
        self.runs.front().is_some_and(|(from, _)| *from <= offset)
    }

    /// The runs from an offset on.
    pub fn from(&self, offset: i64) -> impl Iterator<Item = (i64, i64)> {
        let clipped = self.runs.iter().map(move |(from, to)| (*from.max(&offset), *to));
        clipped.filter(|(from, to)| from < to)
    }

    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

/// The runs beyond a frontier as text of at most `bytes_max`; what does not fit is left out from the far end. Empty
/// when there is nothing to say, or no room to say it.
pub fn encode(frontier: i64, runs: impl Iterator<Item = (i64, i64)>, bytes_max: usize) -> String {
    // Four characters for three bytes.
    let room = bytes_max.min(TEXT_BYTES_MAX).saturating_sub(PREFIX.len()) / 4 * 3;
    let mut bytes = Vec::with_capacity(512.min(room));
    put(&mut bytes, frontier);
    let (mut at, mut fits) = (frontier, 0);
    for (from, to) in runs {
        put(&mut bytes, from - at);
        put(&mut bytes, to - from);
        if bytes.len() > room {
            break;
        }
        (at, fits) = (to, bytes.len());
    }
    bytes.truncate(fits);
    if bytes.is_empty() {
        return String::new();
    }
    let mut text = String::with_capacity(PREFIX.len() + bytes.len().div_ceil(3) * 4);
    text.push_str(PREFIX);
    URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
    text
}

/// LEB128: seven bits a byte, the lowest first, the top bit says that more follow.
fn put(bytes: &mut Vec<u8>, number: i64) {
    let mut rest = number.cast_unsigned();
    while rest >= 0x80 {
        bytes.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

/// Reads what [`put`] wrote. A number that is cut off or no offset is an error.
struct Numbers<'a>(&'a [u8]);

impl Iterator for Numbers<'_> {
    type Item = Result<i64, ()>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let mut number = 0_u64;
        for shift in (0..63).step_by(7) {
            let Some((byte, rest)) = self.0.split_first() else { return Some(Err(())) };
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(i64::try_from(number).map_err(|_| ()));
            }
        }
        self.0 = &[];
        Some(Err(()))
    }
}

#[cfg(test)]
mod tests;
