//! What came of a run, in numbers, and the bands a scenario expects them in.

use std::fmt::{self, Display, Formatter};

use crate::{sim::checker::Violation, time::Instant};

/// Counts of one run, from outside the engine, beside what the engine told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    pub produced: u64,
    /// Handed to the engine, every time it was.
    pub polled: u64,
    pub completed: u64,
    /// Completed after the deadline.
    pub late: u64,
    /// Completed more than once.
    pub duplicates: u64,
    pub expired: u64,
    pub dead_lettered: u64,
    pub skipped: u64,
    /// Told to have been finished by an earlier epoch.
    pub passed_over: u64,
    pub abandoned: u64,
    /// Finished by another member.
    pub elsewhere: u64,
    /// Deleted by retention before they were read.
    pub deleted: u64,
    /// Left behind a record that stops its partition.
    pub held: u64,
    pub stops: u64,
    /// Records told to hold their partition's frontier.
    pub heads_told: u64,
    /// Failures charged to single records.
    pub charged: u64,
    pub dispatched: u64,
    /// What the worker got to see.
    pub requests: u64,
    pub commits: u64,
    pub commits_failed: u64,
    /// Times the group was found to have less than it had acknowledged.
    pub commits_overtaken: u64,
    pub pauses: u64,
    pub hard_pauses: u64,
    pub queue_peak: u64,
    pub queue_bytes_peak: u64,
    pub waiting_peak: u64,
    pub in_flight_peak: u64,
    pub span_peak: u64,
    /// Requests over HTTP that reached the engine, and what became of them.
    pub asked: u64,
    pub served: u64,
    pub turned_away: u64,
    pub timed_out: u64,
    pub refused: u64,
    pub dismissed: u64,
    pub hung_up: u64,
    pub told_completed: u64,
    pub told_late: u64,
    pub told_expired: u64,
    pub told_lettered: u64,
    pub told_skipped: u64,
}

impl Tally {
    pub(super) fn count(&mut self, end: crate::sim::checker::End) {
        use crate::sim::checker::End;
        match end {
            End::Completed => self.completed += 1,
            End::Expired => self.expired += 1,
            End::DeadLettered => self.dead_lettered += 1,
            End::Skipped => self.skipped += 1,
            End::Before => {}
        }
    }
}

/// What a number may be, both ends included.
pub type Band = Option<[u64; 2]>;

/// What a scenario expects; what it does not name may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    pub completed: Band,
    pub late: Band,
    pub duplicates: Band,
    pub expired: Band,
    pub dead_lettered: Band,
    pub skipped: Band,
    pub passed_over: Band,
    pub deleted: Band,
    pub held: Band,
    pub stops: Band,
    pub heads_told: Band,
    pub charged: Band,
    pub requests: Band,
    pub commits: Band,
    pub commits_overtaken: Band,
    pub pauses: Band,
    pub hard_pauses: Band,
    pub queue_peak: Band,
    pub in_flight_peak: Band,
    pub asked: Band,
    pub served: Band,
    pub turned_away: Band,
    pub timed_out: Band,
    pub refused: Band,
    pub dismissed: Band,
    pub hung_up: Band,
    /// Virtual time until everything was drained.
    pub drained_ms: Band,
}

/// A run that held every promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub seed: u64,
    pub tally: Tally,
    pub steps: u64,
    pub trace_hash: u64,
    pub drained_at: Instant,
    pub over_at: Instant,
}

impl Expect {
    /// The first number that is out of its band.
    pub fn judge(&self, tally: &Tally, drained_at: Instant) -> Option<String> {
        let each = [
            ("completed", self.completed, tally.completed),
            ("late", self.late, tally.late),
            ("duplicates", self.duplicates, tally.duplicates),
            ("expired", self.expired, tally.expired),
            ("dead_lettered", self.dead_lettered, tally.dead_lettered),
            ("skipped", self.skipped, tally.skipped),
            ("passed_over", self.passed_over, tally.passed_over),
            ("deleted", self.deleted, tally.deleted),
            ("held", self.held, tally.held),
            ("stops", self.stops, tally.stops),
            ("heads_told", self.heads_told, tally.heads_told),
            ("charged", self.charged, tally.charged),
            ("requests", self.requests, tally.requests),
            ("commits", self.commits, tally.commits),
            ("commits_overtaken", self.commits_overtaken, tally.commits_overtaken),
            ("pauses", self.pauses, tally.pauses),
            ("hard_pauses", self.hard_pauses, tally.hard_pauses),
            ("queue_peak", self.queue_peak, tally.queue_peak),
            ("in_flight_peak", self.in_flight_peak, tally.in_flight_peak),
            ("asked", self.asked, tally.asked),
            ("served", self.served, tally.served),
            ("turned_away", self.turned_away, tally.turned_away),
            ("timed_out", self.timed_out, tally.timed_out),
            ("refused", self.refused, tally.refused),
            ("dismissed", self.dismissed, tally.dismissed),
            ("hung_up", self.hung_up, tally.hung_up),
            ("drained_ms", self.drained_ms, drained_at.0 / 1_000_000),
        ];
        each.into_iter().find_map(|(name, band, value)| {
            let [low, high] = band?;
            (value < low || value > high).then(|| format!("{name} is {value}, expected {low} to {high}"))
        })
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let t = &self.tally;
        writeln!(f, "seed {}: every promise held; trace {:016x}, {} steps", self.seed, self.trace_hash, self.steps)?;
        writeln!(
            f,
            "  {} records produced; {} finished elsewhere, {} deleted by retention, {} held by a stopped partition",
            t.produced, t.elsewhere, t.deleted, t.held
        )?;
        writeln!(
            f,
            "  dispositions: {} completed ({} of them again, {} late), {} expired, {} dead-lettered, {} skipped, \
             {} abandoned",
            t.completed, t.duplicates, t.late, t.expired, t.dead_lettered, t.skipped, t.abandoned
        )?;
        writeln!(
            f,
            "  polled {}, requests {}, charged {}, commits {} ({} failed), stops {}",
            t.polled, t.requests, t.charged, t.commits, t.commits_failed, t.stops
        )?;
        writeln!(
            f,
            "  peaks: queue {} records {} bytes, waiting {}, in flight {} batches, span {}; pauses {} soft {} hard",
            t.queue_peak, t.queue_bytes_peak, t.waiting_peak, t.in_flight_peak, t.span_peak, t.pauses, t.hard_pauses
        )?;
        if t.asked > 0 {
            writeln!(
                f,
                "  requests: {} asked, {} served, {} turned away, {} timed out, {} refused, {} dismissed, {} hung up",
                t.asked, t.served, t.turned_away, t.timed_out, t.refused, t.dismissed, t.hung_up
            )?;
        }
        write!(f, "  drained at {} ms, over at {} ms", self.drained_at.0 / 1_000_000, self.over_at.0 / 1_000_000)
    }
}

/// A run that did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub seed: u64,
    pub violation: Violation,
    pub trace_hash: u64,
    /// The last steps; empty unless they were kept.
    pub tail: String,
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.tail)?;
        write!(f, "seed {}: {}", self.seed, self.violation)
    }
}
