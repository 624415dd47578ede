//! What tunes itself, and how far.

use super::section;
use crate::config::flag::{
    Kind,
    Preset::{Unset, Value},
};

section! {
    /// Whether thresholds move, between which bounds, and what may be given up early.
    CONTROL = Control;

    ADAPTIVE: Kind::Words(&["off", "shadow", "on"]), Value("on"),
        "on: thresholds that nobody has set tune themselves; shadow: they are worked out and shown, not applied; off: every flag is taken literally";
    TTL_MODE: Kind::Words(&["expired", "predictive"]), Value("expired"),
        "predictive also gives up records that no batch could finish before their deadline, and passes over those that would probably be late";
    QUEUE_ORDER: Kind::Words(&["fifo", "deadline", "auto"]), Value("fifo"),
        "deadline: the earliest first; auto: the newest first while much is lost anyway; both need ORDERING=none";
    QUEUE_WORKERS_MIN: Kind::int(1, 1024, "batches"), Value("1"),
        "how low the concurrency limit may go";
    QUEUE_WORKERS_MAX: Kind::int(1, 1024, "batches"), Value("64"),
        "how high the concurrency limit may go";
    BATCH_SIZE_MIN: Kind::int(1, 10_000, "records"), Value("1"),
        "how small the largest batch may be";
    BATCH_SIZE_MAX: Kind::int(1, 10_000, "records"), Value("256"),
        "how large it may be; never more than QUEUE_MAXSIZE";
    BATCH_TIMEOUT_MS_MIN: Kind::millis(0, 60_000), Value("0"),
        "how short the linger may be";
    BATCH_TIMEOUT_MS_MAX: Kind::millis(0, 60_000), Value("250"),
        "how long the linger may be";
    PAUSE_THRESHOLD_PCT_MIN: Kind::percent(1.0, 100.0), Value("50"),
        "how low the high watermark may go";
    PAUSE_THRESHOLD_PCT_MAX: Kind::percent(1.0, 100.0), Value("95"),
        "how high it may go";
    RESUME_THRESHOLD_PCT_MIN: Kind::percent(1.0, 100.0), Value("10"),
        "how low the low watermark may go";
    RESUME_THRESHOLD_PCT_MAX: Kind::percent(1.0, 100.0), Value("80"),
        "how high it may go";
    STATE_DIR: Kind::Path, Unset("nothing is kept over a restart"),
        "a directory in which what was learnt about the worker is kept over a restart";
}
