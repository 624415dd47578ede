//! The handles that facts are counted with, all had at the start: what a poll or a batch costs here is a handful of
//! atomic additions.

use metrics::{Counter, Histogram};

use super::{
    names as n,
    recorder::{Family, Recorder, single},
};

pub struct Instruments {
    pub polled_records: Counter,
    pub polled_bytes: Counter,
    pub deadline_malformed: Counter,
    pub requests: Family<Counter>,
    pub requests_refused: Family<Counter>,
    pub request_wait: Histogram,
    pub request_latency: Family<Histogram>,
    pub pauses: Family<Counter>,
    pub resumes: Family<Counter>,
    pub refetched: Counter,
    pub resume_first_record: Histogram,
    pub batch_records: Histogram,
    pub batch_bytes: Histogram,
    pub queue_wait: Histogram,
    pub worker_latency: Family<Histogram>,
    pub worker_holds: Family<Counter>,
    pub completed: Counter,
    pub late: Counter,
    pub expired: Family<Counter>,
    pub retried: Family<Counter>,
    pub dead_letters: Family<Counter>,
    pub dead_letter_failures: Counter,
    pub fresh_holds: Family<Counter>,
    pub dead_letter_holds: Family<Counter>,
    pub skipped: Family<Counter>,
    pub abandoned: Family<Counter>,
    pub partition_stops: Family<Counter>,
    pub stale: Family<Counter>,
    pub commits_asked: Counter,
    pub commits: Family<Counter>,
    pub commit_latency: Histogram,
    pub offset_resets: Counter,
    pub gone: Counter,
    pub rebalances: Family<Counter>,
    pub release: Histogram,
    pub released_unfinished: Counter,
    pub repairs: Counter,
    pub heads_told: Counter,
    pub committed_differs: Counter,
    pub client_errors: Family<Counter>,
    pub violations: Counter,
    pub log_suppressed: Family<Counter>,
    pub knob_moves: Family<Counter>,
    pub model_changes: Counter,
    pub foretold_late: Family<Counter>,
    pub state_writes: Family<Counter>,
}

impl Instruments {
    pub fn new(recorder: &Recorder) -> Self {
        let mut commits = Family::new(recorder, &n::COMMITS);
        // There from the start, so that a rate over it works from the first commit on.
        commits.with(&["ok"]);
        Self {
            polled_records: single(recorder, &n::POLLED_RECORDS),
            polled_bytes: single(recorder, &n::POLLED_BYTES),
            deadline_malformed: single(recorder, &n::DEADLINE_MALFORMED),
            requests: Family::new(recorder, &n::REQUESTS),
            requests_refused: Family::new(recorder, &n::REQUESTS_REFUSED),
            request_wait: single(recorder, &n::REQUEST_WAIT),
            request_latency: Family::new(recorder, &n::REQUEST_LATENCY),
            pauses: Family::new(recorder, &n::PAUSES),
            resumes: Family::new(recorder, &n::RESUMES),
            refetched: single(recorder, &n::REFETCHED),
            resume_first_record: single(recorder, &n::RESUME_FIRST_RECORD),
            batch_records: single(recorder, &n::BATCH_RECORDS),
            batch_bytes: single(recorder, &n::BATCH_BYTES),
            queue_wait: single(recorder, &n::QUEUE_WAIT),
            worker_latency: Family::new(recorder, &n::WORKER_LATENCY),
            worker_holds: Family::new(recorder, &n::WORKER_HOLDS),
            completed: single(recorder, &n::COMPLETED),
            late: single(recorder, &n::LATE),
            expired: Family::new(recorder, &n::EXPIRED),
            retried: Family::new(recorder, &n::RETRIED),
            dead_letters: Family::new(recorder, &n::DEAD_LETTERS),
            dead_letter_failures: single(recorder, &n::DEAD_LETTER_FAILURES),
            fresh_holds: Family::new(recorder, &n::FRESH_HOLDS),
            dead_letter_holds: Family::new(recorder, &n::DEAD_LETTER_HOLDS),
            skipped: Family::new(recorder, &n::SKIPPED),
            abandoned: Family::new(recorder, &n::ABANDONED),
            partition_stops: Family::new(recorder, &n::PARTITION_STOPS),
            stale: Family::new(recorder, &n::STALE_ANSWERS),
            commits_asked: single(recorder, &n::COMMITS_ASKED),
            commits,
            commit_latency: single(recorder, &n::COMMIT_LATENCY),
            offset_resets: single(recorder, &n::OFFSET_RESETS),
            gone: single(recorder, &n::GONE),
            rebalances: Family::new(recorder, &n::REBALANCES),
            release: single(recorder, &n::RELEASE),
            released_unfinished: single(recorder, &n::RELEASED_UNFINISHED),
            repairs: single(recorder, &n::REPAIRS),
            committed_differs: single(recorder, &n::COMMITTED_DIFFERS),
            heads_told: single(recorder, &n::HEADS_TOLD),
            client_errors: Family::new(recorder, &n::CLIENT_ERRORS),
            violations: single(recorder, &n::VIOLATIONS),
            log_suppressed: Family::new(recorder, &n::LOG_SUPPRESSED),
            knob_moves: Family::new(recorder, &n::KNOB_MOVES),
            model_changes: single(recorder, &n::MODEL_CHANGES),
            state_writes: Family::new(recorder, &n::STATE_WRITES),
            foretold_late: Family::new(recorder, &n::FORETOLD_LATE),
        }
    }
}

impl Family<Counter> {
    /// Adds to the series with this one label value.
    pub fn add(&mut self, value: &str, count: u64) {
        if let Some(counter) = self.with(&[value]) {
            counter.increment(count);
        }
    }
}

impl std::fmt::Debug for Instruments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Instruments")
    }
}
