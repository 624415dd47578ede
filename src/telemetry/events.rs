//! The names of the structured log events, with their levels and fields, in one table. docs/OPERATIONS.md shows it.
//!
//! Every event also has `timestamp`, `level` and `service`, most have a `message`, and `suppressed` says how many of
//! the same kind were left out before it.

use tracing::Level;

macro_rules! table {
    ($($id:ident $level:ident $name:literal [$($field:literal),*] $meaning:literal;)+) => {
        /// One kind of structured log event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventName {
            $(#[doc = $meaning] $id,)+
        }

        impl EventName {
            pub const ALL: &[Self] = &[$(Self::$id),+];

            /// The value of `event`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$id => $name,)+
                }
            }

            pub const fn level(self) -> Level {
                match self {
                    $(Self::$id => Level::$level,)+
                }
            }

            /// Fields of its own. One that has no value is left out.
            pub const fn fields(self) -> &'static [&'static str] {
                match self {
                    $(Self::$id => &[$($field),*],)+
                }
            }

            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$id => $meaning,)+
                }
            }
        }
    };
}

table! {
    QueueEnqueued INFO "queue_enqueued" ["depth", "maxsize", "bounded", "records", "bytes"]
        "One poll was taken in. `maxsize` is 0 when the queue has no record bound.";
    RequestEnqueued INFO "request_enqueued" ["request", "depth", "bytes"]
        "A request over HTTP was taken in. `depth` counts the requests in the queue.";
    RequestRejectedFull WARN "request_rejected_full" ["request", "depth", "bytes", "retry_after_ms"]
        "There was no room for a request over HTTP: it was answered with 429.";
    RequestDone INFO "request_done" ["request", "outcome", "waited_ms", "took_ms"]
        "A request over HTTP has its answer, or its caller is `gone`.";
    ConsumerPaused INFO "consumer_paused" ["topic", "partitions", "tps", "depth", "pct", "stage", "reason"]
        "The gate, or a partition's own, shut. With several topics `topic` names all of them and `tps` says which partition is whose.";
    ConsumerResumed INFO "consumer_resumed" ["topic", "partitions", "tps", "depth", "pct", "stage", "reason", "shut_ms"]
        "It opened again.";
    CommitOffsets INFO "commit_offsets" ["tps", "offsets"]
        "A commit was asked for: each offset is the next one to read of the partition at the same place in `tps`.";
    CommitsApplied INFO "commits_applied" ["tps", "offsets", "took_ms"] "The group has them.";
    CommitRefused WARN "commit_refused" ["tps", "offsets", "codes", "epoch_over", "took_ms"]
        "It has not. With `epoch_over` the partition was no longer ours, and nothing is wrong; any other is asked for again.";
    TtlExpired INFO "ttl_expired" ["topic", "partition", "offset", "key", "source", "stage", "late_by_ms"]
        "A record was finished because its deadline had passed.";
    DeadlineMalformed WARN "deadline_malformed" ["topic", "partition", "offset"]
        "A `deadline_ms` header is no number; the record has no deadline.";
    BatchDispatched DEBUG "batch_dispatched" ["batch", "topic", "records", "bytes", "attempt", "waited_ms", "retry"]
        "A batch went to the worker.";
    BatchSettled DEBUG "batch_settled" ["batch", "topic", "records", "answer", "status", "took_ms"]
        "A batch came back.";
    BatchFailed WARN "batch_failed" ["batch", "topic", "records", "answer", "status", "took_ms", "detail"]
        "A batch came back `failed`, `refused` or `too_large`: it is tried again or halved until the guilty record is alone.";
    RecordsRetried DEBUG "records_retried" ["records", "cause", "delay_ms"] "Records will be tried again.";
    FreshHeld INFO "fresh_held" ["cause"]
        "Fresh records wait: as many wait to be tried again as fit into the queue (`retries_full`), or one has its last try with nothing beside it (`last_try`).";
    DeadLettered INFO "dead_lettered" ["topic", "partition", "offset", "reason", "attempts", "status"]
        "The dead-letter topic has acknowledged a record.";
    DeadLetterFailed WARN "dead_letter_failed" ["topic", "partition", "offset", "error"]
        "It did not take one; the record is kept and sent again.";
    DeadLettersHeld ERROR "dead_letters_held" ["records", "cause"]
        "No dead letter may go: the `budget` is used up, the topic is `failing`, or has 128 `unanswered`. Records are held, nothing is lost, not ready.";
    RecordSkipped WARN "record_skipped" ["topic", "partition", "offset", "reason"]
        "A record was finished without the worker and without a dead letter, as the policy says.";
    RecordPassedOver DEBUG "record_passed_over" ["topic", "partition", "offset"]
        "A record came again that an earlier assignment had finished, as its commit says: not delivered again.";
    RecordHopeless INFO "record_hopeless" ["topic", "partition", "offset"]
        "A record was given up before its deadline because no batch could finish it in time (`TTL_MODE=predictive`).";
    ForetoldLate DEBUG "foretold_late" ["records", "in_time"]
        "Records of one batch that would have been given up by `TTL_MODE=predictive` have come back.";
    KnobMoved INFO "knob_moved" ["knob", "from", "to", "reason", "applied"]
        "A threshold moved; not `applied` with `ADAPTIVE=shadow`.";
    ModelChanged INFO "model_changed" ["model"]
        "The worker reports another `x-model-version` (`model` is its hash): what was learnt about it is forgotten.";
    PartitionStopped ERROR "partition_stopped" ["topic", "partition", "offset", "reason"]
        "A record that cannot be delivered holds its partition (`POISON_POLICY=stop`): someone has to look.";
    RecordsAbandoned INFO "records_abandoned" ["records", "cause"]
        "Records were let go; whoever owns their partitions next gets them.";
    WorkerHeld WARN "worker_held" ["cause", "hold_ms", "detail"]
        "The worker cannot take work (`busy`, `away`), or it or its address is set up wrongly (`misconfigured`).";
    WorkerBack INFO "worker_back" ["after_ms"] "It takes work again.";
    Rebalance INFO "rebalance" ["assigned", "revoked", "lost", "tps"] "Partitions came or went.";
    PartitionsReleased INFO "partitions_released" ["partitions", "unfinished", "took_ms"]
        "Revoked partitions went back; the next owner delivers the `unfinished` again.";
    OffsetReset WARN "offset_reset" ["topic", "partition", "expected", "offset"]
        "A partition's offsets went back: a new epoch starts.";
    RecordsGone ERROR "records_gone" ["topic", "partition", "from", "to"]
        "Retention deleted what lay from `from` up to `to` before it was read: those records are lost. Reading goes on at `to`.";
    PartitionRepaired WARN "partition_repaired" ["topic", "partition", "again"]
        "A partition stood still for no reason and was resumed at its position; `again` counts the repairs in a row.";
    CommittedDiffers ERROR "committed_differs" ["topic", "partition", "known", "found"]
        "The group has another offset than what it acknowledged to us (`found` is absent when it has none): somebody else commits in this group, or it lost it. Ours is committed again.";
    HeadOfLine WARN "head_of_line" ["topic", "partition", "offset", "held_ms", "beyond", "span"]
        "One record has held its partition's frontier for `HEAD_OF_LINE_AFTER`, while `beyond` of the `span` records from it on are done.";
    StaleIgnored DEBUG "stale_ignored" ["what"] "Something of an epoch that is over arrived.";
    Drain INFO "drain" ["state", "in_flight", "abandoned", "unfinished", "uncommitted"]
        "On the way out: `started`, `settled` (nothing in flight, or its time is up), `leaving` (the last commit is answered or given up; `uncommitted` counts the partitions that are without it), `done` (out of the group).";
    Refetched DEBUG "refetched" ["bytes"] "A hard pause threw away what had been fetched ahead (estimate).";
    ReadingResumed DEBUG "reading_resumed" ["first_record_ms"] "The first record after a resume in the client.";
    ClientError WARN "client_error" ["code", "detail"] "The Kafka client reports an error it deals with itself.";
    InvariantViolated ERROR "invariant_violated" ["invariant", "what"]
        "A promise of docs/ARCHITECTURE.md does not hold: a bug. The safer way was taken; please report it.";
    StateRecalled INFO "state_recalled" ["routes", "concurrency", "age_ms"]
        "What an earlier run kept in `STATE_DIR` is taken up; `concurrency` is the limit it stood at.";
    StateIgnored WARN "state_ignored" ["reason", "detail"]
        "It is not: `stale`, `foreign_worker`, `foreign_version`, `broken`, `unreadable`, `from_the_future`, `nonsense`, or `off`.";
    StateNotKept WARN "state_not_kept" ["detail"]
        "What was learnt could not be written to `STATE_DIR`; it is tried again.";
    LogLinesDropped WARN "log_lines_dropped" ["dropped"]
        "So many lines are missing here: standard error was not read and the room for lines was used up, or it could not be written to.";
    EventsSuppressed INFO "events_suppressed" ["of"]
        "A second ended with events of the kind `of` left out and none after them to say so.";
}
