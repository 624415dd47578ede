//! The figures of a table, column by column: what they are called, where they come from and what was wanted of them.

use crate::sim::trial::{
    case::{Band, Expect},
    figures::{Figures, Spread},
};

#[derive(Clone, Copy)]
pub struct Column {
    pub title: &'static str,
    /// What the verdicts on the median and on the worst seed are called.
    pub names: [&'static str; 2],
    pub figure: fn(&Figures) -> f64,
    pub more_is_better: bool,
    pub form: Form,
    /// Bands for the median and the worst seed.
    pub bands: fn(&Expect) -> [&Option<Band>; 2],
    /// Shown although nothing is expected of it.
    pub is_always: bool,
    /// Neither more nor less of it is better, so no seed is the worst.
    pub is_neutral: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Percent,
    Times,
    Whole,
    Tenths,
}

impl Form {
    pub fn write(self, value: f64) -> String {
        match self {
            _ if !value.is_finite() => "never".to_owned(),
            Self::Percent => format!("{:.1} %", 100.0 * value),
            Self::Times => format!("{value:.2}"),
            Self::Whole => format!("{value:.0}"),
            Self::Tenths => format!("{value:.1}"),
        }
    }
}

impl Column {
    pub fn spread(&self, runs: &[Figures]) -> Spread {
        let values = runs.iter().map(self.figure);
        if self.more_is_better { Spread::of_good(values) } else { Spread::of_bad(values) }
    }

    pub fn is_shown(&self, expect: &Expect) -> bool {
        self.is_always || (self.bands)(expect).iter().any(|band| band.is_some())
    }

    /// `≥ 95 % [≥ 90 %]`.
    pub fn wanted(&self, expect: &Expect) -> String {
        let sign = if self.more_is_better { '≥' } else { '≤' };
        let write = |band: &Option<Band>| Some(format!("{sign} {}", self.form.write(band.as_ref()?.goal)));
        let [median, worst] = (self.bands)(expect).map(write);
        match (median, worst) {
            (median, Some(worst)) => format!("{} [{worst}]", median.unwrap_or_default()).trim_start().to_owned(),
            (median, None) => median.unwrap_or_default(),
        }
    }
}

const NONE: Option<Band> = None;

const fn column(
    title: &'static str,
    names: [&'static str; 2],
    figure: fn(&Figures) -> f64,
    form: Form,
    bands: fn(&Expect) -> [&Option<Band>; 2],
) -> Column {
    Column { title, names, figure, more_is_better: false, form, bands, is_always: false, is_neutral: false }
}

pub const COLUMNS: [Column; 13] = [
    Column {
        more_is_better: true,
        is_always: true,
        ..column(
            "in time, of oracle",
            ["goodput", "goodput, worst seed"],
            |run| run.goodput,
            Form::Percent,
            |expect| [&expect.goodput, &expect.goodput_worst],
        )
    },
    Column {
        more_is_better: true,
        is_always: true,
        ..column(
            "in time, of capacity",
            ["throughput", "throughput, worst seed"],
            |run| run.throughput,
            Form::Percent,
            |expect| [&expect.throughput, &expect.throughput_worst],
        )
    },
    Column {
        more_is_better: true,
        ..column(
            "worst-off sidecar",
            ["", "fairness, worst seed"],
            |run| run.fairness,
            Form::Percent,
            |expect| [&NONE, &expect.fairness],
        )
    },
    Column {
        is_always: true,
        ..column("wasted work", ["wasted", ""], |run| run.wasted, Form::Percent, |expect| [&expect.wasted, &NONE])
    },
    Column {
        is_always: true,
        ..column(
            "response, × service",
            ["response", ""],
            |run| run.response,
            Form::Times,
            |expect| [&expect.response, &NONE],
        )
    },
    column(
        "settled, s",
        ["settled, s", "settled, s, worst seed"],
        |run| run.settled_s,
        Form::Whole,
        |expect| [&expect.settled, &expect.settled_worst],
    ),
    column("cold start, s", ["cold start, s", ""], |run| run.cold_s, Form::Whole, |expect| [&expect.cold, &NONE]),
    column(
        "model right after, batches",
        ["model settled, batches", ""],
        |run| run.model_batches,
        Form::Whole,
        |expect| [&expect.model_batches, &NONE],
    ),
    Column {
        is_always: true,
        is_neutral: true,
        ..column("limit", ["limit", ""], |run| run.limit, Form::Whole, |expect| [&expect.limit_most, &NONE])
    },
    column(
        "hard pauses a minute",
        ["", "hard pauses, worst seed"],
        |run| run.hard_pauses,
        Form::Tenths,
        |expect| [&NONE, &expect.hard_pauses],
    ),
    column(
        "read twice",
        ["", "refetched, worst seed"],
        |run| run.refetched,
        Form::Percent,
        |expect| [&NONE, &expect.refetched],
    ),
    column(
        "starved at the gate",
        ["", "starved at the gate, worst seed"],
        |run| run.starved,
        Form::Percent,
        |expect| [&NONE, &expect.starved],
    ),
    column(
        "false drops",
        ["false drops", ""],
        |run| run.false_drops,
        Form::Percent,
        |expect| [&expect.false_drops, &NONE],
    ),
];
