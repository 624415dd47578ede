//! Batches that are with the worker: at most the concurrency limit.

use std::time::Duration;

use crate::{
    engine::{event::BatchId, queue::LaneId, retry::Suspicion},
    record::Record,
    time::Instant,
};

/// What the engine keeps about a batch while the worker has its records.
#[derive(Debug)]
pub struct Flight {
    pub id: BatchId,
    pub lane: LaneId,
    pub records: u32,
    pub since: Instant,
    /// Batches in flight right after this one was sent, itself among them.
    pub in_flight: u32,
    /// The call's bound, and whether it is a deadline's instead of `INFERENCE_TIMEOUT`.
    pub timeout: Duration,
    pub by_deadline: bool,
    pub suspicion: Suspicion,
    /// Another batch was out at some time while this one was.
    pub has_company: bool,
    /// It took from the retry budget, and gives it back if the worker takes it.
    pub budgeted: bool,
    /// Ordered modes: records that may go only after these have settled.
    pub behind: Vec<Record>,
}

/// Bound: the concurrency limit, so a plain list is the fastest table.
#[derive(Debug, Default)]
pub struct InFlight {
    flights: Vec<Flight>,
    records: u32,
    next_id: u64,
    /// Since the start.
    settled: u64,
    /// The latest batch that the worker had a word for.
    answered: Option<BatchId>,
}

impl Flight {
    /// Its call has taken as long as it may.
    pub fn has_timed_out(&self, now: Instant) -> bool {
        now.since(self.since) >= self.timeout
    }
}

impl InFlight {
    /// The id the next batch will have.
    pub fn next_id(&self) -> BatchId {
        BatchId(self.next_id)
    }

    pub fn insert(&mut self, mut flight: Flight) {
        self.next_id = flight.id.0 + 1;
        flight.has_company = !self.flights.is_empty();
        if flight.has_company {
            self.flights.iter_mut().for_each(|other| other.has_company = true);
        }
        self.records += flight.records;
        self.flights.push(flight);
    }

    pub fn take(&mut self, id: BatchId) -> Option<Flight> {
        let index = self.flights.iter().position(|flight| flight.id == id)?;
        let flight = self.flights.swap_remove(index);
        self.records -= flight.records;
        self.settled += 1;
        Some(flight)
    }

    /// The worker had a word for this one.
    pub fn heard(&mut self, id: BatchId) {
        self.answered = self.answered.max(Some(id));
    }

    /// Whether a batch that failed without a word has only itself to blame. Not when the worker may have died or hung of
    /// what was out beside it: any other while its connection broke, and while it timed out any other unless one that was
    /// sent later has been answered.
    pub fn is_alone_to_blame(&self, now: Instant, flight: &Flight) -> bool {
        !flight.has_company || (flight.has_timed_out(now) && self.answered > Some(flight.id))
    }

    /// A batch is out that nothing may go beside.
    pub fn is_taken_by_one(&self) -> bool {
        self.flights.iter().any(|flight| flight.suspicion == Suspicion::Apart)
    }

    /// Batches that have come back since the start.
    pub fn settled(&self) -> u64 {
        self.settled
    }

    pub fn batches(&self) -> u32 {
        u32::try_from(self.flights.len()).unwrap_or(u32::MAX)
    }

    pub fn records(&self) -> u32 {
        self.records
    }

    pub fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }

    pub fn oldest(&self) -> Option<Instant> {
        self.flights.iter().map(|flight| flight.since).min()
    }

    /// Records waiting behind a batch, for whoever abandons a partition.
    pub fn behind_mut(&mut self) -> impl Iterator<Item = &mut Vec<Record>> {
        self.flights.iter_mut().map(|flight| &mut flight.behind)
    }
}
