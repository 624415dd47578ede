//! Knobs: a value, its bounds, how fast it may move, and why it last did (I9).
//!
//! Policies propose; a [`Knob`] clamps the proposal to its bounds and its slew limit and writes down what came of it.
//! Emergency cuts are not slowed down. The last decisions stay in a ring of fixed size for people to read.

use crate::time::Instant;

/// Why a knob moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Climbing while nothing queues in the worker.
    SlowStart,
    /// Trying another level to learn from it.
    Probe,
    /// The level at which the worker begins to queue was found.
    Knee,
    /// More brought more.
    Gain,
    /// More only waited inside the worker.
    Queueing,
    /// Back to where it was best.
    Settled,
    /// The worker said that it is full, or did not answer in time.
    PushBack,
    /// The worker is back.
    Recovery,
    /// The worker became slower without getting more from us.
    Contended,
    /// A bound was reached.
    Bound,
    /// Another size finishes more records in time per second of work.
    Rate,
    /// The worker says how much it takes at once.
    Told,
    /// What the worker uses up until more can be had.
    Need,
    /// Pauses came too often.
    Flapping,
    /// The worker would not take a batch of that size, or failed on it.
    TooLarge,
    /// What is known of the worker is about another model.
    Forgotten,
    /// Where an earlier run stood.
    Recalled,
}

impl Reason {
    /// The code in metrics and logs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::SlowStart => "slow_start",
            Self::Probe => "probe",
            Self::Knee => "knee",
            Self::Gain => "gain",
            Self::Queueing => "queueing",
            Self::Settled => "settled",
            Self::PushBack => "push_back",
            Self::Recovery => "recovery",
            Self::Contended => "contended",
            Self::Bound => "bound",
            Self::Rate => "rate",
            Self::Told => "told",
            Self::Need => "need",
            Self::Flapping => "flapping",
            Self::TooLarge => "too_large",
            Self::Forgotten => "forgotten",
            Self::Recalled => "recalled",
        }
    }

    /// Whether the move may ignore the slew limit.
    pub const fn is_emergency(self) -> bool {
        matches!(self, Self::PushBack | Self::TooLarge | Self::Told | Self::Forgotten | Self::Recalled)
    }
}

/// Which knob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KnobName {
    Concurrency,
    BatchSize,
    LingerMs,
    /// In tenths of a percent inside, in percent outside.
    PauseThresholdPct,
    ResumeThresholdPct,
    PauseHardAfterMs,
}

impl KnobName {
    pub const ALL: [Self; 6] = [
        Self::Concurrency,
        Self::BatchSize,
        Self::LingerMs,
        Self::PauseThresholdPct,
        Self::ResumeThresholdPct,
        Self::PauseHardAfterMs,
    ];

    /// Label in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Concurrency => "concurrency",
            Self::BatchSize => "batch_size",
            Self::LingerMs => "linger_ms",
            Self::PauseThresholdPct => "pause_threshold_pct",
            Self::ResumeThresholdPct => "resume_threshold_pct",
            Self::PauseHardAfterMs => "pause_hard_after_ms",
        }
    }

    /// What one step of the knob is worth in its own unit.
    pub const fn unit(self) -> f64 {
        match self {
            Self::PauseThresholdPct | Self::ResumeThresholdPct => 0.1,
            _ => 1.0,
        }
    }
}

/// One move of one knob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    pub at: Instant,
    pub knob: KnobName,
    /// In steps of the knob; [`Decision::from`] and [`Decision::to`] are in its unit.
    pub from_steps: u32,
    pub to_steps: u32,
    pub reason: Reason,
}

impl Decision {
    pub fn from(&self) -> f64 {
        f64::from(self.from_steps) * self.knob.unit()
    }

    pub fn to(&self) -> f64 {
        f64::from(self.to_steps) * self.knob.unit()
    }
}

/// A bounded value that moves by at most a factor at a time.
#[derive(Debug, Clone)]
pub struct Knob {
    name: KnobName,
    min: u32,
    max: u32,
    value: u32,
    /// The furthest one move goes: this factor up or down, and always at least one.
    slew: u32,
}

impl Knob {
    /// Bounds in disorder are put right; the start is brought within them.
    pub fn new(name: KnobName, min: u32, max: u32, start: u32, slew: u32) -> Self {
        let max = max.max(min);
        Self { name, min, max, value: start.clamp(min, max), slew: slew.max(2) }
    }

    pub const fn value(&self) -> u32 {
        self.value
    }

    /// Lowest and highest.
    pub const fn bounds(&self) -> (u32, u32) {
        (self.min, self.max)
    }

    /// Moves towards what a policy proposes. `None` when it stays where it is.
    pub fn propose(&mut self, at: Instant, wanted: u32, reason: Reason) -> Option<Decision> {
        let from = self.value;
        let mut to = wanted.clamp(self.min, self.max);
        if !reason.is_emergency() {
            to = to.clamp(from / self.slew, from.saturating_mul(self.slew).max(from.saturating_add(1)));
            to = to.clamp(self.min, self.max);
        }
        self.value = to;
        (to != from).then_some(Decision { at, knob: self.name, from_steps: from, to_steps: to, reason })
    }
}

/// How many decisions are kept.
pub const DECISIONS_KEPT: usize = 64;

/// The last decisions, oldest overwritten first.
#[derive(Debug, Clone)]
pub struct Decisions {
    ring: [Option<Decision>; DECISIONS_KEPT],
    made: u64,
}

impl Default for Decisions {
    fn default() -> Self {
        Self { ring: [None; DECISIONS_KEPT], made: 0 }
    }
}

impl Decisions {
    pub fn add(&mut self, decision: Decision) {
        self.ring[(self.made % DECISIONS_KEPT as u64) as usize] = Some(decision);
        self.made += 1;
    }

    /// All that were ever made.
    pub const fn made(&self) -> u64 {
        self.made
    }

    /// Those still kept, newest first.
    pub fn newest(&self) -> impl Iterator<Item = &Decision> {
        let next = (self.made % DECISIONS_KEPT as u64) as usize;
        (1..=DECISIONS_KEPT).filter_map(move |back| self.ring[(next + DECISIONS_KEPT - back) % DECISIONS_KEPT].as_ref())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_ordinary_move_is_slowed_down_and_an_emergency_is_not() {
        let mut knob = Knob::new(KnobName::Concurrency, 1, 64, 16, 2);
        assert_eq!(knob.propose(Instant::ZERO, 64, Reason::Gain).unwrap().to_steps, 32);
        assert_eq!(knob.propose(Instant::ZERO, 1, Reason::Queueing).unwrap().to_steps, 16);
        assert_eq!(knob.propose(Instant::ZERO, 1, Reason::PushBack).unwrap().to_steps, 1);
        assert_eq!(knob.propose(Instant::ZERO, 0, Reason::Queueing), None);
    }

    #[test]
    fn the_ring_keeps_the_newest_and_counts_them_all() {
        let mut decisions = Decisions::default();
        for n in 0..100 {
            let (knob, reason) = (KnobName::LingerMs, Reason::Rate);
            decisions.add(Decision { at: Instant(n), knob, from_steps: 0, to_steps: 1, reason });
        }
        let kept: Vec<u64> = decisions.newest().map(|decision| decision.at.0).collect();
        assert_eq!((decisions.made(), kept.len(), kept[0], kept[63]), (100, DECISIONS_KEPT, 99, 36));
    }

    proptest! {
        #[test]
        fn a_knob_never_leaves_its_bounds_nor_outruns_its_slew(
            (min, max, start, slew) in any::<(u32, u32, u32, u32)>(), wanted in proptest::collection::vec(any::<u32>(), 1..50)
        ) {
            let mut knob = Knob::new(KnobName::BatchSize, min, max, start, slew);
            for wanted in wanted {
                let from = u64::from(knob.value());
                knob.propose(Instant::ZERO, wanted, Reason::Rate);
                let (to, slew) = (u64::from(knob.value()), u64::from(slew.max(2)));
                prop_assert!(to >= u64::from(min) && to <= u64::from(max.max(min)));
                prop_assert!(to <= (from * slew).max(from + 1) && to >= from / slew);
            }
        }
    }
}
