//! What the engine tells whoever watches. Facts decide nothing; losing one changes no record's fate.

use std::{sync::Arc, time::Duration};

use crate::{
    control::knobs::Decision,
    engine::event::{Assignment, BatchId, CommitResult, Reason},
    record::{PartitionId, Record, RequestId},
};

/// Something worth a metric or a log event.
#[derive(Debug)]
pub enum Fact {
    /// One poll was taken in.
    Enqueued {
        records: u32,
        bytes: u64,
        depth: u32,
    },
    /// A request over HTTP was taken in; `depth` of them wait now.
    RequestEnqueued {
        request: RequestId,
        bytes: u64,
        depth: u32,
    },
    /// There was no room for one.
    RequestRejectedFull {
        request: RequestId,
        bytes: u64,
        depth: u32,
        retry_after: Duration,
    },
    /// One that was taken in has its answer, or nobody waits for it any more (`gone`).
    RequestDone {
        request: RequestId,
        outcome: &'static str,
        /// Until it was first sent to the worker, or to the end if it never was.
        waited: Duration,
        /// Until the answer.
        took: Duration,
    },
    /// A record is finished because its deadline has passed.
    Expired {
        record: Box<Record>,
        topic: Arc<str>,
        stage: Stage,
        late_by: Duration,
    },
    /// The `deadline_ms` header does not parse; the record is delivered as if it had none.
    DeadlineMalformed {
        partition: PartitionId,
        offset: i64,
    },
    Paused(Gate),
    Resumed(Gate),
    BatchDispatched {
        batch: BatchId,
        topic: Arc<str>,
        records: u32,
        bytes: u64,
        attempt: u16,
        waited: Duration,
        retry: bool,
    },
    BatchSettled {
        batch: BatchId,
        topic: Arc<str>,
        records: u32,
        answer: &'static str,
        status: Option<u16>,
        took: Duration,
        /// What went wrong, when something did.
        detail: Option<Box<str>>,
    },
    /// Records finished by success; `late` of them after their deadline.
    Completed {
        topic: Arc<str>,
        records: u32,
        late: u32,
    },
    /// Records that will be tried again.
    Retried {
        records: u32,
        cause: &'static str,
        delay: Duration,
    },
    /// Fresh records wait for those that are tried again.
    FreshHeld {
        cause: FreshHold,
    },
    /// The worker cannot take work: nothing is dispatched until `hold` is over.
    WorkerHeld {
        cause: &'static str,
        hold: Duration,
        detail: Option<Box<str>>,
    },
    WorkerBack {
        after: Duration,
    },
    DeadLettered {
        topic: Arc<str>,
        number: i32,
        offset: i64,
        reason: Reason,
        attempts: u16,
        status: Option<u16>,
    },
    DeadLetterFailed {
        topic: Arc<str>,
        number: i32,
        offset: i64,
        error: String,
    },
    /// Dead letters cannot go: records are held, not lost.
    DeadLetterHeld {
        records: u32,
        cause: LetterHold,
    },
    /// Finished without the worker and without a dead letter, as the policy says.
    Skipped {
        topic: Arc<str>,
        number: i32,
        offset: i64,
        reason: Reason,
    },
    /// A record holds its partition (`POISON_POLICY=stop`).
    PartitionStopped {
        topic: Arc<str>,
        number: i32,
        offset: i64,
        reason: Reason,
    },
    /// Records let go without a disposition of their own: the next owner gets them.
    Abandoned {
        records: u32,
        cause: &'static str,
    },
    /// Which partitions came or went: always just before the [`Fact::Rebalanced`] that counts them, so that whoever
    /// watches knows the names behind the ids in later facts.
    PartitionsMoved {
        assigned: Vec<Assignment>,
        revoked: Vec<PartitionId>,
        lost: bool,
    },
    Rebalanced {
        assigned: u32,
        revoked: u32,
        lost: bool,
    },
    /// Revoked partitions went back to the group; `unfinished` of their records were in flight.
    Released {
        partitions: u32,
        unfinished: u32,
        took: Duration,
    },
    /// A partition's offsets went back: a new epoch starts at `offset`.
    OffsetReset {
        topic: Arc<str>,
        number: i32,
        expected: i64,
        offset: i64,
    },
    /// Retention deleted what lay from `from` up to `to` before it was read.
    RecordsGone {
        topic: Arc<str>,
        number: i32,
        from: i64,
        to: i64,
    },
    CommitAsked {
        offsets: Vec<(PartitionId, i64)>,
    },
    CommitAnswered {
        results: Vec<CommitResult>,
        took: Duration,
    },
    /// The group has not committed what we did: somebody else has, or it was lost. It is committed again.
    CommittedDiffers {
        topic: Arc<str>,
        number: i32,
        /// Acknowledged to us.
        known: i64,
        found: Option<i64>,
    },
    /// Something of an epoch that is over arrived and was ignored.
    Stale {
        what: &'static str,
    },
    /// One record has held its partition's frontier for long, while nearly everything behind it is done.
    HeadOfLine(Head),
    /// A partition stood still for no reason and was repaired; `again` counts the repairs in a row.
    Repaired {
        topic: Arc<str>,
        number: i32,
        again: u32,
    },
    Drain {
        state: DrainState,
    },
    /// A threshold moved, or would have moved where it is not `applied` (`ADAPTIVE=shadow`).
    KnobMoved {
        decision: Decision,
        applied: bool,
    },
    /// Records that were foretold to be late and sent all the same: `in_time` of them were not late.
    ForetoldLate {
        records: u32,
        in_time: u32,
    },
    /// What was learnt about the worker is forgotten: it reports another model version.
    ModelChanged {
        /// The hash of its `x-model-version`.
        model: u64,
    },
    /// A promise of docs/ARCHITECTURE.md does not hold. Must never be seen.
    Violation {
        invariant: &'static str,
        what: String,
    },
}

/// Promises of pace: whoever stops the process, or starves it, breaks them too, and nothing is lost by it.
pub const OF_PACE: [&str; 2] = ["I8", "I10"];

/// Where a record was found to be expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    Intake,
    Queue,
    Batch,
    Send,
    Retry,
}

impl Stage {
    pub const ALL: [Self; 5] = [Self::Intake, Self::Queue, Self::Batch, Self::Send, Self::Retry];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Queue => "queue",
            Self::Batch => "batch",
            Self::Send => "send",
            Self::Retry => "retry",
        }
    }
}

/// Why fresh records wait for those that are tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FreshHold {
    /// As many wait to be tried again as fit into the queue.
    RetriesFull,
    /// One has its last try, with nothing beside it.
    LastTry,
}

impl FreshHold {
    pub const fn name(self) -> &'static str {
        match self {
            Self::RetriesFull => "retries_full",
            Self::LastTry => "last_try",
        }
    }
}

/// Why dead letters are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterHold {
    /// As many as may go have gone.
    Budget,
    /// The topic did not take the last one; it is tried again.
    Failing,
    /// The topic has as many as may be without its answer.
    Unanswered,
}

impl LetterHold {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::Failing => "failing",
            Self::Unanswered => "unanswered",
        }
    }
}

/// A record that holds its partition's frontier.
#[derive(Debug, Clone)]
pub struct Head {
    pub topic: Arc<str>,
    pub number: i32,
    pub offset: i64,
    pub held_for: Duration,
    /// Finished records beyond it, of `span` from it on.
    pub beyond: u32,
    pub span: u32,
}

/// One transition of the gate or of one partition's own gate.
#[derive(Debug, Clone)]
pub struct Gate {
    pub stage: GateStage,
    pub reason: PauseReason,
    /// The partitions concerned; all that are assigned for a process-wide pause.
    pub partitions: Vec<PartitionId>,
    pub depth: u32,
    pub bytes: u64,
    /// The larger of the two fill percentages.
    pub pct: f64,
    /// How long it was shut; zero when it shuts.
    pub shut_for: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GateStage {
    /// The shared queue is not read; nothing is thrown away.
    Soft,
    /// The partitions are paused in the client; what it had fetched ahead is fetched again.
    Hard,
}

impl GateStage {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Soft => "soft",
            Self::Hard => "hard",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// The queue reached its high watermark.
    QueueFull,
    /// Too many records of this partition wait for the one that holds its frontier.
    Span,
    /// Commits have not been taken for a while, and too many of its records are finished meanwhile: all of them would come
    /// again.
    Uncommitted,
    /// Its records would fill the queue while a retry keeps them from being sent (`ORDERING=key|partition`).
    Order,
    /// A record holds the partition (`POISON_POLICY=stop`), or its log was cut.
    Stopped,
}

impl PauseReason {
    pub const ALL: [Self; 5] = [Self::QueueFull, Self::Span, Self::Uncommitted, Self::Order, Self::Stopped];

    pub const fn name(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Span => "span",
            Self::Uncommitted => "uncommitted",
            Self::Order => "order",
            Self::Stopped => "stopped",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrainState {
    Started {
        in_flight: u32,
        abandoned: u32,
    },
    /// Everything in flight has settled, or the deadline passed with `unfinished` records in flight.
    Settled {
        unfinished: u32,
    },
    /// The last commit was answered or given up; the frontiers of `uncommitted` partitions were not committed.
    Leaving {
        uncommitted: u32,
    },
    Done,
}
