//! Is this value JSON that any worker can parse? One pass, nothing allocated, nothing built.
//!
//! It is RFC 8259 with three promises on top, because a batch is parsed whole and one odd value would take its
//! neighbours down with it: the bytes are UTF-8, `\u` escapes form whole characters (a lone surrogate is refused, as
//! RFC 7493 asks), and nesting ends at [`DEPTH_MAX`]. Numbers are checked for their form, not their range.
//!
//! It does not tell what is wrong beyond where, and it does not look for repeated names.

use super::text::plain_prefix;

/// Nested arrays and objects a value may have. The envelope adds three, and the strictest parsers in common use stop
/// at 128 (serde_json) or overflow their stack near 1000 (Python).
pub const DEPTH_MAX: u32 = 100;

/// `Ok` for a JSON value with white space around it at most; otherwise the offset where it stops being one.
pub fn check(bytes: &[u8]) -> Result<(), usize> {
    std::str::from_utf8(bytes).map_err(|error| error.valid_up_to())?;
    let mut scan = Scan { bytes, at: 0 };
    scan.document().ok_or(scan.at)
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The containers that are open: one bit each, set for an object, the innermost lowest.
struct Open {
    kinds: u128,
    depth: u32,
}

impl Open {
    #[inline]
    fn push(&mut self, object: bool) -> Option<()> {
        if self.depth == DEPTH_MAX {
            return None;
        }
        self.depth += 1;
        self.kinds = self.kinds << 1 | u128::from(object);
        Some(())
    }

    #[inline]
    fn pop(&mut self) {
        self.depth -= 1;
        self.kinds >>= 1;
    }

    #[inline]
    fn in_object(&self) -> bool {
        self.kinds & 1 == 1
    }
}

impl Scan<'_> {
    fn document(&mut self) -> Option<()> {
        let mut open = Open { kinds: 0, depth: 0 };
        'value: loop {
            match self.token()? {
                b'"' => self.string()?,
                b'{' => {
                    open.push(true)?;
                    match self.token()? {
                        b'"' => {
                            self.name()?;
                            continue 'value;
                        }
                        b'}' => open.pop(),
                        _ => return self.back(),
                    }
                }
                b'[' => {
                    open.push(false)?;
                    if self.peek_token() != Some(b']') {
                        continue 'value;
                    }
                    self.at += 1;
                    open.pop();
                }
                first @ (b'-' | b'0'..=b'9') => self.number(first)?,
                b't' => self.literal(b"rue")?,
                b'f' => self.literal(b"alse")?,
                b'n' => self.literal(b"ull")?,
                _ => return self.back(),
            }
            // A value has ended: what may follow depends on what it is in.
            loop {
                if open.depth == 0 {
                    return if self.peek_token().is_none() { Some(()) } else { None };
                }
                match (self.token()?, open.in_object()) {
                    (b',', true) => {
                        if self.token()? != b'"' {
                            return self.back();
                        }
                        self.name()?;
                        continue 'value;
                    }
                    (b',', false) => continue 'value,
                    (b'}', true) | (b']', false) => open.pop(),
                    _ => return self.back(),
                }
            }
        }
    }

    #[inline]
    fn next(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// Points at the byte that was wrong instead of behind it.
    #[cold]
    fn back(&mut self) -> Option<()> {
        self.at -= 1;
        None
    }

    #[inline]
    fn peek_token(&mut self) -> Option<u8> {
        loop {
            match *self.bytes.get(self.at)? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    /// The next byte that is not white space, taken.
    #[inline]
    fn token(&mut self) -> Option<u8> {
        let byte = self.peek_token()?;
        self.at += 1;
        Some(byte)
    }

    /// The rest of a name and its colon.
    #[inline]
    fn name(&mut self) -> Option<()> {
        self.string()?;
        if self.token()? == b':' { Some(()) } else { self.back() }
    }

    /// The rest of a string whose opening quote is taken.
    #[inline]
    fn string(&mut self) -> Option<()> {
        loop {
            self.at += plain_prefix(self.bytes.get(self.at..)?);
            match self.next()? {
                b'"' => return Some(()),
                b'\\' => self.escape()?,
                _ => return self.back(),
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        match self.next()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => match self.four_hex()? {
                0xD800..=0xDBFF => {
                    if self.next()? != b'\\' || self.next()? != b'u' {
                        return self.back();
                    }
                    matches!(self.four_hex()?, 0xDC00..=0xDFFF).then_some(())
                }
                0xDC00..=0xDFFF => None,
                _ => Some(()),
            },
            _ => self.back(),
        }
    }

    fn four_hex(&mut self) -> Option<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit << 4 | char::from(self.next()?).to_digit(16)?;
        }
        Some(unit)
    }

    /// The rest of a number whose first byte is taken.
    #[inline]
    fn number(&mut self, first: u8) -> Option<()> {
        let lead = if first == b'-' { self.next()? } else { first };
        match lead {
            b'0' => {}
            b'1'..=b'9' => self.digits(),
            _ => return self.back(),
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Some(())
    }

    #[inline]
    fn digits(&mut self) {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
    }

    #[inline]
    fn some_digits(&mut self) -> Option<()> {
        if !self.next()?.is_ascii_digit() {
            return self.back();
        }
        self.digits();
        Some(())
    }

    #[inline]
    fn literal(&mut self, rest: &[u8]) -> Option<()> {
        if !self.bytes.get(self.at..)?.starts_with(rest) {
            return None;
        }
        self.at += rest.len();
        Some(())
    }
}

#[cfg(test)]
mod tests;
