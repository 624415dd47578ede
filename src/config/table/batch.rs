//! How records become worker calls.

use super::section;
use crate::config::flag::{Kind, Preset::Value};

section! {
    /// Batch bounds, linger, concurrency, order.
    BATCH = Batch;

    ENABLE_MICROBATCH: Kind::Bool, Value("true"),
        "false makes batches of one";
    BATCH_SIZE: Kind::int(1, 10_000, "records"), Value("32"),
        "records in one call, at most; set, it stays, left alone it is tuned (ADAPTIVE)";
    BATCH_MAX_BYTES: Kind::size(128, 1 << 30), Value("1MiB"),
        "bytes in one call, at most";
    BATCH_TIMEOUT_MS: Kind::millis(0, 60_000), Value("25"),
        "linger: the longest wait to fill a batch, counted from its first record; tuned when left alone";
    QUEUE_WORKERS: Kind::int(1, 1024, "batches"), Value("2"),
        "concurrency limit: batches in flight; tuned when left alone";
    ORDERING: Kind::Words(&["none", "key", "partition"]), Value("none"),
        "none: any order; key: one batch in flight per key; partition: one per partition";
}
