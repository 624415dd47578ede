//! Everything that can be due, and what a model needs to make something due.

use crate::{
    engine::event::{Batch, Command, CommitId, CommitResult, DeadLettered, Event, Mark},
    record::PartitionId,
    sim::{
        fault::Set,
        rng::Rng,
        scheduler::Schedule,
        trace::{Step, Trace},
    },
    time::Now,
};

/// What is to happen. Things that belong to a process are void once another one has started.
#[derive(Debug)]
pub enum Due {
    /// Producers write this many records.
    Produce {
        records: u32,
    },
    /// Callers ask this many times over HTTP.
    Ask {
        requests: u32,
    },
    Fault(usize),
    FaultOver(usize),
    /// Everything is well from here on.
    Heal,
    /// Somebody looks whether the worker is taken for broken.
    LookedAt,
    /// Too late to be still running.
    GiveUp,
    StartProcess,
    /// The engine asked to be woken; void when it asked for another moment since.
    Wake {
        token: u64,
    },
    ToSource {
        process: u32,
        command: Command,
    },
    ToEngine {
        process: u32,
        event: Event,
    },
    /// The client reads what it fetched.
    Turn {
        process: u32,
    },
    Fetched {
        process: u32,
        partition: PartitionId,
        generation: u32,
    },
    Progress {
        process: u32,
    },
    /// The group gives the member what is free.
    Join {
        process: u32,
    },
    /// These partitions may come back.
    Back(Set),
    /// A commit reaches the coordinator.
    Commit(CommitRequest),
    /// The group is asked what it has committed.
    ReadCommitted {
        process: u32,
        partitions: Vec<PartitionId>,
    },
    /// The leaders are asked where their logs begin.
    ReadStarts {
        process: u32,
        partitions: Vec<PartitionId>,
    },
    /// The moment before a batch is sent.
    Send {
        process: u32,
        batch: Batch,
    },
    /// The dead-letter topic has decided.
    Letter {
        process: u32,
        answer: DeadLettered,
    },
}

#[derive(Debug)]
pub struct CommitRequest {
    pub process: u32,
    pub id: CommitId,
    /// With the group's count of owners at the time it was sent.
    pub marks: Vec<(Mark, u64)>,
    /// Answered by the client itself.
    pub refused: Vec<CommitResult>,
}

/// What a model acts with.
#[derive(Debug)]
pub struct Cx<'a> {
    pub now: Now,
    pub process: u32,
    pub schedule: &'a mut Schedule<Due>,
    pub rng: &'a mut Rng,
    pub trace: &'a mut Trace,
}

impl Cx<'_> {
    pub fn after(&mut self, delay: std::time::Duration, due: Due) {
        self.schedule.at(self.now.mono + delay, due);
    }

    pub fn note(&mut self, step: Step) {
        self.trace.note(self.now.mono, step);
    }
}
