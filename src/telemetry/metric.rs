//! What one entry of the table in [`names`](crate::telemetry::names) says. Plain data; it records nothing.

/// One metric: everything there is to know about it before it has a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub unit: Unit,
    pub origin: Origin,
    pub labels: &'static [Label],
    /// For people, in `# HELP` and in docs/METRICS.md.
    pub help: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    /// As in a `# TYPE` line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Base units only, as Prometheus wants them; the name ends in them (before `_total`, or before `_max`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Records,
    Batches,
    Partitions,
    Bytes,
    Seconds,
    /// 0 to 1.
    Ratio,
    /// 0 or 1; with a label, one series per state and 1 for the one that holds.
    State,
    /// Always 1; its labels are the information.
    Info,
    /// In the unit of the knob that the label names.
    Knob,
    /// Counters of things that happen; the name says which.
    Events,
}

impl Unit {
    /// What a name of this unit ends in.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Records => "_records",
            Self::Batches => "_batches",
            Self::Partitions => "_partitions",
            Self::Bytes => "_bytes",
            Self::Seconds => "_seconds",
            Self::Ratio => "_ratio",
            Self::State => "_state",
            Self::Info => "_info",
            Self::Knob => "_knob",
            Self::Events => "",
        }
    }
}

/// Where the value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Added up as things happen.
    Facts,
    /// Read from the engine at the moment of the scrape, so that nothing stale is shown: the series of a partition that
    /// was given back are gone, and while the engine does not answer there are none.
    Snapshot,
    /// Known without the engine.
    Process,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    pub name: &'static str,
    /// Every value it can have; empty when the set is open. Counters of a closed set are there from the start, at 0.
    pub values: &'static [&'static str],
}

/// Bucket bounds in seconds: from an instant worker to a minute.
const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0];
const RECORDS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];
const BYTES: &[f64] = &[256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0];

impl Metric {
    /// Upper bounds of the histogram's buckets, ascending, without +Inf.
    pub const fn buckets(&self) -> &'static [f64] {
        match self.unit {
            Unit::Records => RECORDS,
            Unit::Bytes => BYTES,
            _ => SECONDS,
        }
    }
}
