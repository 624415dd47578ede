//! What the worker's answers mean for each record, read once more and independently of the engine.

use crate::{
    engine::event::{Answer, Reason, Settled, Verdict},
    record::PartitionId,
    sim::{
        broker::{Broker, log::Log},
        checker::{
            Checker, Out, Promise, Sent,
            book::{End, Owned, Place, mark},
        },
    },
    time::Now,
};

/// What an answer means for one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Success,
    /// Again, and nobody is to blame.
    Again,
    /// Again, and it is its own failure.
    Charged,
    GivenUp(Reason),
}

impl Checker {
    pub(super) fn on_answer(&mut self, now: Now, settled: &Settled, broker: &Broker) {
        let Some(Out { records, requests, sent: together, bytes, since, timeout, has_company }) =
            self.out.remove(&settled.batch.id)
        else {
            return self.violate(now.mono, Promise::I1, format!("batch {} is answered twice", settled.batch.id.0));
        };
        if settled.answer == Answer::TooLarge && together > 1 {
            self.cap_floor = self.cap_floor.min((bytes / 2).max(1));
        }
        if matches!(settled.answer, Answer::Done | Answer::Each(_) | Answer::Refused | Answer::TooLarge) {
            self.answered = self.answered.max(Some(settled.batch.id));
        }
        let is_late = now.mono.since(since) >= timeout && self.answered > Some(settled.batch.id);
        let own_doing = settled.status.is_some() || !has_company || is_late;
        let mut again: Vec<(PartitionId, u32)> = Vec::new();
        for (place, id) in requests {
            self.on_request_settled(now, id, self.meaning(&settled.answer, together, place));
        }
        for sent in &records {
            let Some(log) = broker.log(sent.partition) else { continue };
            let own = self.books[sent.partition.index()].is_of_epoch(sent.index, sent.epoch);
            if !own {
                continue;
            }
            let line = mark(self.settings.ordering, &log.records()[sent.index]).map(|mark| (sent.partition, mark));
            // Ordered modes: what comes after a retried record of its key goes again with it.
            let follows = line.is_some_and(|line| again.contains(&line));
            let mut meaning =
                if follows { Meaning::Again } else { self.meaning(&settled.answer, together, sent.place) };
            if settled.answer == Answer::Failed && !own_doing && self.is_last_attempt(sent) {
                meaning = Meaning::Again;
            }
            if matches!(settled.answer, Answer::Each(_)) && matches!(meaning, Meaning::Again | Meaning::Charged) {
                let given_up = meaning == Meaning::Charged && self.is_last_attempt(sent);
                again.extend(line.filter(|_| !given_up));
            }
            self.settle(now, *sent, log, meaning);
        }
    }

    fn meaning(&self, answer: &Answer, together: usize, place: usize) -> Meaning {
        let uncharged = *answer == Answer::Failed && !self.told.charges;
        if uncharged { Meaning::Again } else { meaning(answer, together, place) }
    }

    fn is_last_attempt(&mut self, sent: &Sent) -> bool {
        let attempts = self.books[sent.partition.index()].entry(sent.index).attempts;
        attempts + 1 >= self.settings.retry.attempts_max
    }

    fn settle(&mut self, now: Now, sent: Sent, log: &Log, meaning: Meaning) {
        let record = &log.records()[sent.index];
        let book = &mut self.books[sent.partition.index()];
        // Being given back: nothing is begun again.
        let open = book.owned == Owned::Active && !book.stopped && !self.draining;
        book.put(sent.index, record, Place::Held, &mut self.waiting);
        match meaning {
            Meaning::Success => {
                let late = record.is_expired(self.settings.ttl, now.wall);
                self.tally.late += u64::from(late);
                let entry = book.entry(sent.index);
                entry.successes += 1;
                self.tally.duplicates += u64::from(entry.successes > 1);
                return self.finish(now, sent.partition, log, sent.index, End::Completed);
            }
            Meaning::Again => {}
            Meaning::Charged => {
                let entry = book.entry(sent.index);
                entry.attempts += 1;
                self.tally.charged += 1;
                if entry.attempts >= self.settings.retry.attempts_max {
                    entry.doomed = Some(Reason::OutOfAttempts);
                }
            }
            Meaning::GivenUp(reason) => book.entry(sent.index).doomed = Some(reason),
        }
        let expired = record.is_expired(self.settings.ttl, now.wall);
        if !open && !expired && book.entry(sent.index).doomed.is_none() {
            book.put(sent.index, record, Place::LetGo, &mut self.waiting);
            self.tally.abandoned += 1;
        }
    }
}

fn meaning(answer: &Answer, sent: usize, position: usize) -> Meaning {
    match answer {
        Answer::Done => Meaning::Success,
        Answer::Each(verdicts) => match verdicts.get(position) {
            Some(Verdict::Success) => Meaning::Success,
            Some(Verdict::Retry) => Meaning::Charged,
            Some(Verdict::Drop) => Meaning::GivenUp(Reason::Dropped),
            Some(Verdict::Undecodable) => Meaning::GivenUp(Reason::Undecodable),
            None => Meaning::Again,
        },
        Answer::Failed if sent == 1 => Meaning::Charged,
        Answer::Refused if sent == 1 => Meaning::GivenUp(Reason::Refused),
        Answer::TooLarge if sent == 1 => Meaning::GivenUp(Reason::TooLarge),
        Answer::Failed
        | Answer::Refused
        | Answer::TooLarge
        | Answer::Busy { .. }
        | Answer::Away
        | Answer::Misconfigured
        | Answer::NotSent => Meaning::Again,
    }
}
