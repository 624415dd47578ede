//! What control may do: which thresholds, between which bounds, and what it may give up.

/// `ADAPTIVE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Adaptive {
    /// The flags are taken literally. Nothing is computed.
    Off,
    /// Everything is computed and told, nothing applied.
    Shadow,
    On,
}

impl Adaptive {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Shadow => "shadow",
            Self::On => "on",
        }
    }
}

/// `TTL_MODE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TtlMode {
    /// A record is given up when its deadline has passed.
    Expired,
    /// Also when no batch could finish it in time; and one that would probably be late is passed over.
    Predictive,
}

/// `QUEUE_ORDER`. Only where `ORDERING=none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueOrder {
    Fifo,
    /// The earliest deadline first; records without one last, in order of arrival.
    Deadline,
    /// In order of deadlines while keeping up, the newest first in deep overload.
    Auto,
}

/// A knob's start and how far it may go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range<T> {
    pub start: T,
    pub min: T,
    pub max: T,
}

impl<T: Copy> Range<T> {
    /// A knob that somebody has set.
    pub const fn pinned(value: T) -> Self {
        Self { start: value, min: value, max: value }
    }

    pub const fn new(start: T, min: T, max: T) -> Self {
        Self { start, min, max }
    }
}

/// Validated by `config`: every start lies within its bounds, and the pause's bounds above the resume's.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlSettings {
    pub adaptive: Adaptive,
    pub ttl_mode: TtlMode,
    pub queue_order: QueueOrder,
    /// Batches in flight.
    pub concurrency: Range<u32>,
    /// Records per batch.
    pub batch_records: Range<u32>,
    pub linger_ms: Range<u32>,
    /// Percent of the queue's bound.
    pub pause_pct: Range<f64>,
    pub resume_pct: Range<f64>,
}

impl ControlSettings {
    /// Where a batch size that nobody has set begins: a heavy model must not get a large first batch.
    pub const BATCH_START: u32 = 1;

    /// `ADAPTIVE=off`
    pub fn off() -> Self {
        Self { adaptive: Adaptive::Off, ..Self::default() }
    }

    /// Whether records may be passed over or given up before their deadline.
    pub fn is_predictive(&self) -> bool {
        self.adaptive == Adaptive::On && self.ttl_mode == TtlMode::Predictive
    }
}

/// The compiled defaults, with everything left to be tuned.
impl Default for ControlSettings {
    fn default() -> Self {
        Self {
            adaptive: Adaptive::On,
            ttl_mode: TtlMode::Expired,
            queue_order: QueueOrder::Fifo,
            concurrency: Range::new(2, 1, 64),
            batch_records: Range::new(Self::BATCH_START, 1, 256),
            linger_ms: Range::new(25, 0, 250),
            pause_pct: Range::new(80.0, 50.0, 95.0),
            resume_pct: Range::new(50.0, 10.0, 80.0),
        }
    }
}
