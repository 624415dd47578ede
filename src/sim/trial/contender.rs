//! Who is compared: the product, the product's flags taken literally, and the product with another's law or rule.

use std::time::Duration;

use crate::{
    control::{
        Policies,
        batch_policy::BestRate,
        limit::Law,
        settings::{ControlSettings, QueueOrder, Range, TtlMode},
    },
    engine::settings::EngineSettings,
    sim::trial::{
        baseline::{Aimd, Clipper, Fixed, Gradient2, Nexus, Vector, Vegas},
        case::Case,
        seen::Seen,
        worker, world,
    },
};

/// One way to set the thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    Product,
    /// `ADAPTIVE=off` with the largest batch and the most workers that the case allows: what plain TTL makes of it.
    PlainTtl,
    /// `ADAPTIVE=off` with these.
    Static {
        concurrency: u32,
        batch_records: u32,
        linger_ms: u32,
    },
    /// The product with this concurrency law.
    Law(LawName),
    /// The product with this batch rule.
    Rule(RuleName),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LawName {
    Fixed16,
    Aimd,
    Vegas,
    Gradient2,
    Vector,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleName {
    Clipper,
    Nexus,
}

impl Contender {
    pub const LAWS: [Self; 5] = [
        Self::Law(LawName::Fixed16),
        Self::Law(LawName::Aimd),
        Self::Law(LawName::Vegas),
        Self::Law(LawName::Gradient2),
        Self::Law(LawName::Vector),
    ];
    pub const RULES: [Self; 2] = [Self::Rule(RuleName::Clipper), Self::Rule(RuleName::Nexus)];

    pub fn name(self) -> String {
        match self {
            Self::Product => "sluicegate".to_owned(),
            Self::PlainTtl => "plain TTL".to_owned(),
            Self::Static { concurrency, batch_records, linger_ms } => {
                format!("static {concurrency}×{batch_records}, {linger_ms} ms")
            }
            Self::Law(LawName::Fixed16) => "fixed 16".to_owned(),
            Self::Law(LawName::Aimd) => "AIMD".to_owned(),
            Self::Law(LawName::Vegas) => "Vegas".to_owned(),
            Self::Law(LawName::Gradient2) => "Gradient2".to_owned(),
            Self::Law(LawName::Vector) => "Vector".to_owned(),
            Self::Rule(RuleName::Clipper) => "Clipper".to_owned(),
            Self::Rule(RuleName::Nexus) => "Nexus".to_owned(),
        }
    }

    /// Every static setting worth trying within the case's bounds.
    pub fn statics(case: &Case) -> Vec<Self> {
        let within = |range: Option<[u32; 2]>, tried: &[u32], most: u32| -> Vec<u32> {
            let [low, high] = range.unwrap_or([1, most]);
            let mut found: Vec<u32> = tried.iter().copied().filter(|value| (low..=high).contains(value)).collect();
            if !found.contains(&high) {
                found.push(high);
            }
            found
        };
        let workers = within(case.tune.queue_workers, &[1, 2, 4, 8, 16, 32, 64], 64);
        let batches = within(case.tune.batch_size, &[1, 4, 16, 64, 256], case.batch_max());
        let mut all = Vec::new();
        for &concurrency in &workers {
            for &batch_records in &batches {
                all.extend([0, 25].map(|linger_ms| Self::Static { concurrency, batch_records, linger_ms }));
            }
        }
        all
    }

    /// Runs it.
    pub fn run(self, case: &Case, seed: u64) -> Seen {
        world::run(case, &self.settings(case), || self.policies(case), seed)
    }

    /// The engine's settings for it.
    pub fn settings(self, case: &Case) -> EngineSettings {
        let tuned = tuned(case);
        let most = (tuned.control.concurrency.max, tuned.control.batch_records.max);
        let literal = |concurrency, batch_records, linger_ms: u32| EngineSettings {
            concurrency,
            batch_records_max: batch_records,
            linger: Duration::from_millis(linger_ms.into()),
            control: ControlSettings {
                queue_order: QueueOrder::Fifo,
                ttl_mode: TtlMode::Expired,
                ..ControlSettings::off()
            },
            ..tuned.clone()
        };
        match self {
            Self::Product | Self::Law(_) | Self::Rule(_) => tuned,
            Self::PlainTtl => literal(most.0.min(2), most.1.min(32), 25),
            Self::Static { concurrency, batch_records, linger_ms } => literal(concurrency, batch_records, linger_ms),
        }
    }

    fn policies(self, case: &Case) -> Option<Policies> {
        let with_law = |law: Box<dyn Law>| Some(Policies { law, batch: Box::new(BestRate) });
        let own = || Policies::new(&tuned(case).control);
        match self {
            Self::Product | Self::PlainTtl | Self::Static { .. } => None,
            Self::Law(LawName::Fixed16) => with_law(Box::new(Fixed(16))),
            Self::Law(LawName::Aimd) => with_law(Box::new(Aimd::new(2.0 * service_s(case)))),
            Self::Law(LawName::Vegas) => with_law(Box::<Vegas>::default()),
            Self::Law(LawName::Gradient2) => with_law(Box::<Gradient2>::default()),
            Self::Law(LawName::Vector) => with_law(Box::<Vector>::default()),
            Self::Rule(RuleName::Clipper) => {
                Some(Policies { batch: Box::new(Clipper::new(0.5 * case.workload.life[0])), ..own() })
            }
            Self::Rule(RuleName::Nexus) => {
                Some(Policies { batch: Box::new(Nexus::new(case.workload.life[0])), ..own() })
            }
        }
    }
}

/// Mean seconds of a batch of one, for laws that have to be told.
fn service_s(case: &Case) -> f64 {
    worker::batch_s(&case.worker, 0.0, 1, case.mean_bytes() as u64)
}

/// The defaults with what the case tunes.
fn tuned(case: &Case) -> EngineSettings {
    let tune = &case.tune;
    let defaults = EngineSettings::default();
    let mut control = ControlSettings::default();
    if let Some([min, max]) = tune.queue_workers {
        control.concurrency = Range::new(control.concurrency.start.clamp(min, max), min, max);
    }
    if let Some([min, max]) = tune.batch_size {
        control.batch_records = Range::new(control.batch_records.start.clamp(min, max), min, max);
    }
    if tune.ttl_mode.as_deref() == Some("predictive") {
        control.ttl_mode = TtlMode::Predictive;
    }
    control.queue_order = match tune.queue_order.as_deref() {
        Some("auto") => QueueOrder::Auto,
        Some("deadline") => QueueOrder::Deadline,
        _ => QueueOrder::Fifo,
    };
    EngineSettings {
        queue_records_max: tune.queue_maxsize.or(defaults.queue_records_max),
        inference_timeout: tune.inference_timeout.map_or(defaults.inference_timeout, Duration::from_secs_f64),
        control,
        ..defaults
    }
}
