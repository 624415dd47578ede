//! What may wait inside the gate, and when it shuts.

use super::section;
use crate::config::flag::{Kind, Preset::Value};

section! {
    /// Bounds, watermarks, admission.
    QUEUE = Queue;

    USE_BOUNDED_QUEUE: Kind::Bool, Value("true"),
        "false lifts the record limit; the byte limit stays";
    QUEUE_MAXSIZE: Kind::int(1, 1_000_000, "records"), Value("512"),
        "records admitted and not dispatched, at most";
    QUEUE_MAX_BYTES: Kind::size(1 << 10, 64 << 30), Value("16MiB"),
        "bytes admitted and not dispatched, at most";
    MAX_POLL_RECORDS: Kind::int(1, 100_000, "records"), Value("64"),
        "records taken by one poll, at most";
    PAUSE_THRESHOLD_PCT: Kind::percent(1.0, 100.0), Value("80"),
        "high watermark: the gate shuts when records or bytes reach this share of their bound; tuned when left alone";
    RESUME_THRESHOLD_PCT: Kind::percent(1.0, 100.0), Value("50"),
        "low watermark: the gate opens when records and bytes are both at or below it; tuned when left alone";
    PAUSE_HARD_AFTER_MS: Kind::millis(0, 3_600_000), Value("5000"),
        "a gate shut for this long also pauses the partitions in the client, which frees the prefetch; 0 is at once";
    MAX_RECORD_BYTES: Kind::size(128, 1 << 30), Value("1MiB"),
        "a larger record (key, value and headers) is given up at intake";
    ENABLE_TTL: Kind::Bool, Value("true"),
        "obey the deadline_ms header: an expired record is finished without the worker";
    TOMBSTONE_POLICY: Kind::Words(&["deliver", "skip", "dlq"]), Value("deliver"),
        "what a null value is: a record like any other, nothing, or a dead letter";
}
