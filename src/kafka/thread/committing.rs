//! Commits, their answers, and (with `USE_MANUAL_COMMIT=false`) offsets stored for the client's own timer.

use std::time::Instant;

use rdkafka::{consumer::Consumer as _, error::RDKafkaErrorCode as Code};

use super::{Poller, reading::next_offsets};
use crate::{
    engine::event::{CommitId, Mark},
    kafka::{
        commits::{self, Answered, Next, Verdict},
        ffi,
        stash::Polled,
    },
    runtime::SourceNote,
};

impl Poller {
    pub(super) fn commit(&mut self, id: CommitId, marks: Vec<Mark>) {
        self.commits.push(id, marks);
        self.send_commits();
    }

    /// Sends the next commit, or the same again if it is time.
    pub(super) fn send_commits(&mut self) {
        let now = Instant::now();
        while let Some(next) = self.commits.next(now, |id| self.partitions.is_ours(id)) {
            match next {
                Next::Tell(event) => self.outbox.push(event),
                Next::Send(marks) => {
                    let list = self.partitions.list_of(marks);
                    if let Err(code) = ffi::commit(&self.main, &list) {
                        let verdict = self.commits.fail(now, code, |id| self.partitions.is_ours(id));
                        self.conclude(verdict);
                    }
                }
            }
        }
    }

    /// Whether the answer was to a commit of ours.
    fn conclude(&mut self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Tell(event) => self.outbox.push(event),
            Verdict::Again => {}
            Verdict::NotOurs => return false,
        }
        true
    }

    pub(super) fn on_committed(&mut self, code: Code, offsets: &[(String, i32, i64, Code)]) {
        let answered = offsets.iter().filter_map(|(topic, number, offset, code)| {
            Some(Answered { id: self.partitions.find(topic, *number)?, offset: *offset, code: *code })
        });
        let answered: Vec<_> = answered.collect();
        let verdict = self.commits.answer(Instant::now(), code, &answered, |id| self.partitions.is_ours(id));
        if !self.conclude(verdict) && !matches!(code, Code::NoError | Code::NoOffset) {
            let text = "the client's own commit failed".to_owned();
            self.outbox.note(SourceNote::ClientError { code: commits::name(code), text });
        }
        // The answer to one that had something in it shows whether the group lets us.
        let mut codes = answered.iter().map(|a| a.code).chain([code]);
        if codes.clone().any(|code| code == Code::GroupAuthorizationFailed) {
            self.refusals.told(Code::GroupAuthorizationFailed as i32, Instant::now());
        } else if !answered.is_empty() && codes.all(|code| code == Code::NoError) {
            self.refusals.over();
        }
        // While a revoke is drained the client may not notice, or not say, that it was thrown out of the group.
        if answered.iter().map(|a| a.code).chain([code]).any(commits::is_expulsion) {
            self.lose_revoked();
        }
        self.send_commits();
    }

    pub(super) fn keep_commits_moving(&mut self, now: Instant) {
        if self.commits.is_overdue(now) {
            let verdict = self.commits.fail(now, Code::OperationTimedOut, |id| self.partitions.is_ours(id));
            self.conclude(verdict);
        }
        if self.commits.is_busy() {
            self.send_commits();
        }
    }

    /// The weaker promise: what is handed over counts as done.
    pub(super) fn store(&mut self, polled: &Polled) {
        let mut next: Vec<(_, i64)> = next_offsets(polled).collect();
        // A partition may come in several runs: the last counts.
        next.reverse();
        next.sort_by_key(|(id, _)| *id);
        next.dedup_by_key(|(id, _)| *id);
        if let Err(error) = self.consumer.store_offsets(&self.partitions.list_at(next)) {
            let code = error.rdkafka_error_code().map_or_else(|| "STORE".to_owned(), commits::name);
            let text = format!("offsets are not stored: {error}");
            self.outbox.note(SourceNote::ClientError { code, text });
        }
    }
}
