//! The promises by name, and what is said when one does not hold.

use std::fmt::{self, Display, Formatter};

use crate::time::Instant;

/// What is promised: I1 to I9 of docs/ARCHITECTURE.md, and a few that follow from the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Promise {
    /// One disposition a record and epoch; nothing lost.
    I1,
    /// A commit never passes an unfinished record.
    I2,
    /// Commits never go back within an epoch, and go one at a time.
    I3,
    /// Nothing is sent after its deadline.
    I4,
    /// Concurrency, batch caps, topics and order.
    I5,
    /// Queue, waiting records and span are bounded, and zero after a drain.
    I6,
    /// Nothing is done for an epoch that is over.
    I7,
    /// Everything drains, and nothing takes longer than it may.
    I8,
    /// Knobs stay where they are set.
    I9,
    /// The gate shuts at its high watermark and opens at its low one, and the client is told so.
    Gate,
    /// The dead-letter budget.
    Budget,
    /// Nobody is charged for what is not their own failure, and nobody is given up without a reason.
    Charge,
    /// What the engine tells adds up to what was seen.
    Facts,
    /// The engine found itself in the wrong.
    Engine,
    /// The scenario's own expectations.
    Expected,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub promise: Promise,
    pub at: Instant,
    pub what: String,
}

impl Display for Violation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} does not hold at {:.3} ms: {}", self.promise, self.at.0 as f64 / 1e6, self.what)
    }
}
