//! Every parser of what others write, on bytes made from good examples by breaking them: nothing panics, and what is
//! accepted means what it says.
//!
//! `FUZZ_SECONDS` is the time for each target (one second unless it is said: minutes together in CI, hours on demand), two
//! of them at a time; `FUZZ_SEED` the first state of the dice, `FUZZ_TARGET` a single target. An input that breaks
//! something is written to a file, and `FUZZ_INPUT` with that file runs it again alone.

mod files;
mod records;
mod strangers;
mod targets;
mod worker;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Mutex,
    time::{Duration, Instant},
};

use sluicegate::{config::table, store::Store};
use targets::TARGETS;

/// Targets that are run at the same time.
const AT_ONCE: usize = 2;

/// A parser: good examples to begin with, pieces to put in, and what has to hold.
struct Target {
    name: &'static str,
    examples: &'static [&'static str],
    words: &'static [&'static str],
    run: fn(&[u8]),
}

/// A place for this process's files.
fn scratch(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("sluicegate-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir.join(name)
}

/// Breaks an input in a few places.
fn mutate(dice: &mut fastrand::Rng, target: &Target, input: &mut Vec<u8>) {
    for _ in 0..dice.usize(1..6) {
        let at = dice.usize(0..=input.len());
        match dice.u8(0..8) {
            0 if at < input.len() => input[at] ^= 1 << dice.u8(0..8),
            1 if at < input.len() => input[at] = *dice.choice(b"\0\x01\x7f\x80\xff\r\n\"\\{}[],:;-+.09 ").unwrap(),
            2 => input.insert(at, dice.u8(..)),
            3 if at < input.len() => drop(input.remove(at)),
            4 => input.truncate(at),
            5 => {
                let end = (at + dice.usize(0..16)).min(input.len());
                let piece = input[at..end].to_vec();
                let to = dice.usize(0..=input.len());
                input.splice(to..to, piece);
            }
            6 => {
                let other = dice.choice(target.examples).unwrap().as_bytes();
                let from = dice.usize(0..=other.len());
                input.splice(at.., other[from..].iter().copied());
            }
            _ => {
                let word = dice.choice(target.words).unwrap();
                input.splice(at..at, word.bytes());
            }
        }
    }
    input.truncate(8192);
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Runs one input; a panic is reported with the input in a file.
fn try_one(target: &Target, input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_err() {
        let path = scratch(&format!("{}.input", target.name));
        std::fs::write(&path, input).unwrap();
        let kafka = if cfg!(feature = "kafka") { " --features kafka" } else { "" };
        panic!(
            "{} fails on {:?}\nagain: FUZZ_TARGET={} FUZZ_INPUT={} cargo test --no-default-features{kafka} --test fuzz",
            target.name,
            String::from_utf8_lossy(input),
            target.name,
            path.display(),
        );
    }
}

fn fuzz(target: &Target, time: Duration, seed: u64) {
    target.examples.iter().for_each(|example| try_one(target, example.as_bytes()));
    let (mut dice, until, mut runs) = (fastrand::Rng::with_seed(seed), Instant::now() + time, 0_u64);
    while Instant::now() < until {
        let mut input = dice.choice(target.examples).unwrap().as_bytes().to_vec();
        mutate(&mut dice, target, &mut input);
        try_one(target, &input);
        runs += 1;
    }
    assert!(runs > 0, "{} was not run", target.name);
    println!("{}: {runs} inputs in {time:?}, seed {seed}", target.name);
}

#[test]
fn no_parser_breaks_whatever_it_is_given() {
    let (time, seed) = (Duration::from_secs(number("FUZZ_SECONDS", 1)), number("FUZZ_SEED", 1));
    let only = std::env::var("FUZZ_TARGET").ok();
    let chosen: Vec<&Target> = TARGETS.iter().filter(|t| only.as_ref().is_none_or(|only| only == t.name)).collect();
    assert!(!chosen.is_empty(), "there is no such target");
    if let Some(path) = std::env::var_os("FUZZ_INPUT") {
        let input = std::fs::read(path).unwrap();
        chosen.into_iter().for_each(|target| try_one(target, &input));
        return;
    }
    let left = Mutex::new(chosen.into_iter());
    let next = || left.lock().unwrap().next();
    let work = || std::iter::from_fn(next).for_each(|target| fuzz(target, time, seed));
    std::thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    let _ = std::fs::remove_dir_all(scratch(""));
}

#[test]
fn what_learned_state_is_broken_from_is_taken_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path(), "http://127.0.0.1:8000/");
    let target = TARGETS.iter().find(|target| target.name == "learned_state").unwrap();
    std::fs::write(store.path(), target.examples[0]).unwrap();
    assert_eq!(store.load().unwrap().unwrap().fit(1_764_000_000_001), Ok(()));
}

#[test]
fn every_flag_is_among_those_that_are_broken() {
    // The names in the examples are names of the table, or the target would test nothing.
    let target = TARGETS.iter().find(|target| target.name == "flags").unwrap();
    for line in target.examples.iter().flat_map(|example| example.lines()) {
        let name = line.split('=').next().unwrap();
        assert!(table::find(name).is_some() || name.starts_with(table::PASS_THROUGH), "{name}");
    }
}
