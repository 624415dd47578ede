//! Every metric there is, in one table: name, kind, unit, origin, labels, help. The recorder is described from it,
//! docs/METRICS.md is written from it, and a handle can only be had for an entry of it.
//!
//! `sluicegate_queue_records` and `sluicegate_queue_records_max` are promised to be one unlabelled series each.

use super::metric::{
    Kind::{Counter, Gauge, Histogram},
    Label, Metric,
    Origin::{Facts, Process, Snapshot},
    Unit::{Batches, Bytes, Events, Info, Knob, Partitions, Ratio, Records, Seconds, State},
};

const fn one_of(name: &'static str, values: &'static [&'static str]) -> Label {
    Label { name, values }
}

const fn any(name: &'static str) -> Label {
    Label { name, values: &[] }
}

const GATE_STAGE: Label = one_of("stage", &["soft", "hard"]);
const PAUSE_REASON: Label = one_of("reason", &["queue_full", "span", "uncommitted", "order", "stopped"]);
const EXPIRY_STAGE: Label = one_of("stage", &["intake", "queue", "batch", "send", "retry"]);
const STOP_REASON: Label = one_of(
    "reason",
    &[
        "out_of_attempts",
        "refused",
        "dropped",
        "too_large",
        "undecodable",
        "tombstone",
        "head_of_line",
        "log_truncated",
    ],
);
const POISON_REASON: Label = one_of(
    "reason",
    &["out_of_attempts", "refused", "dropped", "too_large", "undecodable", "tombstone", "head_of_line"],
);
const FRESH_HOLD: Label = one_of("cause", &["retries_full", "last_try"]);
const LETTER_HOLD: Label = one_of("cause", &["budget", "failing", "unanswered"]);
const SKIP_REASON: Label = one_of(
    "reason",
    &["out_of_attempts", "refused", "dropped", "too_large", "undecodable", "tombstone", "hopeless", "completed_before"],
);
const RETRY_CAUSE: Label =
    one_of("cause", &["verdict", "unavailable", "not_sent", "failed_alone", "failed", "refused", "too_large"]);
const ABANDON_CAUSE: Label =
    one_of("cause", &["revoked", "lost", "shutdown", "stopped", "given_back", "offset_reset", "reassigned"]);
const TROUBLE: Label = one_of("cause", &["busy", "away", "misconfigured", "broken"]);
const STALE: Label = one_of("what", &["record", "batch", "answer", "commit", "dead_letter"]);
const ANSWER: Label =
    one_of("answer", &["done", "each", "busy", "away", "failed", "refused", "too_large", "misconfigured"]);
const REQUEST_OUTCOME: Label =
    one_of("outcome", &["done", "rejected", "failed", "expired", "unavailable", "full", "draining", "gone"]);
const INVARIANT: Label = one_of("invariant", &["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10"]);
const KNOB: Label = one_of(
    "knob",
    &["concurrency", "batch_size", "linger_ms", "pause_threshold_pct", "resume_threshold_pct", "pause_hard_after_ms"],
);
const PARTITION: [Label; 2] = [any("topic"), any("partition")];

macro_rules! table {
    ($($id:ident: $kind:ident, $unit:ident, $origin:ident, $name:literal, $labels:expr, $help:literal;)+) => {
        $(
            #[doc = $help]
            pub const $id: Metric = Metric {
                name: $name, kind: $kind, unit: $unit, origin: $origin, labels: &$labels, help: $help,
            };
        )+

        /// The whole table.
        pub const ALL: &[&Metric] = &[$(&$id),+];
    };
}

table! {
    // What comes in.
    POLLED_RECORDS: Counter, Records, Facts, "sluicegate_polled_records_total", [],
        "Records handed over by polls, before any verdict on them.";
    POLLED_BYTES: Counter, Bytes, Facts, "sluicegate_polled_bytes_total", [],
        "Bytes of the records handed over by polls, as they are charged to the byte bounds.";
    DEADLINE_MALFORMED: Counter, Records, Facts, "sluicegate_deadline_malformed_records_total", [],
        "Records whose deadline_ms header does not parse; they are delivered as if they had none.";

    // Requests over HTTP.
    REQUESTS: Counter, Events, Facts, "sluicegate_requests_total", [REQUEST_OUTCOME],
        "Requests over HTTP by what became of them; gone = the caller hung up first.";
    REQUESTS_REFUSED: Counter, Events, Facts, "sluicegate_requests_refused_total", [any("status")],
        "HTTP requests that were none for the worker (method, path, headers, size), by the status they were answered with.";
    REQUEST_WAIT: Histogram, Seconds, Facts, "sluicegate_request_wait_seconds", [],
        "Time from taking a request in to sending it to the worker for the first time, or to its end if it never was.";
    REQUEST_LATENCY: Histogram, Seconds, Facts, "sluicegate_request_latency_seconds", [REQUEST_OUTCOME],
        "Time from taking a request in to its answer.";
    REQUESTS_OPEN: Gauge, Records, Snapshot, "sluicegate_requests_open_records", [],
        "Requests over HTTP that are not answered yet; absent without INGRESS_ADDR.";
    REQUESTS_QUEUED: Gauge, Records, Snapshot, "sluicegate_requests_queued_records", [],
        "Requests over HTTP in the queue, which counts them too; absent without INGRESS_ADDR.";

    // The queue and its gate.
    QUEUE_RECORDS: Gauge, Records, Snapshot, "sluicegate_queue_records", [],
        "Records in the queue: admitted, not dispatched.";
    QUEUE_RECORDS_MAX: Gauge, Records, Snapshot, "sluicegate_queue_records_max", [],
        "Most records that were in the queue at once since the start.";
    QUEUE_LIMIT_RECORDS: Gauge, Records, Snapshot, "sluicegate_queue_limit_records", [],
        "QUEUE_MAXSIZE; absent with USE_BOUNDED_QUEUE=false.";
    QUEUE_BYTES: Gauge, Bytes, Snapshot, "sluicegate_queue_bytes", [], "Bytes in the queue.";
    QUEUE_LIMIT_BYTES: Gauge, Bytes, Snapshot, "sluicegate_queue_limit_bytes", [], "QUEUE_MAX_BYTES.";
    QUEUE_OLDEST: Gauge, Seconds, Snapshot, "sluicegate_queue_oldest_seconds", [],
        "How long the oldest record in the queue has been there.";
    QUEUE_FILL: Gauge, Ratio, Snapshot, "sluicegate_queue_fill_ratio", [],
        "How full the queue is by records or by bytes, whichever is fuller.";
    WATERMARK: Gauge, Ratio, Snapshot, "sluicegate_watermark_ratio", [one_of("mark", &["high", "low"])],
        "Fill at which the gate shuts (high) and opens again (low).";
    GATE_STATE: Gauge, State, Snapshot, "sluicegate_gate_state", [one_of("stage", &["open", "soft", "hard"])],
        "The process-wide gate: open, soft (the prefetch is not read) or hard (paused in the client).";
    GATE_SHUT: Counter, Seconds, Snapshot, "sluicegate_gate_shut_seconds_total", [],
        "Time the process-wide gate has been shut; its rate is the share of time shut.";
    PAUSES: Counter, Events, Facts, "sluicegate_pauses_total", [GATE_STAGE, PAUSE_REASON],
        "Pauses begun: of the whole process (queue_full) or of one partition. A soft pause that hardens counts in both.";
    RESUMES: Counter, Events, Facts, "sluicegate_resumes_total", [GATE_STAGE, PAUSE_REASON],
        "Pauses ended, by the stage they were in.";
    REFETCHED: Counter, Bytes, Facts, "sluicegate_refetched_bytes_total", [],
        "Prefetched bytes thrown away by hard pauses, which the broker sends again (estimate).";
    RESUME_FIRST_RECORD: Histogram, Seconds, Facts, "sluicegate_resume_first_record_seconds", [],
        "Time from a resume in the client to the first record after it.";

    // To the worker and back.
    BATCH_RECORDS: Histogram, Records, Facts, "sluicegate_batch_records", [], "Records per batch sent.";
    BATCH_BYTES: Histogram, Bytes, Facts, "sluicegate_batch_bytes", [], "Bytes per batch sent.";
    QUEUE_WAIT: Histogram, Seconds, Facts, "sluicegate_queue_wait_seconds", [],
        "Time from admission to dispatch of the oldest record of each batch that goes for the first time.";
    WORKER_LATENCY: Histogram, Seconds, Facts, "sluicegate_worker_latency_seconds", [ANSWER],
        "Time from the send to the end of the worker's answer, by the kind of answer; calls of which nothing was sent are not in it.";
    IN_FLIGHT_BATCHES: Gauge, Batches, Snapshot, "sluicegate_in_flight_batches", [], "Batches with the worker.";
    IN_FLIGHT_LIMIT: Gauge, Batches, Snapshot, "sluicegate_in_flight_limit_batches", [],
        "The concurrency limit (QUEUE_WORKERS).";
    IN_FLIGHT_RECORDS: Gauge, Records, Snapshot, "sluicegate_in_flight_records", [], "Records with the worker.";
    IN_FLIGHT_OLDEST: Gauge, Seconds, Snapshot, "sluicegate_in_flight_oldest_seconds", [],
        "How long the oldest batch has been with the worker.";
    WORKER_STATE: Gauge, State, Snapshot, "sluicegate_worker_state",
        [one_of("state", &["ready", "busy", "away", "misconfigured", "broken"])], "What the worker's last answers say of it.";
    WORKER_HOLDS: Counter, Events, Facts, "sluicegate_worker_holds_total", [TROUBLE],
        "Times dispatch was held because the worker could not take work.";
    STARVATION: Counter, Seconds, Snapshot, "sluicegate_starvation_seconds_total",
        [one_of("who", &["worker", "source"])],
        "Time the worker had room and nothing to do: worker = the log held records that had not reached it; source = the log was read to its end.";
    GATE_STARVATION: Counter, Seconds, Snapshot, "sluicegate_gate_starvation_seconds_total", [],
        "Of the time counted for the worker there, the part in which the gate was shut: the watermarks were too low.";

    // What tunes itself.
    ADAPTIVE_STATE: Gauge, State, Snapshot, "sluicegate_adaptive_state", [one_of("state", &["off", "shadow", "on"])],
        "ADAPTIVE: whether thresholds are tuned.";
    KNOBS: Gauge, Knob, Snapshot, "sluicegate_knob", [KNOB, one_of("of", &["in_force", "wanted"])],
        "The thresholds: in force, and as control would have them. The two differ with ADAPTIVE=shadow only.";
    KNOB_MOVES: Counter, Events, Facts, "sluicegate_knob_moves_total", [KNOB, any("reason")],
        "Moves of thresholds by their reason; with ADAPTIVE=shadow those that were not made.";
    CONTENDED: Gauge, State, Snapshot, "sluicegate_contended_state", [],
        "1 when in the last minute the worker became slower without getting more from us.";
    MODEL_CHANGES: Counter, Events, Facts, "sluicegate_model_changes_total", [],
        "Times the worker reported another x-model-version, and what was learnt was forgotten.";
    BATCH_FIXED: Gauge, Seconds, Snapshot, "sluicegate_batch_fixed_seconds", [any("topic")],
        "What a batch should take whatever is in it (alpha of alpha + beta x records); absent before the first sample.";
    BATCH_EACH: Gauge, Seconds, Snapshot, "sluicegate_batch_each_record_seconds", [any("topic")],
        "What each ordinary record should add to that (beta).";
    BATCH_MARGIN: Gauge, Ratio, Snapshot, "sluicegate_batch_time_margin_ratio",
        [any("topic"), one_of("side", &["optimistic", "pessimistic"])],
        "What to multiply it with for a time that 95 % of the batches exceed (optimistic), and one that 5 to 15 % do (pessimistic).";
    BATCH_SPREAD: Gauge, Ratio, Snapshot, "sluicegate_batch_time_spread_ratio", [any("topic")],
        "Typical relative error of the foretold time.";
    FORETOLD_LATE: Counter, Records, Facts, "sluicegate_foretold_late_records_total",
        [one_of("came", &["late", "in_time"])],
        "Records that TTL_MODE=predictive would give up, and that were sent: all of them where nothing is given up early, one in a hundred where it is. in_time = foretold wrongly.";
    STATE_WRITES: Counter, Events, Facts, "sluicegate_state_writes_total", [one_of("came", &["ok", "failed"])],
        "Times what was learnt was to be written to STATE_DIR, by what came of it.";
    HOPELESS_KEPT: Counter, Records, Snapshot, "sluicegate_hopeless_kept_records_total", [],
        "Hopeless records that were not given up because half of what left the queue lately was.";

    // What becomes of records.
    COMPLETED: Counter, Records, Facts, "sluicegate_completed_records_total", [],
        "Records finished by success.";
    LATE: Counter, Records, Facts, "sluicegate_late_records_total", [],
        "Completed records whose answer came after their deadline.";
    EXPIRED: Counter, Records, Facts, "sluicegate_expired_records_total", [EXPIRY_STAGE],
        "Records finished because their deadline had passed, by where that was found.";
    RETRIED: Counter, Records, Facts, "sluicegate_retried_records_total", [RETRY_CAUSE],
        "Records set aside to be tried again, once for each time; unavailable and not_sent charge nobody.";
    FRESH_HOLDS: Counter, Events, Facts, "sluicegate_fresh_holds_total", [FRESH_HOLD],
        "Times fresh records began to wait for those that are tried again: as many wait for that as fit into the queue, or one has its last try with nothing beside it.";
    RETRY_RECORDS: Gauge, Records, Snapshot, "sluicegate_retry_waiting_records", [],
        "Records waiting to be tried again.";
    RETRY_BYTES: Gauge, Bytes, Snapshot, "sluicegate_retry_waiting_bytes", [], "Bytes waiting to be tried again.";
    RETRY_BUDGET: Gauge, Batches, Snapshot, "sluicegate_retry_budget_batches", [],
        "Retry batches the budget allows right now.";
    DEAD_LETTERS: Counter, Records, Facts, "sluicegate_dead_letter_records_total", [POISON_REASON],
        "Records the dead-letter topic has acknowledged.";
    DEAD_LETTER_FAILURES: Counter, Events, Facts, "sluicegate_dead_letter_failures_total", [],
        "Produces to the dead-letter topic that failed; they are tried again.";
    DEAD_LETTER_HOLDS: Counter, Events, Facts, "sluicegate_dead_letter_holds_total", [LETTER_HOLD],
        "Times dead letters began to be held: the budget is used up, the topic did not take one, or it has 128 without an answer.";
    DEAD_LETTER_HELD: Gauge, Records, Snapshot, "sluicegate_dead_letter_held_records", [],
        "Records waiting for the dead-letter budget or for the topic to answer.";
    DEAD_LETTER_IN_FLIGHT: Gauge, Records, Snapshot, "sluicegate_dead_letter_in_flight_records", [],
        "Records produced to the dead-letter topic and not acknowledged.";
    DEAD_LETTER_BUDGET: Gauge, Records, Snapshot, "sluicegate_dead_letter_budget_records", [],
        "Dead letters the budget allows right now.";
    SKIPPED: Counter, Records, Facts, "sluicegate_skipped_records_total", [SKIP_REASON],
        "Records finished without the worker and without a dead letter, as the policy says; hopeless = given up before its deadline (TTL_MODE=predictive), completed_before = finished by an earlier assignment.";
    ABANDONED: Counter, Records, Facts, "sluicegate_abandoned_records_total", [ABANDON_CAUSE],
        "Records let go without a disposition; whoever owns the partition next gets them.";
    PARTITION_STOPS: Counter, Events, Facts, "sluicegate_partition_stops_total", [STOP_REASON],
        "Times a record that cannot be delivered stopped its partition (POISON_POLICY=stop), or a log that was cut did (log_truncated).";
    STALE_ANSWERS: Counter, Events, Facts, "sluicegate_stale_answers_total", [STALE],
        "Things of an assignment epoch that is over, ignored when they arrived.";

    // Offsets.
    COMMITS_ASKED: Counter, Events, Facts, "sluicegate_commits_asked_total", [],
        "Commits asked for; each carries every partition whose frontier moved.";
    COMMITS: Counter, Events, Facts, "sluicegate_commits_total", [any("code")],
        "Answers to commits, one per partition, by the client's error code; ok when applied.";
    COMMIT_LATENCY: Histogram, Seconds, Facts, "sluicegate_commit_latency_seconds", [],
        "Time from asking for a commit to its answer.";
    LAG: Gauge, Records, Snapshot, "sluicegate_lag_records", PARTITION,
        "Log end offset minus committed offset of each partition held; absent while either is unknown.";
    BACKLOG: Gauge, Records, Snapshot, "sluicegate_backlog_records", [], "Sum of the lag of the partitions held.";
    FRONTIER_AGE: Gauge, Seconds, Snapshot, "sluicegate_frontier_age_seconds", PARTITION,
        "How long the oldest unfinished record of each partition has held its frontier.";
    COMMIT_AGE: Gauge, Seconds, Snapshot, "sluicegate_commit_age_seconds", [],
        "Time since a commit was last applied; absent before the first.";
    HEADS_OF_LINE: Gauge, Partitions, Snapshot, "sluicegate_head_of_line_partitions", [],
        "Partitions whose frontier one record holds although nearly everything behind it is done (HEAD_OF_LINE_AFTER).";
    HEADS_TOLD: Counter, Events, Facts, "sluicegate_head_of_line_total", [],
        "Times a record was found to hold its partition's frontier with nearly everything behind it done.";
    OFFSET_RESETS: Counter, Events, Facts, "sluicegate_offset_resets_total", [],
        "Times a partition's offsets went back; each starts a new epoch.";
    GONE: Counter, Records, Facts, "sluicegate_gone_records_total", [],
        "Records that retention deleted before they were read: lost. At most so many, as markers and gaps among them count. Should stay 0.";

    // The group.
    ASSIGNED: Gauge, Partitions, Snapshot, "sluicegate_assigned_partitions", [],
        "Partitions held, those being given back included.";
    PAUSED: Gauge, Partitions, Snapshot, "sluicegate_paused_partitions", [PAUSE_REASON],
        "Partitions paused in the client, once for each reason.";
    REBALANCES: Counter, Events, Facts, "sluicegate_rebalances_total",
        [one_of("kind", &["assigned", "revoked", "lost"])], "Rebalances, by what they brought.";
    RELEASE: Histogram, Seconds, Facts, "sluicegate_release_seconds", [],
        "Time from a revoke to the release of its partitions.";
    RELEASED_UNFINISHED: Counter, Records, Facts, "sluicegate_released_unfinished_records_total", [],
        "Records still in flight when their partitions were given back; the next owner delivers them again.";
    REPAIRS: Counter, Events, Facts, "sluicegate_partition_repairs_total", [],
        "Partitions that stood still for no reason and were repaired.";
    STALLED: Gauge, Partitions, Snapshot, "sluicegate_stalled_partitions", [],
        "Partitions that repairs do not move; /livez fails while there is one.";
    CLIENT_ERRORS: Counter, Events, Facts, "sluicegate_client_errors_total", [any("code")],
        "Errors the Kafka client reports and deals with itself.";

    // The gate as a whole.
    VIOLATIONS: Counter, Events, Facts, "sluicegate_invariant_violations_total", [],
        "Promises of docs/ARCHITECTURE.md found broken. Must stay 0.";
    INVARIANT_CHECKS: Counter, Events, Snapshot, "sluicegate_invariant_checks_total", [INVARIANT],
        "Times a promise of docs/ARCHITECTURE.md was looked at while work went on. Grows, or nothing is looked at.";
    INVARIANT_BREACHES: Counter, Events, Snapshot, "sluicegate_invariant_breaches_total", [INVARIANT],
        "Times it did not hold, by promise. Must stay 0.";
    AUDITS: Counter, Events, Snapshot, "sluicegate_commit_audits_total", [],
        "Committed offsets read back from the group and compared with what was committed (COMMIT_AUDIT_INTERVAL).";
    COMMITTED_DIFFERS: Counter, Events, Facts, "sluicegate_committed_differs_total", [],
        "Times the group had another offset than what was committed: somebody else commits, or it lost it. Should stay 0.";
    PHASE_STATE: Gauge, State, Process, "sluicegate_phase_state",
        [one_of("phase", &["starting", "joining", "running", "draining", "stopped"])], "How far the process is.";
    READY_STATE: Gauge, State, Process, "sluicegate_ready_state", [], "1 when /readyz answers 200.";
    ENGINE_STATE: Gauge, State, Process, "sluicegate_engine_state",
        [one_of("state", &["absent", "answering", "silent"])],
        "Whether the task that owns the engine answered this scrape; absent before it starts.";
    POLL_AGE: Gauge, Seconds, Process, "sluicegate_poll_age_seconds", [],
        "Time since the poll thread last polled; absent before it starts.";
    LOG_SUPPRESSED: Counter, Events, Facts, "sluicegate_log_suppressed_total", [any("event")],
        "Log events left out: by the limit of 100 a second of each, or because one that said the same went out within a minute.";
    LOG_LINES_DROPPED: Counter, Events, Process, "sluicegate_log_lines_dropped_total", [],
        "Log lines that nobody took: standard error was not read and the room for lines (1 MiB) was used up, or it could not be written to.";
    PROCESS_INFO: Gauge, Info, Process, "sluicegate_process_info", [any("version")], "Always 1.";
}
