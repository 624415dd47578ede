//! The knobs together: what each stands at, and what was decided lately.

use std::time::Duration;

use crate::{
    control::{
        knobs::{Decision, Decisions, Knob, KnobName, Reason},
        settings::ControlSettings,
    },
    time::Instant,
};

/// The thresholds in force.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Values {
    /// Batches in flight.
    pub concurrency: u32,
    /// Records per batch.
    pub batch_records: u32,
    /// The longest wait to fill a batch, counted from its first record.
    pub linger: Duration,
    /// Percent of the queue's bound at which the gate shuts and opens.
    pub pause_pct: f64,
    pub resume_pct: f64,
    /// How long the gate is shut before it hardens.
    pub hard_after: Duration,
}

/// All knobs.
#[derive(Debug, Clone)]
pub struct Dials {
    concurrency: Knob,
    batch_records: Knob,
    linger_ms: Knob,
    pause: Knob,
    resume: Knob,
    hard_after_ms: Knob,
    decisions: Decisions,
    /// Decided and not yet told. Bound: a handful, it is emptied after every step.
    news: Vec<Decision>,
}

/// The longest the gate stays soft, milliseconds.
const HARD_AFTER_MAX_MS: u32 = 120_000;

impl Dials {
    /// `hard_after` is what the flag says; zero is literal: hard at once, always.
    pub fn new(settings: &ControlSettings, hard_after: Duration) -> Self {
        let count = |name, range: &super::settings::Range<u32>| Knob::new(name, range.min, range.max, range.start, 2);
        let percent = |name: KnobName, range: &super::settings::Range<f64>| {
            Knob::new(name, steps(name, range.min), steps(name, range.max), steps(name, range.start), 2)
        };
        let hard_ms = u32::try_from(hard_after.as_millis()).unwrap_or(u32::MAX);
        let hard_max_ms = if hard_ms == 0 { 0 } else { HARD_AFTER_MAX_MS };
        Self {
            concurrency: count(KnobName::Concurrency, &settings.concurrency),
            batch_records: count(KnobName::BatchSize, &settings.batch_records),
            linger_ms: count(KnobName::LingerMs, &settings.linger_ms),
            pause: percent(KnobName::PauseThresholdPct, &settings.pause_pct),
            resume: percent(KnobName::ResumeThresholdPct, &settings.resume_pct),
            hard_after_ms: Knob::new(KnobName::PauseHardAfterMs, hard_ms, hard_max_ms, hard_ms, 8),
            decisions: Decisions::default(),
            news: Vec::with_capacity(8),
        }
    }

    pub fn values(&self) -> Values {
        Values {
            concurrency: self.concurrency.value().max(1),
            batch_records: self.batch_records.value().max(1),
            linger: Duration::from_millis(self.linger_ms.value().into()),
            pause_pct: f64::from(self.pause.value()) * KnobName::PauseThresholdPct.unit(),
            resume_pct: f64::from(self.resume.value()) * KnobName::ResumeThresholdPct.unit(),
            hard_after: Duration::from_millis(self.hard_after_ms.value().into()),
        }
    }

    /// Moves a knob towards `wanted`, in its unit. Whether it moved.
    pub fn propose(&mut self, at: Instant, name: KnobName, wanted: f64, reason: Reason) -> bool {
        let wanted = steps(name, wanted);
        let moved = self.knob_mut(name).propose(at, wanted, reason);
        if let Some(decision) = moved {
            self.decisions.add(decision);
            self.news.push(decision);
        }
        moved.is_some()
    }

    /// What was decided since the last call.
    pub fn news(&mut self) -> impl Iterator<Item = Decision> {
        self.news.drain(..)
    }

    pub fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    pub const fn decisions(&self) -> &Decisions {
        &self.decisions
    }

    /// Lowest and highest of a knob, in its unit.
    pub fn bounds(&self, name: KnobName) -> (f64, f64) {
        let (min, max) = self.knob(name).bounds();
        (f64::from(min) * name.unit(), f64::from(max) * name.unit())
    }

    fn knob(&self, name: KnobName) -> &Knob {
        match name {
            KnobName::Concurrency => &self.concurrency,
            KnobName::BatchSize => &self.batch_records,
            KnobName::LingerMs => &self.linger_ms,
            KnobName::PauseThresholdPct => &self.pause,
            KnobName::ResumeThresholdPct => &self.resume,
            KnobName::PauseHardAfterMs => &self.hard_after_ms,
        }
    }

    fn knob_mut(&mut self, name: KnobName) -> &mut Knob {
        match name {
            KnobName::Concurrency => &mut self.concurrency,
            KnobName::BatchSize => &mut self.batch_records,
            KnobName::LingerMs => &mut self.linger_ms,
            KnobName::PauseThresholdPct => &mut self.pause,
            KnobName::ResumeThresholdPct => &mut self.resume,
            KnobName::PauseHardAfterMs => &mut self.hard_after_ms,
        }
    }
}

fn steps(name: KnobName, value: f64) -> u32 {
    // A float that is too large, negative or no number becomes the nearest that can be, or zero.
    (value / name.unit()).round() as u32
}
