//! Writing into a JSON body: numbers, escaped text, base64. Straight into the caller's buffer, nothing allocated.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The length of the prefix that stands for itself inside a JSON string: no quote, no backslash, no control byte.
/// Bytes over 0x7f count as plain; whether they are UTF-8 is another question.
#[inline(always)]
pub fn plain_prefix(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let hits = special_bytes(u64::from_le_bytes(*eight));
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
        // Names and numbers end before this; what gets here is probably long.
        if at == 16 {
            at = skip_plain_blocks(bytes, at);
        }
    }
    while let Some(&byte) = bytes.get(at) {
        if byte < 0x20 || byte == b'"' || byte == b'\\' {
            break;
        }
        at += 1;
    }
    at
}

/// Skips whole blocks without a special byte. The compiler turns the inner loop into vector instructions.
#[inline(never)]
fn skip_plain_blocks(bytes: &[u8], mut at: usize) -> usize {
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk::<32>) {
        let special = block.iter().fold(false, |hit, &b| hit | (b < 0x20) | (b == b'"') | (b == b'\\'));
        if special {
            break;
        }
        at += block.len();
    }
    at
}

/// The high bit of every byte that is a quote, a backslash or below 0x20. A borrow can mark bytes above the lowest
/// one that is marked rightly, so only the lowest mark means anything.
#[inline]
const fn special_bytes(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let below_space = word.wrapping_sub(ONES * 0x20) & !word;
    let quotes = quote.wrapping_sub(ONES) & !quote;
    let backslashes = backslash.wrapping_sub(ONES) & !backslash;
    (below_space | quotes | backslashes) & HIGHS
}

/// `text` as the inside of a JSON string, without the quotes around it.
#[inline]
pub fn push_text(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    loop {
        let plain = plain_prefix(rest);
        let (head, tail) = rest.split_at(plain);
        out.extend_from_slice(head);
        let Some((&byte, after)) = tail.split_first() else { return };
        push_escape(out, byte);
        rest = after;
    }
}

#[cold]
fn push_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// A number in decimal, formatted once and written where it is needed.
#[derive(Debug, Clone, Copy)]
pub struct Digits {
    bytes: [u8; 20],
    start: u8,
}

impl Digits {
    #[inline]
    pub fn new(number: i64) -> Self {
        const PAIRS: &[u8; 200] = b"0001020304050607080910111213141516171819\
            2021222324252627282930313233343536373839\
            4041424344454647484950515253545556575859\
            6061626364656667686970717273747576777879\
            8081828384858687888990919293949596979899";
        let mut bytes = [0; 20];
        let mut start = bytes.len();
        let mut rest = number.unsigned_abs();
        while rest >= 10 {
            let pair = (rest % 100) as usize * 2;
            rest /= 100;
            start -= 2;
            bytes[start] = PAIRS[pair];
            bytes[start + 1] = PAIRS[pair + 1];
        }
        // What is left is one digit, or nothing after an even number of them.
        if rest > 0 || start == bytes.len() {
            start -= 1;
            bytes[start] = b'0' + rest as u8;
        }
        if number < 0 {
            start -= 1;
            bytes[start] = b'-';
        }
        Self { bytes, start: start as u8 }
    }

    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(usize::from(self.start)..).unwrap_or(&[])
    }
}
