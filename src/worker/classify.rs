//! The one table from what a call came to, to what it means. docs/WORKER.md prints it, and a test compares the two.
//!
//! The first row that fits counts. What the engine then does with an [`Answer`] is the engine's business; the last
//! column is for people.

use std::{ops::RangeInclusive, time::Duration};

use crate::engine::event::{Answer, Verdict};

/// Why there is no whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Refused, no such name, no such socket.
    NoConnection,
    ConnectTimeout,
    /// The connection was closed before a byte of the request was written.
    ClosedUnsent,
    /// Closed after the request was (partly) written, before a byte of the answer.
    LostUnanswered,
    /// Closed in the middle of the answer, or an answer that breaks its own framing.
    Lost,
    /// Connected, and no whole answer within the batch's timeout.
    Timeout,
    /// More than the cap on an answer's body.
    AnswerTooLong,
    /// What came back is not HTTP/1.1.
    NotHttp,
}

/// What a 2xx answer's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Nothing, white space, or `null`.
    Empty,
    /// `{"statuses":[…]}`
    Statuses,
    /// Anything else, or anything under a content-encoding.
    Other,
}

/// What a call came to, as far as the table cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// A 2xx answer.
    Success(Shape),
    /// Any other status.
    Status(u16),
    Fault(Fault),
}

/// [`Answer`] without what it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    Done,
    Each,
    Busy,
    Away,
    Failed,
    Refused,
    TooLarge,
    Misconfigured,
}

/// One line of the table.
#[derive(Debug)]
pub struct Row {
    shapes: &'static [Shape],
    statuses: &'static [RangeInclusive<u16>],
    faults: &'static [Fault],
    pub meaning: Meaning,
    /// What is seen, in words.
    pub seen: &'static str,
    /// What comes of it, in words.
    pub then: &'static str,
}

const fn only(status: u16) -> RangeInclusive<u16> {
    status..=status
}

pub static TABLE: [Row; 9] = [
    Row {
        shapes: &[Shape::Empty],
        statuses: &[],
        faults: &[],
        meaning: Meaning::Done,
        seen: "2xx with an empty body or `null`",
        then: "all records succeeded",
    },
    Row {
        shapes: &[Shape::Statuses],
        statuses: &[],
        faults: &[],
        meaning: Meaning::Each,
        seen: "2xx with `{\"statuses\":[…]}`",
        then: "each record by its own status; see below",
    },
    Row {
        shapes: &[Shape::Other],
        statuses: &[],
        faults: &[],
        meaning: Meaning::Misconfigured,
        seen: "2xx with any other body, or a compressed one",
        then: "configuration fault: nothing dropped, nobody charged, not ready; said with an example of the right shape",
    },
    Row {
        shapes: &[],
        statuses: &[only(425), only(429), only(503)],
        faults: &[],
        meaning: Meaning::Busy,
        seen: "425, 429, 503",
        then: "nobody charged; again after Retry-After (seconds or an HTTP date, up to a cap) or a back-off",
    },
    Row {
        shapes: &[],
        statuses: &[only(502), only(504)],
        faults: &[Fault::NoConnection, Fault::ConnectTimeout, Fault::ClosedUnsent],
        meaning: Meaning::Away,
        seen: "502, 504, connection refused, no such host or socket, connect timeout, closed before anything was sent",
        then: "nobody charged; again after a back-off",
    },
    Row {
        shapes: &[],
        statuses: &[only(408), only(409), 500..=599],
        faults: &[Fault::Timeout, Fault::LostUnanswered, Fault::Lost, Fault::AnswerTooLong],
        meaning: Meaning::Failed,
        seen: "500 and any other 5xx, 408, 409, no answer in time, connection lost after the request was written, \
               answer broken off or over its cap",
        then: "the batch failed: again, then bisected; only a record that fails alone is charged an attempt",
    },
    Row {
        shapes: &[],
        statuses: &[only(400), only(415), only(422), only(424)],
        faults: &[],
        meaning: Meaning::Refused,
        seen: "400, 415, 422, 424",
        then: "bisected at once; a record refused alone is a dead letter",
    },
    Row {
        shapes: &[],
        statuses: &[only(413)],
        faults: &[],
        meaning: Meaning::TooLarge,
        seen: "413",
        then: "split by bytes and the cap learned; a record too large alone is a dead letter",
    },
    Row {
        shapes: &[],
        statuses: &[0..=u16::MAX],
        faults: &[Fault::NotHttp],
        meaning: Meaning::Misconfigured,
        seen: "401, 403, 404, 405, any other 4xx, 3xx (never followed), 1xx, 600 and over, not HTTP/1.1",
        then: "configuration fault: nothing dropped, nobody charged, not ready; said with what to change",
    },
];

impl Row {
    fn fits(&self, seen: Seen) -> bool {
        match seen {
            Seen::Success(shape) => self.shapes.contains(&shape),
            Seen::Status(status) => self.statuses.iter().any(|range| range.contains(&status)),
            Seen::Fault(fault) => self.faults.contains(&fault),
        }
    }
}

pub fn classify(seen: Seen) -> Meaning {
    // The last row takes every status and the tests walk every shape and fault, so the default is never used.
    TABLE.iter().find(|row| row.fits(seen)).map_or(Meaning::Misconfigured, |row| row.meaning)
}

impl Meaning {
    /// The name of the answer it becomes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Each => "each",
            Self::Busy => "busy",
            Self::Away => "away",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::TooLarge => "too large",
            Self::Misconfigured => "misconfigured",
        }
    }

    pub fn answer(self, verdicts: Vec<Verdict>, retry_after: Option<Duration>) -> Answer {
        match self {
            Self::Done => Answer::Done,
            Self::Each => Answer::Each(verdicts),
            Self::Busy => Answer::Busy { retry_after },
            Self::Away => Answer::Away,
            Self::Failed => Answer::Failed,
            Self::Refused => Answer::Refused,
            Self::TooLarge => Answer::TooLarge,
            Self::Misconfigured => Answer::Misconfigured,
        }
    }
}

/// What somebody should change, for the statuses where it can be guessed.
pub const fn advice(status: u16) -> &'static str {
    match status {
        300..=399 => "redirects are not followed: set WORKER_URL to where the worker really answers",
        401 | 403 | 407 => "the worker wants credentials, and none are sent: let it trust its local caller",
        404 | 410 => "nothing answers at this path: check the path in WORKER_URL",
        405 => "this path does not take POST: check the path in WORKER_URL",
        100..=199 => "the worker wants to switch protocols; only HTTP/1.1 is spoken",
        _ => "the worker does not accept this kind of request at all: check WORKER_URL and WORKER_PROTOCOL",
    }
}

/// The table as docs/WORKER.md prints it.
pub fn markdown() -> String {
    let mut text = String::from("| seen | answer | what comes of it |\n|---|---|---|\n");
    for row in &TABLE {
        text.push_str(&format!("| {} | {} | {} |\n", row.seen, row.meaning.name(), row.then));
    }
    text
}

#[cfg(test)]
mod tests;
