//! One case: what arrives, what the worker is like, what may be tuned, what is expected. Plain data, read from a file.

use std::collections::BTreeMap;

/// Everything about a case. Seconds, unless the name says otherwise.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Case {
    pub name: String,
    /// One sentence: what this is to show.
    pub why: String,
    /// The name of the file of its picture in the documentation, if it has one.
    pub picture: Option<String>,
    /// Sidecars that share the worker; each has partitions and control of its own. Zero is one.
    pub sidecars: u32,
    pub seconds: f64,
    /// Left out of rates and means.
    pub warm_up: f64,
    /// Where settling is counted from.
    pub step_at: f64,
    pub workload: Workload,
    pub worker: WorkerCase,
    pub tune: Tune,
    pub faults: Vec<Fault>,
    pub compare: Compare,
    pub expect: Expect,
}

/// Who is run beside the product, for the table.
#[derive(Debug, Clone, Copy, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Compare {
    /// The known concurrency laws.
    pub laws: bool,
    /// The known batch rules, and plain TTL.
    pub rules: bool,
}

impl Case {
    /// How many sidecars there are.
    pub fn members(&self) -> usize {
        self.sidecars.max(1) as usize
    }

    /// The largest batch that may be tried.
    pub fn batch_max(&self) -> u32 {
        self.tune.batch_size.map_or(256, |[_, max]| max).min(self.tune.queue_maxsize.unwrap_or(u32::MAX))
    }

    /// Seconds until the run ends: nothing arrives after `seconds`, and what has arrived may still be done in time.
    pub fn ends_s(&self) -> f64 {
        self.seconds + self.workload.life[1].min(LAST_S)
    }

    /// Mean bytes of a record's value.
    pub fn mean_bytes(&self) -> f64 {
        let Workload { bytes: [least, most], large, large_times, .. } = self.workload;
        f64::from(least + most) / 2.0 * (1.0 + large * f64::from(large_times.saturating_sub(1)))
    }
}

/// The longest a run goes on for what arrived last, seconds.
const LAST_S: f64 = 5.0;

/// What arrives.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Workload {
    /// Arrivals as a share of what the worker can do at best at the start.
    pub load: f64,
    /// Records that are there from the beginning, beside the arrivals.
    pub backlog: u32,
    /// The time to live of a record, evenly spread in logarithms between the two. Zero: no deadline.
    pub life: [f64; 2],
    /// Shares without a deadline, and already past it on arrival.
    pub undated: f64,
    pub stale: f64,
    /// Bytes of a record, evenly spread; and the share of large ones, so many times as large.
    pub bytes: [u32; 2],
    pub large: f64,
    pub large_times: u32,
    /// For `burst_for` of every `burst_every` the rate is `burst_times` as high, and lower in between.
    pub burst_every: f64,
    pub burst_for: f64,
    pub burst_times: f64,
    pub partitions: u32,
}

impl Default for Workload {
    fn default() -> Self {
        Self {
            load: 0.0,
            backlog: 0,
            life: [0.0, 0.0],
            undated: 0.0,
            stale: 0.0,
            bytes: [1000, 1000],
            large: 0.0,
            large_times: 100,
            burst_every: 0.0,
            burst_for: 0.0,
            burst_times: 1.0,
            partitions: 4,
        }
    }
}

/// What the worker is like. A batch of `b` records takes `alpha + beta·b`, and `gamma` for each KiB, times its noise.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkerCase {
    pub alpha: f64,
    pub beta: f64,
    pub gamma: f64,
    /// Coefficient of variation of a batch's time; log-normal.
    pub cv: f64,
    /// Batches it works on at once; the others wait inside of it, first come first served.
    pub servers: u32,
    /// The batches inside share one engine: each takes longer by the share of the others' records.
    pub internal: bool,
    /// Batches are padded to the next of these sizes.
    pub padding: Vec<u32>,
    /// Answers 429 beyond so many batches inside, with this Retry-After.
    pub refuses_above: Option<u32>,
    pub retry_after: Option<f64>,
    /// Bytes it takes in one request; more is answered with 413.
    pub bytes_max: Option<u64>,
    /// Tells its capacity in `x-capacity`.
    pub tells_capacity: bool,
    /// Changes over time.
    pub steps: Vec<Step>,
    /// Slowness rises evenly from one to this over the run.
    pub drift: f64,
    /// Slowness swings by this share either way, with this period.
    pub swing: f64,
    pub swing_period: f64,
}

impl Default for WorkerCase {
    fn default() -> Self {
        Self {
            alpha: 0.02,
            beta: 0.005,
            gamma: 0.0,
            cv: 0.2,
            servers: 1,
            internal: false,
            padding: Vec::new(),
            refuses_above: None,
            retry_after: None,
            bytes_max: None,
            tells_capacity: false,
            steps: Vec::new(),
            drift: 1.0,
            swing: 0.0,
            swing_period: 300.0,
        }
    }
}

/// From `at` on the worker is so many times as slow, has so many servers, or another fixed cost for a batch.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub at: f64,
    pub slow: Option<f64>,
    pub servers: Option<u32>,
    pub alpha: Option<f64>,
}

/// What goes wrong, and when.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    pub at: f64,
    /// Zero for a moment.
    #[serde(default)]
    pub lasts: f64,
    pub kind: FaultKind,
    /// Again after each period, if there is one.
    #[serde(default)]
    pub every: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Connections are refused; what was inside is lost.
    Away,
    /// No answers.
    Hang,
    /// 503
    Busy,
    /// Half of the partitions go and come back.
    Rebalance,
}

/// What may be tuned, by the flags' names in lower case; what is not named is left alone.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tune {
    pub ttl_mode: Option<String>,
    pub queue_order: Option<String>,
    pub queue_maxsize: Option<u32>,
    pub queue_workers: Option<[u32; 2]>,
    pub batch_size: Option<[u32; 2]>,
    pub inference_timeout: Option<f64>,
}

/// What a figure should be: a number, or a goal that is known to be missed, with what holds instead and why.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(try_from = "Written")]
pub struct Band {
    pub goal: f64,
    pub known: Option<Known>,
}

/// A known shortfall.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    pub holds: f64,
    pub why: String,
}

impl Band {
    pub fn goal(goal: f64) -> Self {
        Self { goal, known: None }
    }
}

#[derive(serde::Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Written {
    Goal(f64),
    Short { goal: f64, holds: f64, why: String },
}

impl TryFrom<Written> for Band {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written::Goal(goal) => Ok(Self::goal(goal)),
            Written::Short { why, .. } if why.is_empty() => Err("a shortfall needs its why"),
            Written::Short { goal, holds, why } => Ok(Self { goal, known: Some(Known { holds, why }) }),
        }
    }
}

/// Bands over the seeds. What is not named is not judged.
#[derive(Debug, Clone, Default, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// Goodput as a share of what could have been reached: median and worst seed.
    pub goodput: Option<Band>,
    pub goodput_worst: Option<Band>,
    /// Records done as a share of those possible after the warm-up: median and worst seed.
    pub throughput: Option<Band>,
    pub throughput_worst: Option<Band>,
    /// What the worst-off of several sidecars has in time, as a share of an equal share, worst seed.
    pub fairness: Option<Band>,
    /// The share of the worker's time spent on what was late or failed.
    pub wasted: Option<Band>,
    /// Mean response time in service times, at most.
    pub response: Option<Band>,
    /// Seconds until it has settled: median, and worst seed.
    pub settled: Option<Band>,
    pub settled_worst: Option<Band>,
    /// Seconds until 90 % of the steady goodput.
    pub cold: Option<Band>,
    /// Batches after the step until the batch-time model is within 15 % again.
    pub model_batches: Option<Band>,
    /// Median limit between these.
    pub limit_least: Option<Band>,
    pub limit_most: Option<Band>,
    /// Hard pauses per partition and minute, worst seed.
    pub hard_pauses: Option<Band>,
    /// Refetched bytes as a share of those read, worst seed.
    pub refetched: Option<Band>,
    /// The share of time in which the gate was shut while the worker starved, worst seed.
    pub starved: Option<Band>,
    /// False predicted drops as a share of the offered.
    pub false_drops: Option<Band>,
    /// Records in time in relation to the best static setting's and to plain TTL's.
    pub of_static: Option<Band>,
    pub of_plain: Option<Band>,
    /// A reason that has to be among those of the decisions, and in what share of the runs; half if that is not said.
    pub reason: Option<String>,
    pub reason_runs: Option<Band>,
}

/// A file: a sentence, and cells that differ from what they share.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub struct Sheet {
    pub title: String,
    pub why: String,
    pub all: BTreeMap<String, serde_json::Value>,
    pub cell: Vec<BTreeMap<String, serde_json::Value>>,
}
