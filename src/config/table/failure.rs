//! What becomes of a record the worker does not take.

use super::section;
use crate::config::flag::{
    Kind,
    Preset::{Unset, Value},
};

section! {
    /// Attempts, back-off, dead letters.
    FAILURE = Failure;

    RETRY_MAX_ATTEMPTS: Kind::int(1, 1000, "attempts"), Value("5"),
        "failures charged to one record alone before it is given up";
    RETRY_BACKOFF_MIN: Kind::duration(1, 3_600_000), Value("100ms"),
        "back-off after the first failure; it doubles from there, with full jitter";
    RETRY_BACKOFF_MAX: Kind::duration(1, 3_600_000), Value("30s"),
        "back-off, at most";
    RETRY_BUDGET_PCT: Kind::percent(0.0, 100.0), Value("20"),
        "retry batches per hundred fresh ones, beside ten a second";
    RETRY_AFTER_MAX: Kind::duration(0, 3_600_000), Value("30s"),
        "how much of a worker's Retry-After is believed";
    DLQ_TOPIC: Kind::Text, Unset("no dead-letter topic: POISON_POLICY decides"),
        "topic for records that are out of attempts, refused, too large or undecodable";
    DLQ_MAX_PCT: Kind::percent(0.0, 100.0), Value("5"),
        "share of settled records that may be dead-lettered over a minute (at least 10); beyond it they are held";
    HEAD_OF_LINE_AFTER: Kind::duration(1000, 3_600_000), Value("60s"),
        "a record that holds its partition's frontier for this long, while the worker is well and 98 % of at least 50 records behind it are done, is reported";
    HEAD_OF_LINE_POLICY: Kind::Words(&["report", "dlq"]), Value("report"),
        "dlq: one that has failed by itself goes to the dead-letter topic, ten in a row at most and one a minute from there on, within DLQ_MAX_PCT";
    POISON_POLICY: Kind::Words(&["stop", "skip"]), Unset("stop, or the dead-letter topic where DLQ_TOPIC names one"),
        "without a dead-letter topic: stop pauses the partition and raises an alarm, skip finishes the record and counts it";
}
