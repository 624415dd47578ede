//! What happened in a run, step by step: always as a hash, and as text when somebody wants to read it.
//!
//! Two runs are the same run when their hashes are equal. Text costs more than the run itself, so a failing seed is run
//! a second time to get it.

use std::{
    collections::VecDeque,
    fmt::{self, Display, Formatter},
    hash::{Hash, Hasher},
};

use crate::{
    engine::event::{BatchId, CommitId, Reason},
    record::{PartitionId, RequestId},
    time::Instant,
};

/// One thing that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    ProcessStarts { process: u32 },
    ProcessDies,
    Drain,
    Left,
    Fault { index: usize },
    FaultOver { index: usize },
    Healed,
    Appended { partition: PartitionId, from: i64, end: i64 },
    Trimmed { partition: PartitionId, start: i64 },
    Assigned { partition: PartitionId },
    Revoked { partition: PartitionId, lost: bool },
    Released { partition: PartitionId },
    Polled { partition: PartitionId, records: u32, first: i64, last: i64 },
    End { partition: PartitionId, offset: i64 },
    Granted { records: u32, bytes: u64 },
    Paused { partition: PartitionId },
    Resumed { partition: PartitionId },
    Repaired { partition: PartitionId },
    Dispatched { batch: BatchId, records: u32, bytes: u64 },
    Carries { batch: BatchId, partition: PartitionId, records: u32, first: i64, last: i64 },
    Sent { batch: BatchId },
    NotSent { batch: BatchId },
    Settled { batch: BatchId, answer: &'static str, verdicts: u64 },
    Letter { partition: PartitionId, offset: i64, reason: Reason },
    LetterAcknowledged { partition: PartitionId, offset: i64 },
    LetterFailed { partition: PartitionId, offset: i64 },
    Expired { partition: PartitionId, offset: i64, stage: &'static str },
    Skipped { number: i32, offset: i64 },
    CommitAsked { id: CommitId, partition: PartitionId, offset: i64, metadata: usize },
    Committed { id: CommitId, partition: PartitionId, offset: i64, outcome: &'static str },
    Asked { id: RequestId },
    Gone { id: RequestId },
    Replied { id: RequestId, outcome: &'static str },
    Woke,
}

#[derive(Debug)]
pub struct Trace {
    hash: Fnv,
    steps: u64,
    /// The last steps, when they are kept.
    tail: Option<VecDeque<(Instant, Step)>>,
}

/// Steps kept for reading.
const TAIL: usize = 60;

impl Trace {
    /// `keep` the last steps for reading, or only hash them.
    pub fn new(keep: bool) -> Self {
        Self { hash: Fnv::default(), steps: 0, tail: keep.then(VecDeque::new) }
    }

    pub fn note(&mut self, at: Instant, step: Step) {
        at.0.hash(&mut self.hash);
        step.hash(&mut self.hash);
        self.steps += 1;
        if let Some(tail) = &mut self.tail {
            if tail.len() == TAIL {
                tail.pop_front();
            }
            tail.push_back((at, step));
        }
    }

    pub fn hash(&self) -> u64 {
        self.hash.finish()
    }

    pub fn steps(&self) -> u64 {
        self.steps
    }
}

/// The tail, one step a line.
impl Display for Trace {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (at, step) in self.tail.iter().flatten() {
            writeln!(f, "{:>14.3} ms  {step:?}", at.0 as f64 / 1e6)?;
        }
        Ok(())
    }
}

/// FNV-1a over whole numbers. The standard hasher promises nothing between versions, and its provided methods feed
/// numbers in the machine's own byte order.
#[derive(Debug, Clone)]
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u8(&mut self, n: u8) {
        self.write_u64(u64::from(n));
    }

    fn write_u16(&mut self, n: u16) {
        self.write_u64(u64::from(n));
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n));
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0 ^ n).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
    }

    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }

    fn write_i32(&mut self, n: i32) {
        self.write_u64(i64::from(n) as u64);
    }

    fn write_i64(&mut self, n: i64) {
        self.write_u64(n as u64);
    }

    fn write_isize(&mut self, n: isize) {
        self.write_u64(n as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_differs_when_one_step_or_one_moment_differs() {
        let hash = |steps: &[(u64, Step)]| {
            let mut trace = Trace::new(false);
            steps.iter().for_each(|(at, step)| trace.note(Instant(*at), *step));
            trace.hash()
        };
        let one = hash(&[(1, Step::Woke), (2, Step::Drain)]);
        assert_eq!(one, hash(&[(1, Step::Woke), (2, Step::Drain)]));
        assert_ne!(one, hash(&[(1, Step::Drain), (2, Step::Woke)]));
        assert_ne!(one, hash(&[(1, Step::Woke), (3, Step::Drain)]));
    }

    #[test]
    fn only_the_last_steps_are_kept() {
        let mut trace = Trace::new(true);
        (0..100).for_each(|at| trace.note(Instant(at * 1_000_000), Step::Woke));
        let text = trace.to_string();
        assert_eq!((text.lines().count(), trace.steps()), (TAIL, 100));
        assert!(text.ends_with("99.000 ms  Woke\n"));
    }
}
