//! I2, I3 and I7 for commits: judged at every command, against the checker's own account.

use std::time::Duration;

use crate::{
    engine::{
        event::{CommitId, CommitOutcome, CommitResult, Mark},
        ledger::completed::Completed,
    },
    record::PartitionId,
    sim::{
        broker::{Broker, log::Log},
        checker::{
            Checker, Promise,
            book::{Owned, Place},
            name,
        },
    },
    time::Now,
};

/// A commit that is not answered for this long is given up.
const ANSWER_WAIT: Duration = Duration::from_secs(60);

impl Checker {
    pub(super) fn on_commit(&mut self, now: Now, id: CommitId, marks: &[Mark], broker: &Broker) {
        self.tally.commits += 1;
        if self.settings.commit_interval.is_none() {
            self.violate(now.mono, Promise::I7, "a commit although the client commits itself");
        }
        if self.commit.is_some_and(|(_, since)| now.mono < since + ANSWER_WAIT) {
            self.violate(now.mono, Promise::I3, "a commit before the last one was answered");
        }
        self.commit = Some((id, now.mono));
        for mark in marks {
            let Some(log) = broker.log(mark.partition) else { continue };
            self.check_commit(now, mark.partition, mark.offset, log);
            self.check_completed(now, mark, log);
        }
    }

    /// What is said to be finished beyond the frontier was, in this epoch or in one before.
    fn check_completed(&mut self, now: Now, mark: &Mark, log: &Log) {
        if mark.metadata.is_empty() {
            return;
        }
        let max = self.settings.commit_metadata_bytes;
        let Some(mut set) = Completed::decode(&mark.metadata, mark.offset).filter(|_| mark.metadata.len() <= max)
        else {
            let what = format!("{} is committed with {:?}", name(log, mark.offset), mark.metadata);
            return self.violate(now.mono, Promise::I2, what);
        };
        let book = &mut self.books[mark.partition.index()];
        for (index, record) in log.records().iter().enumerate().skip(log.index_at(mark.offset)) {
            let entry = *book.entry(index);
            if set.has(record.offset) && !entry.finished_ever && record.offset >= log.start() {
                let what = format!("{} is told to be finished, and is {:?}", name(log, record.offset), entry.place);
                return self.violate(now.mono, Promise::I2, what);
            }
        }
    }

    fn check_commit(&mut self, now: Now, id: PartitionId, offset: i64, log: &Log) {
        let book = &mut self.books[id.index()];
        if book.owned == Owned::No {
            let what = format!("{} is committed although it is not ours", name(log, offset));
            return self.violate(now.mono, Promise::I7, what);
        }
        if let Some(asked) = book.asked.replace(offset).filter(|asked| *asked > offset) {
            let what = format!("{} is committed after {asked}", name(log, offset));
            return self.violate(now.mono, Promise::I3, what);
        }
        if offset > log.end() {
            let what = format!("{} is committed, beyond the log's end {}", name(log, offset), log.end());
            return self.violate(now.mono, Promise::I2, what);
        }
        let mut index = book.verified;
        while let Some(record) = log.records().get(index).filter(|record| record.offset < offset) {
            let place = book.place(index);
            // What retention deleted before it could be read is nobody's to finish; what came before this epoch began
            // was finished by somebody.
            let before = book.first.is_none_or(|first| index < first);
            let entry = book.entry(index);
            let finished = before && (entry.finished_ever || entry.elsewhere);
            let gone = place == Place::Log && (record.offset < log.start() || finished);
            if !gone && !matches!(place, Place::Finished(_)) {
                let what = format!("{} is committed, offset {} is {place:?}", name(log, offset), record.offset);
                return self.violate(now.mono, Promise::I2, what);
            }
            index += 1;
        }
        book.verified = index;
    }

    pub(super) fn on_committed(&mut self, id: CommitId, results: &[CommitResult]) {
        self.commit.take_if(|(asked, _)| *asked == id);
        let failed = results.iter().any(|result| matches!(result.outcome, CommitOutcome::Failed(_)));
        self.tally.commits_failed += u64::from(failed);
    }
}
