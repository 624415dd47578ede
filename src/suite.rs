//! `sluicegate simulate --suite`: every trial of a folder on all processors, a table, and a page with pictures.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use crate::{
    say::{complain, print},
    sim::trial::{
        file,
        report::{self, Chapter},
        suite::{Each, Effort, outcome},
        table,
    },
};

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub folder: PathBuf,
    /// Only scenarios and cases whose name has this in it.
    pub only: Option<String>,
    pub seeds: u64,
    /// Seeds of each rival; zero for the product alone.
    pub rival_seeds: u64,
    pub html: Option<PathBuf>,
}

/// Seeds over which the best static setting is looked for.
const SEARCH_SEEDS: u64 = 2;

/// Runs it all. Fails when a band is missed.
pub fn run(wanted: &Wanted) -> ExitCode {
    match try_run(wanted) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn try_run(wanted: &Wanted) -> Result<bool, String> {
    let effort = Effort {
        seeds: wanted.seeds.max(1),
        rival_seeds: wanted.rival_seeds,
        search_seeds: wanted.rival_seeds.min(SEARCH_SEEDS),
    };
    let pool = Threads(thread::available_parallelism().map_or(1, usize::from));
    let mut chapters = Vec::new();
    for mut scenario in file::load(&wanted.folder)? {
        keep(&mut scenario, wanted.only.as_deref());
        if scenario.cases.is_empty() {
            continue;
        }
        let done: Vec<table::Done> =
            scenario.cases.iter().map(|case| (case.clone(), outcome(case, &effort, &pool))).collect();
        print(&table::scenario(&scenario, &done));
        chapters.push(Chapter { scenario, done });
    }
    if chapters.is_empty() {
        return Err(format!("{}: no case fits", wanted.folder.display()));
    }
    if let Some(path) = &wanted.html {
        write(path, &report::page(&chapters, &effort))?;
    }
    let short = chapters.iter().flat_map(Chapter::verdicts).filter(|verdict| !verdict.holds).count();
    let all = chapters.iter().flat_map(Chapter::verdicts).count();
    print(&format!("{} of {all} bands hold, {} seeds\n", all - short, effort.seeds));
    Ok(short == 0)
}

fn keep(scenario: &mut file::Scenario, only: Option<&str>) {
    let Some(only) = only.filter(|only| !scenario.title.contains(*only)) else { return };
    scenario.cases.retain(|case| case.name.contains(only));
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Spreads runs over so many threads.
struct Threads(usize);

impl Each for Threads {
    fn each<T: Send, F: Fn(u64) -> T + Sync>(&self, count: u64, f: F) -> Vec<T> {
        let (next, found) = (AtomicU64::new(0), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for _ in 0..self.0 {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= count {
                            return;
                        }
                        let result = f(number);
                        found.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
                    }
                });
            }
        });
        let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_by_key(|(number, _)| *number);
        found.into_iter().map(|(_, result)| result).collect()
    }
}
