//! Commits, their answers, and (with `USE_MANUAL_COMMIT=false`) offsets stored for the client's own timer.

use std::time::Instant;

use rdkafka::{consumer::Consumer as _, error::RDKafkaErrorCode as Code};

use super::{Poller, reading::next_offsets};
use crate::{
    kafka::{
        commits::{self, Answered, Ask},
        ffi,
        stash::Polled,
    },
    runtime::SourceNote,
};

impl Poller {
    pub(super) fn commit(&mut self, ask: Ask) {
        self.commits.push(ask);
        self.send_commits();
    }

    fn send_commits(&mut self) {
        let now = Instant::now();
        while let Some(next) = self.commits.next(now, |id| self.partitions.is_ours(id)) {
            let failed = match next {
                Ok(offsets) => {
                    let list = self.partitions.list_at(offsets.iter().copied());
                    ffi::commit(&self.main, &list).err()
                }
                Err(answered) => {
                    self.outbox.push(answered);
                    continue;
                }
            };
            if let Some(code) = failed
                && let Some(event) = self.commits.fail(code, |id| self.partitions.is_assigned(id))
            {
                self.outbox.push(event);
            }
        }
    }

    pub(super) fn on_committed(&mut self, code: Code, offsets: &[(String, i32, i64, Code)]) {
        let answered: Vec<_> = offsets
            .iter()
            .filter_map(|(topic, number, offset, code)| {
                Some(Answered { id: self.partitions.find(topic, *number)?, offset: *offset, code: *code })
            })
            .collect();
        match self.commits.answer(code, &answered, |id| self.partitions.is_assigned(id)) {
            Some(event) => self.outbox.push(event),
            // The client's own timer's.
            None if !matches!(code, Code::NoError | Code::NoOffset) => {
                let text = "the client's own commit failed".to_owned();
                self.outbox.note(SourceNote::ClientError { code: commits::name(code), text });
            }
            None => {}
        }
        // While a revoke is drained the client may not notice, or not say, that it was thrown out of the group.
        let codes = answered.iter().map(|a| a.code).chain([code]);
        if codes.into_iter().any(|code| commits::is_expulsion(code) || code == Code::IllegalGeneration) {
            self.lose_revoked();
        }
        self.send_commits();
    }

    pub(super) fn give_up_commit(&mut self, now: Instant) {
        if self.commits.is_overdue(now) {
            if let Some(event) = self.commits.fail(Code::OperationTimedOut, |id| self.partitions.is_assigned(id)) {
                self.outbox.push(event);
            }
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
