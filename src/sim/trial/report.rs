//! The suite as a page: a table and pictures a person can read, in one file without scripts.

use std::fmt::Write;

use crate::sim::trial::{
    figures::Verdict,
    file::Scenario,
    suite::Effort,
    table::{self, Done},
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
}

/// The page.
pub fn page(chapters: &[Chapter], _effort: &Effort) -> String {
    let mut text = String::new();
    for chapter in chapters {
        let _ = writeln!(text, "{}", table::scenario(&chapter.scenario, &chapter.done));
    }
    text
}
