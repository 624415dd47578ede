//! Counts the entries of a request as it streams by.
//!
//! An entry is counted by its name `"entryId"`. Its value and most of the envelope around it follow, so that many bytes
//! need not be looked at: of 1 KiB records about a tenth is.

const NAME: &[u8] = b"\"entryId\"";

/// What an entry has beside its value, at the very least, from the end of `"entryId"` to the end of the entry.
const ENTRY_BYTES_MIN: usize = 180;

pub struct Tally {
    stride: usize,
    /// Bytes still to pass over.
    skip: usize,
    /// Bytes of the name that matched so far.
    matched: usize,
    pub entries: u64,
}

impl Tally {
    pub const fn new(value_bytes: usize) -> Self {
        Self { stride: value_bytes + ENTRY_BYTES_MIN, skip: 0, matched: 0, entries: 0 }
    }

    /// The next piece of the body.
    pub fn read(&mut self, mut piece: &[u8]) {
        loop {
            if self.skip >= piece.len() {
                self.skip -= piece.len();
                return;
            }
            piece = &piece[self.skip..];
            self.skip = 0;
            let mut seen = 0;
            for &byte in piece {
                seen += 1;
                // The name's first byte stands at its end again and nowhere else, so a mismatch starts over.
                self.matched = if byte == NAME[self.matched] { self.matched + 1 } else { usize::from(byte == NAME[0]) };
                if self.matched == NAME.len() {
                    self.matched = 0;
                    self.entries += 1;
                    self.skip = self.stride;
                    break;
                }
            }
            piece = &piece[seen..];
            if piece.is_empty() {
                return;
            }
        }
    }
}
