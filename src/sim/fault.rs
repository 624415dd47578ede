//! What goes wrong, when, and for how long.

use std::time::Duration;

use crate::{record::PartitionId, time::Instant};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub at: Instant,
    /// How long it lasts; for partitions that go away, until they come back; for the process, until it starts again.
    pub lasts: Duration,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Worker(WorkerMood),
    Sink(SinkMood),
    Commits(CommitMood),
    /// The group wants these partitions back.
    Revoke(Set),
    /// These partitions are someone else's already.
    Lost(Set),
    /// The wall clock is set.
    WallJump {
        ms: i64,
    },
    /// Retention deletes this share of a partition's log.
    Retention {
        partition: PartitionId,
        pct: u32,
    },
    /// A partition's log is read again: this share of what was read, its start being none. (The client lost its place, or the
    /// log was cut.)
    Rewind {
        partition: PartitionId,
        pct: u32,
    },
    /// The client forgets to fetch a partition until it is repaired.
    Stall(PartitionId),
    /// The leader of these partitions does not answer.
    LeaderAway(Set),
    /// Fetches take this many times as long.
    SlowFetch {
        times: u32,
    },
    /// The process is killed.
    Crash,
    /// The process is asked to stop, and starts again.
    Restart,
}

/// A set of partitions, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Set(pub u64);

impl Set {
    pub const ALL: Self = Self(u64::MAX);

    pub fn has(self, partition: PartitionId) -> bool {
        partition.0 < 64 && self.0 & (1 << partition.0) != 0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerMood {
    /// 503, with or without Retry-After.
    Busy { retry_after: Option<Duration> },
    /// Nobody listens.
    Away,
    /// Every batch fails (500).
    Failing,
    /// Every batch is refused (400).
    Refusing,
    /// 404.
    Misconfigured,
    /// Nothing is answered before the call's bound.
    Hanging,
    /// Everything takes this many times as long.
    Slow { times: u32 },
    /// Takes no more than this in one request (413).
    Small { bytes: u64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkMood {
    Failing,
    Slow { times: u32 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitMood {
    /// Not applied, and answered so.
    Failing,
    /// Applied, and answered as failed.
    AppliedButFailing,
    /// Not applied and never answered.
    Unanswered,
    /// Applied and never answered.
    AppliedButUnanswered,
    Slow {
        times: u32,
    },
}
