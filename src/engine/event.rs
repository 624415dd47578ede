//! The engine's closed alphabet: what it can be told ([`Event`]) and what it can ask for ([`Action`]).
//!
//! Records and batches travel by value. A batch goes out with [`Action::Dispatch`] and the same records come back in
//! [`Event::Settled`]: at any moment exactly one place owns a record.

use std::{sync::Arc, time::Duration};

use crate::{
    record::{PartitionId, Record, RequestId},
    time::{Instant, UnixMillis},
};

/// What happened outside.
#[derive(Debug)]
pub enum Event {
    /// Partitions are ours from here on. Records of them follow in the same channel.
    Assigned(Vec<Assignment>),
    /// The group wants partitions back. The source hands over none of their records after this and holds them until
    /// [`Command::Release`], unless they are already `lost`.
    Revoked { partitions: Vec<PartitionId>, lost: bool },
    /// Records, in offset order per partition, and then the partition ends that were reached behind them.
    Polled { records: Vec<Record>, ends: Vec<PartitionEnd> },
    /// Where the source reads and where the log ends; about once a second.
    Progress(Vec<Progress>),
    /// How the source kept its pace; about once a second, where it has a thread of its own.
    Pulse(Pulse),
    /// The answer to [`Command::ReadStarts`], for the partitions of which it is known.
    StartsRead(Vec<(PartitionId, i64)>),
    /// A dispatched batch came back.
    Settled(Settled),
    /// The answer to [`Command::Commit`].
    Committed { id: CommitId, results: Vec<CommitResult> },
    /// The answer to [`Command::ReadCommitted`], for the partitions of which it is known.
    CommittedRead(Vec<(PartitionId, Option<i64>)>),
    /// The answer to [`Action::DeadLetter`]; the letter comes back either way.
    DeadLettered(DeadLettered),
    /// Somebody asks over HTTP, and waits for [`Action::Reply`].
    Requested(Request),
    /// Nobody waits for this answer any more. Void when it was given already.
    CallerGone(RequestId),
    /// The source has left the group: the answer to [`Command::Leave`].
    Left,
    /// A moment the engine asked for with [`next_wake`](crate::engine::Engine::next_wake).
    Wake,
    /// Stop admitting, abandon the queue, finish what is in flight by `deadline`, commit, leave the group.
    Drain { deadline: Instant },
}

/// What the engine wants done. Performed in order.
#[derive(Debug)]
pub enum Action {
    Source(Command),
    Dispatch(Batch),
    DeadLetter(DeadLetter),
    /// The one answer to [`Event::Requested`].
    Reply(Reply),
}

/// What the engine asks of the source. None of these is waited for; [`Command::Commit`] and [`Command::Leave`] are
/// answered by an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// More credit: the source hands over at most as many records and as many bytes ([`Record::charge`]) as it was
    /// granted and has not used. A record over the size limit passes whatever the byte credit says and takes none
    /// of it (the engine refuses it at once).
    Grant { records: u32, bytes: u64 },
    /// Stop fetching these partitions; what the client had fetched ahead of them is thrown away.
    Pause(Vec<PartitionId>),
    /// Fetch these again, the first record without delay.
    Resume(Vec<PartitionId>),
    /// This partition stands still for no reason: resume it and seek to where it was read.
    Repair(PartitionId),
    /// Commit these offsets (each the next offset to read). One commit is in flight at a time.
    Commit { id: CommitId, offsets: Vec<Mark> },
    /// Ask the group what it has committed. Answered by [`Event::CommittedRead`], or not at all.
    ReadCommitted(Vec<PartitionId>),
    /// Ask the leaders where these logs begin. Answered by [`Event::StartsRead`], or not at all.
    ReadStarts(Vec<PartitionId>),
    /// Give these revoked partitions back to the group.
    Release(Vec<PartitionId>),
    /// Leave the group; everything that could be committed is.
    Leave,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    pub id: PartitionId,
    pub topic: Arc<str>,
    pub number: i32,
    /// What the group has committed, where the source could find it out before the first record.
    pub committed: Option<Committed>,
}

/// A committed offset as the group keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    pub offset: i64,
    /// What was kept beside it, by whomever. Ours is what is finished beyond
    /// ([`Completed`](crate::engine::ledger::completed::Completed)).
    pub metadata: Box<str>,
}

/// One partition's part of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub partition: PartitionId,
    /// The next offset to read.
    pub offset: i64,
    /// What is finished beyond it, as text to be kept beside the offset; empty when nothing is.
    pub metadata: Box<str>,
}

impl Mark {
    /// The answer to it.
    pub const fn answered(&self, outcome: CommitOutcome) -> CommitResult {
        CommitResult { partition: self.partition, offset: self.offset, outcome }
    }
}

/// The source has read everything before `offset`, markers and compacted gaps included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionEnd {
    pub partition: PartitionId,
    pub offset: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub partition: PartitionId,
    /// The next offset the source will hand over, once it has handed one over.
    pub position: Option<i64>,
    /// The log end offset, when the leader has told it lately.
    pub end: Option<i64>,
    /// Whether the leader answered within the last interval.
    pub leader_answers: bool,
}

/// Polls since the last pulse that was told.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    pub polls: u32,
    /// The longest time from one poll to the next.
    pub longest_gap: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct BatchId(pub u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(pub u64);

/// One worker call.
#[derive(Debug)]
pub struct Batch {
    pub id: BatchId,
    pub topic: Arc<str>,
    pub records: Vec<Record>,
    /// Not to be sent once the wall clock is past this: the earliest deadline in the batch. The worker adapter then
    /// answers [`Answer::NotSent`] and decides nothing.
    pub not_after: Option<UnixMillis>,
    /// Bound on the whole call.
    pub timeout: Duration,
}

/// A batch that came back, whatever became of it.
#[derive(Debug)]
pub struct Settled {
    pub batch: Batch,
    pub answer: Answer,
    /// From just before the send to the end of the answer; zero when nothing was sent.
    pub took: Duration,
    /// The worker's HTTP status, when there was one.
    pub status: Option<u16>,
    /// The first bytes of what the worker said or of what went wrong, for dead letters and people: at most 1 KiB.
    pub detail: Option<Box<str>>,
    pub told: Told,
    /// What was said of single requests in the batch; of a record from Kafka nothing is kept. At most
    /// `RESPONSE_MAX_BYTES` together.
    pub said: Vec<(RequestId, Said)>,
}

/// What the worker says of itself in optional response headers. docs/WORKER.md has their forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// `Server-Timing: service;dur=…`: the time it worked on this batch, without the wait inside of it.
    pub worked: Option<Duration>,
    /// `Server-Timing: queue;dur=…`: the wait inside of it.
    pub queued: Option<Duration>,
    /// `x-capacity`: batches it works on at once.
    pub capacity: Option<u32>,
    /// `x-model-version`, hashed: what was learnt about another version is worth nothing.
    pub model: Option<u64>,
}

/// What an answer means, before it is turned into dispositions. docs/ARCHITECTURE.md has the table from HTTP to here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// All succeeded.
    Done,
    /// One verdict per record of the batch, in the batch's order.
    Each(Vec<Verdict>),
    /// Try later; nobody is charged.
    Busy { retry_after: Option<Duration> },
    /// Nobody there; nobody is charged.
    Away,
    /// The batch failed as a whole and may succeed later.
    Failed,
    /// The batch is wrong in itself: some record in it is.
    Refused,
    /// Too many bytes in one request.
    TooLarge,
    /// The worker or its address is set up wrongly; nobody is charged.
    Misconfigured,
    /// `not_after` had passed before the send.
    NotSent,
}

impl Answer {
    /// Label in metrics and logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Each(_) => "each",
            Self::Busy { .. } => "busy",
            Self::Away => "away",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::TooLarge => "too_large",
            Self::Misconfigured => "misconfigured",
            Self::NotSent => "not_sent",
        }
    }
}

/// The worker's answer for one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    Success,
    Retry,
    Drop,
    /// The value does not have the form the worker was promised; it was not sent.
    Undecodable,
}

/// A record on its way to the dead-letter topic.
#[derive(Debug)]
pub struct DeadLetter {
    pub record: Record,
    pub topic: Arc<str>,
    pub reason: Reason,
    pub status: Option<u16>,
    pub detail: Option<Box<str>>,
}

#[derive(Debug)]
pub enum DeadLettered {
    /// The topic has it.
    Acknowledged {
        letter: DeadLetter,
    },
    Failed {
        letter: DeadLetter,
        error: String,
    },
}

/// Why a record was dead-lettered, skipped or holds its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// `RETRY_MAX_ATTEMPTS` failures of its own.
    OutOfAttempts,
    /// The worker refused it alone (400, 415, 422, 424).
    Refused,
    /// The worker said DROP.
    Dropped,
    /// Over `MAX_RECORD_BYTES`, or 413 alone.
    TooLarge,
    Undecodable,
    /// A null value under `TOMBSTONE_POLICY=skip|dlq`.
    Tombstone,
    /// No batch could have finished it before its deadline (`TTL_MODE=predictive`).
    Hopeless,
    /// It held its partition's frontier while nearly everything behind it was done (`HEAD_OF_LINE_POLICY=dlq`).
    HeadOfLine,
    /// The log went back to it, past records that were read and are not finished: an unclean election cut it.
    LogTruncated,
    /// It was finished before this assignment began, as the commit's metadata says.
    CompletedBefore,
}

impl Reason {
    /// The code in metrics, logs and dead-letter headers.
    pub const fn code(self) -> &'static str {
        match self {
            Self::OutOfAttempts => "out_of_attempts",
            Self::Refused => "refused",
            Self::Dropped => "dropped",
            Self::TooLarge => "too_large",
            Self::Undecodable => "undecodable",
            Self::Tombstone => "tombstone",
            Self::Hopeless => "hopeless",
            Self::HeadOfLine => "head_of_line",
            Self::LogTruncated => "log_truncated",
            Self::CompletedBefore => "completed_before",
        }
    }
}

/// A request over HTTP.
#[derive(Debug)]
pub struct Request {
    /// As [`Record::of_request`] made it, charged like any other.
    pub record: Record,
    /// Its own, if it named one. It waits for `INGRESS_TIMEOUT` at most in any case.
    pub deadline: Option<UnixMillis>,
}

/// What the worker said of one request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// The HTTP status it named, 200 to 599.
    pub status: Option<u16>,
    /// Its `result`, as the JSON text it was.
    pub result: Option<Box<[u8]>>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    pub id: RequestId,
    pub outcome: Outcome,
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Done(Said),
    /// The worker will not have it, however often it is asked.
    Rejected {
        reason: Reason,
        said: Said,
        detail: Option<Box<str>>,
    },
    /// The worker failed on it `RETRY_MAX_ATTEMPTS` times.
    Failed {
        detail: Option<Box<str>>,
    },
    /// Its time ran out.
    Expired,
    /// Its time ran out while the worker could not take work.
    Unavailable {
        cause: &'static str,
        retry_after: Duration,
    },
    /// No room; how long it should take until there is some.
    Full {
        retry_after: Duration,
    },
    /// On the way out.
    Draining,
}

impl Outcome {
    /// Label in metrics and logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::Rejected { .. } => "rejected",
            Self::Failed { .. } => "failed",
            Self::Expired => "expired",
            Self::Unavailable { .. } => "unavailable",
            Self::Full { .. } => "full",
            Self::Draining => "draining",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitResult {
    pub partition: PartitionId,
    pub offset: i64,
    pub outcome: CommitOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitOutcome {
    Applied,
    /// The epoch is over (illegal generation, unknown member, rebalance in progress, fenced): not an error.
    EpochOver(String),
    /// Anything else, by the client's error code; tried again with the next commit.
    Failed(String),
}
