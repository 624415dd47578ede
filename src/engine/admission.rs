//! What becomes of a record at the door: its deadline is read, its size and its value are judged.

use crate::{
    engine::{
        event::Reason,
        settings::{EngineSettings, TombstonePolicy},
    },
    record::{Payload, Record},
    time::UnixMillis,
};

/// The Kafka header that carries a record's deadline.
pub const DEADLINE_HEADER: &[u8] = b"deadline_ms";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Admit,
    /// The deadline has passed.
    Expired {
        deadline: UnixMillis,
    },
    /// Not for the worker.
    GiveUp(Reason),
    /// A tombstone under `TOMBSTONE_POLICY=skip`.
    Skip,
}

/// What the `deadline_ms` headers of a record say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    None,
    At(UnixMillis),
    /// There is a header and it is no decimal number of milliseconds: the record has no deadline.
    Malformed,
}

/// Reads the last `deadline_ms` header: ASCII decimal, milliseconds since the Unix epoch. A leading `-` is a number
/// too (and long past); a sign alone, blanks, fractions, hexadecimal and anything past `i64` are malformed.
pub fn deadline(payload: &Payload) -> Deadline {
    match payload.headers().filter(|(name, _)| *name == DEADLINE_HEADER).last() {
        None => Deadline::None,
        Some((_, value)) => {
            value.and_then(parse_decimal).map_or(Deadline::Malformed, |ms| Deadline::At(UnixMillis(ms)))
        }
    }
}

fn parse_decimal(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value: i64 = 0;
    for digit in digits {
        let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
        value = value.checked_mul(10)?.checked_sub(digit)?;
    }
    // Counted downwards, so that the least i64 parses too.
    if negative { Some(value) } else { value.checked_neg() }
}

/// Expired means past, not at, the deadline.
pub fn is_expired(deadline: Option<UnixMillis>, wall: UnixMillis) -> bool {
    deadline.is_some_and(|deadline| wall > deadline)
}

/// Judges a record whose deadline is already noted on it.
pub fn judge(settings: &EngineSettings, wall: UnixMillis, record: &Record) -> Verdict {
    if let Some(deadline) = record.notes.deadline.filter(|d| wall > *d) {
        return Verdict::Expired { deadline };
    }
    if record.payload.len() as u64 > settings.max_record_bytes {
        return Verdict::GiveUp(Reason::TooLarge);
    }
    if record.payload.value().is_none() {
        return match settings.tombstones {
            TombstonePolicy::Deliver => Verdict::Admit,
            TombstonePolicy::Skip => Verdict::Skip,
            TombstonePolicy::Poison => Verdict::GiveUp(Reason::Tombstone),
        };
    }
    Verdict::Admit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::PayloadBuilder;

    fn with_deadlines(values: &[Option<&[u8]>]) -> Payload {
        let mut builder = PayloadBuilder::with_capacity(None, Some(b"v"), 0);
        builder.header(b"other", Some(b"1"));
        for value in values {
            builder.header(DEADLINE_HEADER, *value);
        }
        builder.finish()
    }

    #[test]
    fn every_form_of_deadline_has_one_reading() {
        let at = |ms| Deadline::At(UnixMillis(ms));
        let table: &[(&[Option<&[u8]>], Deadline)] = &[
            (&[], Deadline::None),
            (&[Some(b"1700000000000")], at(1_700_000_000_000)),
            (&[Some(b"0")], at(0)),
            (&[Some(b"-5")], at(-5)),
            (&[Some(b"00017")], at(17)),
            (&[Some(b"9223372036854775807")], at(i64::MAX)),
            (&[Some(b"-9223372036854775808")], at(i64::MIN)),
            (&[Some(b"9223372036854775808")], Deadline::Malformed),
            (&[Some(b"1e3")], Deadline::Malformed),
            (&[Some(b"0x10")], Deadline::Malformed),
            (&[Some(b"12.5")], Deadline::Malformed),
            (&[Some(b" 12")], Deadline::Malformed),
            (&[Some(b"+12")], Deadline::Malformed),
            (&[Some(b"-")], Deadline::Malformed),
            (&[Some(b"")], Deadline::Malformed),
            (&[Some(b"\xff")], Deadline::Malformed),
            (&[None], Deadline::Malformed),
            (&[Some(b"5"), Some(b"9")], at(9)),
            (&[Some(b"5"), Some(b"x")], Deadline::Malformed),
        ];
        for (headers, expected) in table {
            assert_eq!(deadline(&with_deadlines(headers)), *expected, "{headers:?}");
        }
    }

    #[test]
    fn a_record_is_not_expired_at_its_deadline_but_past_it() {
        assert!(!is_expired(Some(UnixMillis(10)), UnixMillis(10)));
        assert!(is_expired(Some(UnixMillis(10)), UnixMillis(11)));
        assert!(!is_expired(None, UnixMillis(i64::MAX)));
    }
}
