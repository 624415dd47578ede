//! Commits on their way: one at the client at a time, each answered exactly once, partition by partition.
//!
//! The client's answer carries no id, only the offsets it was given, so it is recognised by them. What an error code
//! means is decided here, in one table.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use rdkafka::error::RDKafkaErrorCode as Code;

use crate::{
    engine::event::{CommitId, CommitOutcome, CommitResult, Event},
    kafka::ffi,
    record::PartitionId,
};

/// The client answers every commit, if late (it parks them for a session timeout while the coordinator is away). One
/// that is not answered for this long is given up, so that it cannot hold up all that follow.
const ANSWER_WAIT: Duration = Duration::from_secs(60);

/// The code in an answer for a partition that was not ours when the commit was asked for.
const NOT_ASSIGNED: &str = "NOT_ASSIGNED";

#[derive(Debug, Default)]
pub struct Commits {
    waiting: VecDeque<Ask>,
    in_flight: Option<InFlight>,
}

#[derive(Debug)]
pub struct Ask {
    pub id: CommitId,
    /// Each the next offset to read.
    pub offsets: Vec<(PartitionId, i64)>,
}

#[derive(Debug)]
struct InFlight {
    ask: Ask,
    /// Partitions that were not ours and were not sent.
    refused: Vec<CommitResult>,
    since: Instant,
}

/// One partition of the client's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    pub id: PartitionId,
    pub offset: i64,
    pub code: Code,
}

impl Commits {
    pub fn push(&mut self, ask: Ask) {
        self.waiting.push_back(ask);
    }

    pub fn is_in_flight(&self) -> bool {
        self.in_flight.is_some()
    }

    /// The next commit to send, if none is under way: the offsets of the partitions that are ours. An event instead
    /// when that leaves nothing to send.
    pub fn next(
        &mut self,
        now: Instant,
        is_ours: impl Fn(PartitionId) -> bool,
    ) -> Option<Result<&[(PartitionId, i64)], Event>> {
        if self.in_flight.is_some() {
            return None;
        }
        let mut ask = self.waiting.pop_front()?;
        let mut refused = Vec::new();
        ask.offsets.retain(|(partition, offset)| {
            let ours = is_ours(*partition);
            if !ours {
                let outcome = CommitOutcome::EpochOver(NOT_ASSIGNED.to_owned());
                refused.push(CommitResult { partition: *partition, offset: *offset, outcome });
            }
            ours
        });
        if ask.offsets.is_empty() {
            return Some(Err(Event::Committed { id: ask.id, results: refused }));
        }
        let sent = self.in_flight.insert(InFlight { ask, refused, since: now });
        Some(Ok(&sent.ask.offsets))
    }

    /// The client's answer: `code` for the whole, unless a partition has one of its own. `None` when it is an answer to
    /// something else.
    pub fn answer(
        &mut self,
        code: Code,
        answered: &[Answered],
        is_ours: impl Fn(PartitionId) -> bool,
    ) -> Option<Event> {
        let told = |id, offset| answered.iter().find(|a| a.id == id && a.offset == offset);
        let in_flight =
            self.in_flight.take_if(|f| f.ask.offsets.iter().all(|(id, offset)| told(*id, *offset).is_some()))?;
        let results = in_flight.ask.offsets.iter().map(|(partition, offset)| {
            let own = told(*partition, *offset).map_or(Code::NoError, |a| a.code);
            let code = if own == Code::NoError { code } else { own };
            CommitResult { partition: *partition, offset: *offset, outcome: outcome(code, is_ours(*partition)) }
        });
        let results = results.chain(in_flight.refused).collect();
        Some(Event::Committed { id: in_flight.ask.id, results })
    }

    /// The client did not take the commit at all, or gave no answer in time.
    pub fn fail(&mut self, code: Code, is_ours: impl Fn(PartitionId) -> bool) -> Option<Event> {
        let in_flight = self.in_flight.as_ref()?;
        let answered: Vec<_> =
            in_flight.ask.offsets.iter().map(|(id, offset)| Answered { id: *id, offset: *offset, code }).collect();
        self.answer(code, &answered, is_ours)
    }

    pub fn is_overdue(&self, now: Instant) -> bool {
        self.in_flight.as_ref().is_some_and(|f| now.duration_since(f.since) > ANSWER_WAIT)
    }
}

/// What a code means for a partition that is (still) ours or not.
///
/// Three codes say that the *group* moved on and leave open whether the partition did. A partition that stays ours
/// through the rebalance keeps its epoch, and nobody would commit for it again if nothing more of it finished: so there
/// they mean "again with the next commit".
pub fn outcome(code: Code, is_ours: bool) -> CommitOutcome {
    match code {
        Code::NoError | Code::NoOffset => CommitOutcome::Applied,
        Code::RebalanceInProgress | Code::IllegalGeneration | Code::StaleMemberEpoch if is_ours => {
            CommitOutcome::Failed(name(code))
        }
        Code::RebalanceInProgress | Code::IllegalGeneration | Code::StaleMemberEpoch | Code::State => {
            CommitOutcome::EpochOver(name(code))
        }
        _ if is_expulsion(code) => CommitOutcome::EpochOver(name(code)),
        _ => CommitOutcome::Failed(name(code)),
    }
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
