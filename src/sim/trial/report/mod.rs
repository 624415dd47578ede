//! The suite as a page a person can read, and its pictures: one file, no scripts, light and dark.

mod columns;
mod page;
mod picture;
pub mod plot;
mod scale;
mod style;

pub use page::page;
pub use picture::figure;

use crate::sim::trial::{
    figures::{State, Verdict},
    file::Scenario,
    table::Done,
};

/// One scenario with what came of it.
#[derive(Debug, Clone)]
pub struct Chapter {
    pub scenario: Scenario,
    pub done: Vec<Done>,
}

impl Chapter {
    pub fn verdicts(&self) -> impl Iterator<Item = Verdict> {
        self.done.iter().flat_map(|(case, outcome)| outcome.judge(case))
    }

    /// Pictures that have a name, with it.
    pub fn pictures(&self) -> impl Iterator<Item = (&str, plot::Figure)> {
        let named = self.done.iter().filter_map(|done| Some((done.0.picture.as_deref()?, done)));
        named.filter_map(|(name, (case, outcome))| Some((name, figure(&self.scenario, case, outcome)?)))
    }
}

/// How many bands hold, fall short as is known, and are broken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub holds: usize,
    pub short: usize,
    pub broken: usize,
}

impl Tally {
    pub fn of(verdicts: impl Iterator<Item = Verdict>) -> Self {
        verdicts.fold(Self::default(), |mut tally, verdict| {
            match verdict.state {
                State::Holds => tally.holds += 1,
                State::Short { .. } => tally.short += 1,
                State::Broken => tally.broken += 1,
            }
            tally
        })
    }

    pub fn all(self) -> usize {
        self.holds + self.short + self.broken
    }
}
