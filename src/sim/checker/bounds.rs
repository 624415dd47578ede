//! Bounds that hold after every step: queue, waiting records, spans, knobs, the gate, and deadlines for giving back.

use std::time::Duration;

use crate::{
    engine::{
        fact::{Gate, GateStage, PauseReason},
        snapshot::{PartitionState, Snapshot},
    },
    sim::checker::{Checker, Promise, book::Owned},
    time::Now,
};

/// Letters that the topic may turn away all at once.
const LETTERS_MAX: u64 = 128;

impl Checker {
    pub(super) fn check_bounds(&mut self, now: Now, snapshot: &Snapshot) {
        self.check_queue(now, snapshot);
        self.check_waiting(now, snapshot);
        self.check_knobs(now, snapshot);
        self.check_gate(now, snapshot);
        snapshot.partitions.iter().for_each(|partition| self.check_span(now, partition));
        self.check_pauses(now, snapshot);
        self.check_giving_back(now);
        if snapshot.violations > 0 {
            self.violate(now.mono, Promise::Engine, "the engine counts a violation");
        }
    }

    fn check_queue(&mut self, now: Now, snapshot: &Snapshot) {
        let queue = &snapshot.queue;
        self.tally.queue_peak = self.tally.queue_peak.max(queue.records.into());
        self.tally.queue_bytes_peak = self.tally.queue_bytes_peak.max(queue.bytes);
        if self.settings.queue_records_max.is_some_and(|max| queue.records > max) {
            self.violate(now.mono, Promise::I6, format!("{} records are queued", queue.records));
        }
        if queue.bytes > self.settings.queue_bytes_max {
            self.violate(now.mono, Promise::I6, format!("{} bytes are queued", queue.bytes));
        }
    }

    /// What waits anywhere in the engine: in the queue, for a retry, behind a batch, for the dead-letter topic.
    fn check_waiting(&mut self, now: Now, snapshot: &Snapshot) {
        let settings = &self.settings;
        let (concurrency, records) = settings.most();
        let (concurrency, waiting) = (u64::from(concurrency), self.waiting);
        let queue = settings.queue_records_max.map(u64::from);
        let out = concurrency * u64::from(records);
        let bytes_out = concurrency * settings.batch_bytes_max.max(settings.max_record_bytes);
        let window = 2 * u64::from(settings.max_poll_records);
        let few = window + LETTERS_MAX;
        let bytes_max = 2 * (settings.queue_bytes_max + bytes_out) + few * settings.max_record_bytes;
        let told = u64::from(snapshot.queue.records + snapshot.retry.records + snapshot.dead_letters.held);
        if queue.is_some_and(|queue| waiting.records > 2 * (queue + out) + few) || waiting.bytes > bytes_max {
            let what = format!("{} records and {} bytes wait in the engine", waiting.records, waiting.bytes);
            self.violate(now.mono, Promise::I6, what);
        }
        let told = told.saturating_sub(self.requests.waiting());
        if told > waiting.records {
            let what = format!("{told} records are said to wait, {} do", waiting.records);
            self.violate(now.mono, Promise::I6, what);
        }
        self.tally.waiting_peak = self.tally.waiting_peak.max(waiting.records);
    }

    fn check_gate(&mut self, now: Now, snapshot: &Snapshot) {
        let (queue, gate) = (&snapshot.queue, &snapshot.gate);
        let records_max = self.settings.queue_records_max;
        // Of Kafka's part, where there is another.
        let of_requests = snapshot.requests.as_ref();
        let (requests, kept) = of_requests.map_or((0, 0), |r| (r.queued, r.reserved_records));
        let (bytes, kept_bytes) = of_requests.map_or((0, 0), |r| (r.queued_bytes, r.reserved_bytes));
        let room = |max: u32| f64::from(max - requests.max(kept));
        let by_records = records_max.map_or(0.0, |max| 100.0 * f64::from(queue.records - requests) / room(max));
        let room_bytes = self.settings.queue_bytes_max - bytes.max(kept_bytes);
        let pct = by_records.max(100.0 * (queue.bytes - bytes) as f64 / room_bytes as f64);
        let shut = gate.stage.is_some();
        if shut != self.gate.is_some() {
            self.violate(now.mono, Promise::Gate, "the gate moved without telling");
        }
        if pct >= snapshot.knobs.pause_threshold_pct && !shut {
            self.violate(now.mono, Promise::Gate, format!("open at {pct} %"));
        }
        if pct <= snapshot.knobs.resume_threshold_pct && shut {
            self.violate(now.mono, Promise::Gate, format!("shut at {pct} %"));
        }
        let soft_for = Duration::from_secs_f64(snapshot.knobs.pause_hard_after_ms / 1e3);
        let hard_due = self.gate.is_some_and(|since| now.mono >= since + soft_for);
        if hard_due && gate.stage == Some(GateStage::Soft) {
            self.violate(now.mono, Promise::Gate, "still soft after PAUSE_HARD_AFTER");
        }
    }

    pub(super) fn on_gate(&mut self, now: Now, gate: &Gate, shuts: bool) {
        if gate.reason != PauseReason::QueueFull {
            return;
        }
        let (high, low) = self.told.watermarks();
        let turn = match (shuts, gate.stage) {
            (true, GateStage::Soft) => self.gate.is_none() && gate.pct >= high,
            (true, GateStage::Hard) => self.gate.is_some() && gate.pct > low,
            (false, _) => self.gate.is_some() && gate.pct <= low,
        };
        if !turn {
            self.violate(now.mono, Promise::Gate, format!("moved at {} %: shuts {shuts}, {:?}", gate.pct, gate.stage));
        }
        match (shuts, gate.stage) {
            (true, GateStage::Soft) => self.gate = Some(now.mono),
            (true, GateStage::Hard) => {}
            (false, _) => self.gate = None,
        }
    }

    fn check_span(&mut self, now: Now, partition: &PartitionState) {
        self.tally.span_peak = self.tally.span_peak.max(partition.span.into());
        if partition.span > self.settings.span_max {
            let what = format!("{} [{}] spans {} records", partition.topic, partition.partition, partition.span);
            self.violate(now.mono, Promise::I6, what);
        }
    }

    /// The client was told of every pause that is shown, and of no other.
    fn check_pauses(&mut self, now: Now, snapshot: &Snapshot) {
        let owned = self.books.iter().filter(|book| book.owned != Owned::No);
        let differs = owned.zip(&snapshot.partitions).find(|(book, shown)| {
            book.owned == Owned::Active && shown.phase != "draining" && book.paused == shown.paused.is_empty()
        });
        if let Some((book, shown)) = differs {
            let what = format!("{} [{}]: paused {}, {:?}", shown.topic, shown.partition, book.paused, shown.paused);
            self.violate(now.mono, Promise::Gate, what);
        }
    }

    fn check_giving_back(&mut self, now: Now) {
        if self.books.iter().filter_map(|book| book.release_due).any(|due| now.mono > due) {
            self.violate(now.mono, Promise::I8, "a revoked partition is not given back in time");
        }
        if self.leave_due.is_some_and(|due| now.mono > due) {
            self.violate(now.mono, Promise::I8, format!("not left {:?} after a drain was asked for", self.shutdown));
        }
    }
}
