//! What is promised to the group, and how the process lets go.

use super::section;
use crate::config::flag::{
    Kind,
    Preset::{Derived, Value},
};

section! {
    /// Commits, revokes, shutdown, stalls.
    COMMIT = Commit;

    USE_MANUAL_COMMIT: Kind::Bool, Value("true"),
        "false is the weaker promise: offsets are stored at enqueue and committed by the client's timer, so a crash loses what was queued";
    COMMIT_INTERVAL_MS: Kind::millis(10, 3_600_000), Value("1000"),
        "time between commits";
    MAX_UNCOMMITTED_SPAN: Kind::int(1, 10_000_000, "records"), Value("10000"),
        "records of one partition that may be polled beyond its frontier, or finished while commits are not taken; more pauses it";
    COMMIT_METADATA_MAX_BYTES: Kind::int(0, 3900, "bytes"), Value("3900"),
        "room beside each committed offset for what is finished beyond it, so that a restart or a hand-over delivers only the rest again; 0 keeps nothing there (brokers take 4096 by default: offset.metadata.max.bytes)";
    COMMIT_AUDIT_INTERVAL: Kind::duration(0, 86_400_000), Value("5m"),
        "how often the group's committed offsets are read back and compared with what was committed; one that differs is told and committed again; 0s never asks";
    REVOKE_DRAIN_TIMEOUT: Kind::duration(0, 3_600_000), Derived("10s, or half the session timeout if that is less"),
        "how long in-flight work of a revoked partition is waited for";
    SHUTDOWN_TIMEOUT: Kind::duration(100, 3_600_000), Value("25s"),
        "bound on the whole shutdown; keep it below the supervisor's own grace period";
    STALL_AFTER: Kind::duration(1000, 3_600_000), Value("30s"),
        "a partition that is assigned, not paused, behind, and does not move for this long is repaired";
}
