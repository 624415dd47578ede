//! Commits on their way: one at the client at a time, each answered exactly once, partition by partition.
//!
//! The client's answer carries no id, only the offsets it was given, so it is recognised by them. What an error code
//! means is decided here, in one table. A commit that meets a group between two generations is sent again for a moment
//! before anybody is told: the last commit of a revoke has no later chance.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use rdkafka::error::RDKafkaErrorCode as Code;

use crate::{
    engine::event::{CommitId, CommitOutcome, CommitResult, Event, Mark},
    kafka::ffi,
    record::PartitionId,
};

/// The client answers every commit, if late (it parks them for a session timeout while the coordinator is away). One
/// that is not answered for this long is given up, so that it cannot hold up all that follow.
const ANSWER_WAIT: Duration = Duration::from_secs(60);

/// Between attempts while the group is between two generations, and for how long there are any.
const AGAIN_AFTER: Duration = Duration::from_millis(50);
const AGAIN_FOR: Duration = Duration::from_secs(2);

/// The code in an answer for a partition that was not ours when the commit was sent.
const NOT_ASSIGNED: &str = "NOT_ASSIGNED";

#[derive(Debug, Default)]
pub struct Commits {
    waiting: VecDeque<Ask>,
    in_flight: Option<Ask>,
}

#[derive(Debug)]
struct Ask {
    id: CommitId,
    marks: Vec<Mark>,
    /// Partitions that were not ours and were not sent.
    refused: Vec<CommitResult>,
    first_sent: Option<Instant>,
    sent: Option<Instant>,
    not_before: Option<Instant>,
}

/// One partition of the client's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    pub id: PartitionId,
    pub offset: i64,
    pub code: Code,
}

/// What has to be done next.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is taken apart at once")]
pub enum Next<'a> {
    Send(&'a [Mark]),
    Tell(Event),
}

/// What the client's answer was.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is taken apart at once")]
pub enum Verdict {
    Tell(Event),
    /// It will be sent again.
    Again,
    NotOurs,
}

impl Commits {
    pub fn push(&mut self, id: CommitId, marks: Vec<Mark>) {
        self.waiting.push_back(Ask { id, marks, refused: Vec::new(), first_sent: None, sent: None, not_before: None });
    }

    /// Something is under way or waits for its turn.
    pub fn is_busy(&self) -> bool {
        self.in_flight.is_some() || !self.waiting.is_empty()
    }

    /// What to do next, if no commit is under way: send the offsets of the partitions that are ours, or tell that none
    /// is.
    pub fn next(&mut self, now: Instant, is_ours: impl Fn(PartitionId) -> bool) -> Option<Next<'_>> {
        if self.in_flight.is_some() {
            return None;
        }
        self.waiting.front().filter(|ask| ask.not_before.is_none_or(|at| now >= at))?;
        let mut ask = self.waiting.pop_front()?;
        for mark in ask.marks.extract_if(.., |mark| !is_ours(mark.partition)) {
            ask.refused.push(mark.answered(CommitOutcome::EpochOver(NOT_ASSIGNED.to_owned())));
        }
        if ask.marks.is_empty() {
            return Some(Next::Tell(Event::Committed { id: ask.id, results: ask.refused }));
        }
        ask.first_sent.get_or_insert(now);
        ask.sent = Some(now);
        Some(Next::Send(&self.in_flight.insert(ask).marks))
    }

    /// The client's answer: `code` for the whole, unless a partition has one of its own.
    pub fn answer(
        &mut self,
        now: Instant,
        code: Code,
        answered: &[Answered],
        is_ours: impl Fn(PartitionId) -> bool,
    ) -> Verdict {
        let own_code = |mark: &Mark| {
            let told = answered.iter().find(|a| a.id == mark.partition && a.offset == mark.offset)?;
            Some(if told.code == Code::NoError { code } else { told.code })
        };
        let is_answered = |ask: &mut Ask| ask.marks.iter().all(|mark| own_code(mark).is_some());
        let Some(mut ask) = self.in_flight.take_if(is_answered) else { return Verdict::NotOurs };
        let codes: Vec<_> = ask.marks.iter().map(|mark| own_code(mark).unwrap_or(code)).collect();
        let codes = || ask.marks.iter().zip(&codes);
        let patient = ask.first_sent.is_none_or(|first| now.duration_since(first) < AGAIN_FOR);
        if patient && codes().any(|(mark, code)| is_between_generations(*code) && is_ours(mark.partition)) {
            ask.not_before = Some(now + AGAIN_AFTER);
            self.waiting.push_front(ask);
            return Verdict::Again;
        }
        let results = codes().map(|(mark, code)| mark.answered(outcome(*code, is_ours(mark.partition))));
        let results = results.chain(ask.refused).collect();
        Verdict::Tell(Event::Committed { id: ask.id, results })
    }

    /// The client did not take the commit at all, or gave no answer in time.
    pub fn fail(&mut self, now: Instant, code: Code, is_ours: impl Fn(PartitionId) -> bool) -> Verdict {
        let sent = self.in_flight.iter().flat_map(|ask| &ask.marks);
        let answered: Vec<_> = sent.map(|mark| Answered { id: mark.partition, offset: mark.offset, code }).collect();
        self.answer(now, code, &answered, is_ours)
    }

    pub fn is_overdue(&self, now: Instant) -> bool {
        let sent = self.in_flight.as_ref().and_then(|ask| ask.sent);
        sent.is_some_and(|sent| now.duration_since(sent) > ANSWER_WAIT)
    }
}

/// What a code means for a partition that is (still) ours or not.
fn outcome(code: Code, is_ours: bool) -> CommitOutcome {
    match code {
        Code::NoError | Code::NoOffset => CommitOutcome::Applied,
        Code::State => CommitOutcome::EpochOver(name(code)),
        _ if is_expulsion(code) => CommitOutcome::EpochOver(name(code)),
        _ if is_between_generations(code) && !is_ours => CommitOutcome::EpochOver(name(code)),
        _ => CommitOutcome::Failed(name(code)),
    }
}

/// Codes that say that the *group* moves on and leave open whether the partition does. One that stays ours through the
/// rebalance keeps its epoch, and if nothing more of it finished nobody would commit for it again: so for that one they
/// mean "again".
fn is_between_generations(code: Code) -> bool {
    matches!(code, Code::RebalanceInProgress | Code::IllegalGeneration | Code::StaleMemberEpoch)
}

/// Codes that say that this member is not, or no longer, one of the group, whatever it believes.
pub fn is_expulsion(code: Code) -> bool {
    use Code::{AssignmentLost, Fenced, FencedInstanceId, FencedMemberEpoch, UnknownMemberId, UnreleasedInstanceId};
    matches!(
        code,
        UnknownMemberId | FencedInstanceId | FencedMemberEpoch | UnreleasedInstanceId | Fenced | AssignmentLost
    )
}

/// Kafka's own name for a code.
pub fn name(code: Code) -> String {
    ffi::code_name(code as i32)
}

#[cfg(test)]
mod tests;
