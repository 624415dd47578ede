//! The suite as a page a person can read, and its pictures: one file, no scripts, light and dark.

mod columns;
mod page;
mod picture;
pub mod plot;
mod scale;
mod style;

pub use page::page;
pub use picture::figure;

use crate::sim::trial::{figures::Verdict, file::Scenario, table::Done};

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
