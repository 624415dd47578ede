//! The sidecar against its floor, on a real Apache Kafka. docs/BENCHMARKS.md tells what is measured and how to read it.
//!
//! `cargo bench --no-default-features --features kafka --bench throughput -- --help`
//!
//! Everything that is measured is a process of its own: the broker, the worker, and the floor or the sidecar. Worker and
//! floor are this same binary, started again with another sub-command. No figure is asserted.

#[path = "../../tests/support/kafka/mod.rs"]
mod kafka;

mod args;
mod broker;
mod floor;
mod modes;
mod process;
mod run;
mod table;
mod topic;
mod worker;

use std::{error::Error, process::ExitCode};

/// Errors are for the person at the terminal.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    match args::parse() {
        args::Job::Nothing => {
            println!("the benchmark runs with `cargo bench`: docs/BENCHMARKS.md");
            ExitCode::SUCCESS
        }
        args::Job::Floor(settings) => finish(floor::run(&settings)),
        args::Job::Worker(settings) => finish(worker::run(&settings)),
        args::Job::Bench(options) => finish(modes::run(&options)),
    }
}

fn finish(outcome: Outcome<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("throughput: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Microseconds since the Unix epoch: the one clock that the producer and the worker share.
#[allow(clippy::disallowed_methods)]
pub fn wall_us() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
