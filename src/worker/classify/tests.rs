use super::*;

#[test]
fn the_table_in_the_docs_is_the_table_in_the_code() {
    let docs = include_str!("../../../docs/WORKER.md");
    assert!(docs.contains(&markdown()), "docs/WORKER.md wants this table:\n{}", markdown());
}

/// The table, written a second time as an exhaustive match.
fn expected(status: u16) -> Meaning {
    match status {
        425 | 429 | 503 => Meaning::Busy,
        502 | 504 => Meaning::Away,
        408 | 409 | 500..=599 => Meaning::Failed,
        400 | 415 | 422 | 424 => Meaning::Refused,
        413 => Meaning::TooLarge,
        _ => Meaning::Misconfigured,
    }
}

#[test]
fn every_status_means_what_the_table_says() {
    for status in 0..=u16::MAX {
        assert_eq!(classify(Seen::Status(status)), expected(status), "{status}");
    }
}

#[test]
fn every_shape_and_every_fault_has_a_row_of_its_own_meaning() {
    use Fault::{AnswerTooLong, ClosedUnsent, ConnectTimeout, Lost, LostUnanswered, NoConnection, NotHttp, Timeout};
    for (shape, meaning) in
        [(Shape::Empty, Meaning::Done), (Shape::Statuses, Meaning::Each), (Shape::Other, Meaning::Misconfigured)]
    {
        assert_eq!(classify(Seen::Success(shape)), meaning);
    }
    for (faults, meaning) in [
        (&[NoConnection, ConnectTimeout, ClosedUnsent][..], Meaning::Away),
        (&[Timeout, LostUnanswered, Lost, AnswerTooLong], Meaning::Failed),
        (&[NotHttp], Meaning::Misconfigured),
    ] {
        for fault in faults {
            assert_eq!(classify(Seen::Fault(*fault)), meaning, "{fault:?}");
        }
    }
}
