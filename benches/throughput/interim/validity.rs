//! Is this value JSON that any worker can parse? One pass, nothing allocated, nothing built.
//!
//! It is RFC 8259 with three promises on top, because a batch is parsed whole and one odd value would take its
//! neighbours down with it: the bytes are UTF-8, `\u` escapes form whole characters (a lone surrogate is refused, as
//! RFC 7493 asks), and nesting ends at [`DEPTH_MAX`]. Numbers are checked for their form, not their range.
//!
//! It does not tell what is wrong beyond where, and it does not look for repeated names.
//!
//! Every step takes the offset it starts at and gives back the one behind it, so that the offset lives in a register:
//! kept in a struct it cost twice as much.

use super::text::plain_prefix;

/// Nested arrays and objects a value may have. The envelope adds three, and the strictest parsers in common use stop
/// at 128 (serde_json) or overflow their stack near 1000 (Python).
pub const DEPTH_MAX: u32 = 100;

/// `Ok` for a JSON value with white space around it at most; otherwise the offset where it stops being one.
pub fn check(bytes: &[u8]) -> Result<(), usize> {
    if !bytes.is_ascii() {
        std::str::from_utf8(bytes).map_err(|error| error.valid_up_to())?;
    }
    document(bytes)
}

/// The offset behind a step, or the offset of the byte that was wrong.
type Step = Result<usize, usize>;

/// The containers that are open: one bit each, set for an object, the innermost lowest.
struct Open {
    kinds: u128,
    depth: u32,
}

impl Open {
    #[inline(always)]
    fn push(&mut self, object: bool, at: usize) -> Result<(), usize> {
        if self.depth == DEPTH_MAX {
            return Err(at);
        }
        self.depth += 1;
        self.kinds = self.kinds << 1 | u128::from(object);
        Ok(())
    }

    #[inline(always)]
    fn pop(&mut self) {
        self.depth -= 1;
        self.kinds >>= 1;
    }

    #[inline(always)]
    fn in_object(&self) -> bool {
        self.kinds & 1 == 1
    }
}

fn document(bytes: &[u8]) -> Result<(), usize> {
    let mut open = Open { kinds: 0, depth: 0 };
    let mut at = 0;
    'value: loop {
        at = space(bytes, at);
        match byte(bytes, at)? {
            b'"' => at = string(bytes, at + 1)?,
            b'{' => {
                open.push(true, at)?;
                at = space(bytes, at + 1);
                match byte(bytes, at)? {
                    b'"' => {
                        at = name(bytes, at + 1)?;
                        continue 'value;
                    }
                    b'}' => open.pop(),
                    _ => return Err(at),
                }
                at += 1;
            }
            b'[' => {
                open.push(false, at)?;
                at = space(bytes, at + 1);
                if byte(bytes, at)? != b']' {
                    continue 'value;
                }
                open.pop();
                at += 1;
            }
            b'-' | b'0'..=b'9' => at = number(bytes, at)?,
            b't' => at = literal(bytes, at, b"true")?,
            b'f' => at = literal(bytes, at, b"false")?,
            b'n' => at = literal(bytes, at, b"null")?,
            _ => return Err(at),
        }
        // A value has ended: what may follow depends on what it is in.
        loop {
            at = space(bytes, at);
            if open.depth == 0 {
                return if at == bytes.len() { Ok(()) } else { Err(at) };
            }
            match (byte(bytes, at)?, open.in_object()) {
                (b',', true) => {
                    at = space(bytes, at + 1);
                    if byte(bytes, at)? != b'"' {
                        return Err(at);
                    }
                    at = name(bytes, at + 1)?;
                    continue 'value;
                }
                (b',', false) => {
                    at += 1;
                    continue 'value;
                }
                (b'}', true) | (b']', false) => open.pop(),
                _ => return Err(at),
            }
            at += 1;
        }
    }
}

#[inline(always)]
fn byte(bytes: &[u8], at: usize) -> Result<u8, usize> {
    bytes.get(at).copied().ok_or(at)
}

#[inline(always)]
fn space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// The rest of a name whose opening quote is taken, and its colon.
#[inline(always)]
fn name(bytes: &[u8], at: usize) -> Step {
    let at = string(bytes, at)?;
    let at = space(bytes, at);
    if byte(bytes, at)? == b':' { Ok(at + 1) } else { Err(at) }
}

/// The rest of a string whose opening quote is taken.
#[inline(always)]
fn string(bytes: &[u8], mut at: usize) -> Step {
    loop {
        at += plain_prefix(bytes.get(at..).unwrap_or_default());
        match byte(bytes, at)? {
            b'"' => return Ok(at + 1),
            b'\\' => at = escape(bytes, at + 1)?,
            _ => return Err(at),
        }
    }
}

#[inline(never)]
fn escape(bytes: &[u8], at: usize) -> Step {
    match byte(bytes, at)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 1),
        b'u' => match hex_unit(bytes, at + 1)? {
            0xD800..=0xDBFF => {
                let low = at + 5;
                if bytes.get(low..low + 2) != Some(b"\\u") {
                    return Err(low);
                }
                match hex_unit(bytes, low + 2)? {
                    0xDC00..=0xDFFF => Ok(low + 6),
                    _ => Err(low),
                }
            }
            0xDC00..=0xDFFF => Err(at),
            _ => Ok(at + 5),
        },
        _ => Err(at),
    }
}

fn hex_unit(bytes: &[u8], at: usize) -> Result<u32, usize> {
    (at..at + 4).try_fold(0, |unit, at| {
        let digit = char::from(byte(bytes, at)?).to_digit(16).ok_or(at)?;
        Ok(unit << 4 | digit)
    })
}

/// A number, from its first byte.
#[inline(always)]
fn number(bytes: &[u8], at: usize) -> Step {
    let lead = at + usize::from(bytes.get(at) == Some(&b'-'));
    let mut at = match byte(bytes, lead)? {
        b'0' => lead + 1,
        b'1'..=b'9' => digits(bytes, lead + 1),
        _ => return Err(lead),
    };
    if bytes.get(at) == Some(&b'.') {
        at = some_digits(bytes, at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        at = some_digits(bytes, at)?;
    }
    Ok(at)
}

#[inline(always)]
fn digits(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b'0'..=b'9') = bytes.get(at) {
        at += 1;
    }
    at
}

#[inline(always)]
fn some_digits(bytes: &[u8], at: usize) -> Step {
    if byte(bytes, at)?.is_ascii_digit() { Ok(digits(bytes, at + 1)) } else { Err(at) }
}

#[inline(always)]
fn literal(bytes: &[u8], at: usize, word: &[u8]) -> Step {
    let there = bytes.get(at..).is_some_and(|rest| rest.starts_with(word));
    if there { Ok(at + word.len()) } else { Err(at) }
}
