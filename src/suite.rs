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
        figures::Tally,
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
    pub first_seed: u64,
    pub seeds: u64,
    /// Seeds of each rival; zero for the product alone.
    pub rival_seeds: u64,
    pub html: Option<PathBuf>,
    /// Where the pictures that have a name are written to.
    pub pictures: Option<PathBuf>,
}

/// Seeds over which the best static setting is looked for.
const SEARCH_SEEDS: u64 = 2;

/// Runs it all. Fails when a band is missed that was not known to be.
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
        first_seed: wanted.first_seed,
        seeds: wanted.seeds.max(1),
        rival_seeds: wanted.rival_seeds,
        search_seeds: wanted.rival_seeds.min(SEARCH_SEEDS),
        pictures: wanted.html.is_some() || wanted.pictures.is_some(),
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
        write(path, &report::page(&chapters, &effort, &wanted.command()))?;
    }
    if let Some(folder) = &wanted.pictures {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for (name, picture) in chapters.iter().flat_map(Chapter::pictures) {
            write(&folder.join(format!("{name}.svg")), &picture.alone())?;
        }
    }
    let tally = Tally::of(chapters.iter().flat_map(Chapter::verdicts));
    let Tally { holds, short, broken } = tally;
    let all = tally.all();
    print(&format!("{holds} of {all} bands hold, {short} known shortfalls, {broken} broken; {} seeds\n", effort.seeds));
    Ok(broken == 0)
}

impl Wanted {
    /// The command this is.
    fn command(&self) -> String {
        let only = self.only.as_ref().map_or_else(String::new, |only| format!(" --only '{only}'"));
        let (first, seeds, rivals) = (self.first_seed, self.seeds, self.rival_seeds);
        format!("sluicegate simulate --suite{only} --seed {first} --seeds {seeds} --rival-seeds {rivals}")
    }
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
