//! Whether the thresholds that tune themselves are worth having: the sidecar with `ADAPTIVE=on` against five static
//! settings, on a real Apache Kafka, before a real HTTP worker that becomes ten times slower and quick again.
//! docs/CONTROL.md shows the figures.
//!
//! `cargo bench --no-default-features --features kafka --bench reality [-- --seconds 60 --rounds 1 --svg FILE]`
//!
//! Records come at an even rate with a deadline each. The worker takes `alpha + beta·b` for a batch of b, two batches at
//! a time, and alpha steps from 20 to 200 and back to 20 ms. Goodput is what the worker finished before its deadline,
//! by the worker's own book. No figure is asserted.

#[path = "../../tests/support/kafka/mod.rs"]
mod kafka;
mod plot;
mod run;
#[path = "../../tests/support/sidecar.rs"]
mod sidecar;
mod worker;

use std::path::PathBuf;

use run::{Contender, Run};

/// What is tried, in the order of the table.
const CONTENDERS: [Contender; 6] = [
    Contender { name: "adaptive", flags: &[("ADAPTIVE", "on")] },
    Contender { name: "1 x 8", flags: &[("ADAPTIVE", "off"), ("QUEUE_WORKERS", "1"), ("BATCH_SIZE", "8")] },
    Contender { name: "2 x 32 (the defaults)", flags: &[("ADAPTIVE", "off")] },
    Contender { name: "4 x 16", flags: &[("ADAPTIVE", "off"), ("QUEUE_WORKERS", "4"), ("BATCH_SIZE", "16")] },
    Contender { name: "2 x 128", flags: &[("ADAPTIVE", "off"), ("QUEUE_WORKERS", "2"), ("BATCH_SIZE", "128")] },
    Contender { name: "8 x 64", flags: &[("ADAPTIVE", "off"), ("QUEUE_WORKERS", "8"), ("BATCH_SIZE", "64")] },
];

struct Options {
    seconds: u64,
    rounds: usize,
    svg: Option<PathBuf>,
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    // `cargo test --all-targets` starts benches too; that is not the moment for minutes of load.
    if !args.iter().any(|arg| arg == "--bench") {
        return println!("the reality check runs with `cargo bench`: docs/CONTROL.md");
    }
    let options = options(&args);
    let mut best: Vec<Vec<Run>> = CONTENDERS.iter().map(|_| Vec::new()).collect();
    for round in 0..options.rounds {
        for (contender, runs) in CONTENDERS.iter().zip(&mut best) {
            let run = run::run(contender, options.seconds);
            eprintln!("round {round}: {} finished {} of {} in time", contender.name, run.in_time, run.offered);
            runs.push(run);
        }
    }
    let medians: Vec<Run> = best.into_iter().map(median).collect();
    print_table(&medians, options.seconds);
    if let Some(path) = options.svg {
        let text = plot::svg(&CONTENDERS, &medians, options.seconds);
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

fn options(args: &[String]) -> Options {
    let value = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
    let number = |name: &str, default| value(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    Options {
        seconds: number("--seconds", 60),
        rounds: number("--rounds", 1) as usize,
        svg: value("--svg").map(PathBuf::from),
    }
}

/// The run with the median goodput.
fn median(mut runs: Vec<Run>) -> Run {
    runs.sort_by_key(|run| run.in_time);
    runs.swap_remove(runs.len() / 2)
}

fn print_table(runs: &[Run], seconds: u64) {
    println!(
        "alpha 20 -> 200 -> 20 ms, {} us a record, 2 at a time, {seconds} s, {} records/s with {} ms to live\n",
        worker::BETA_US,
        run::RATE,
        run::LIFE_MS
    );
    println!("| setting | in time / offered | first third | slow third | last third | late | mean batch |");
    println!("|---|---|---|---|---|---|---|");
    for (contender, run) in CONTENDERS.iter().zip(runs) {
        let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
        let thirds: Vec<String> = run.thirds().iter().map(|(good, all)| format!("{:.3}", share(*good, *all))).collect();
        println!(
            "| {} | {:.3} | {} | {} | {:.1} |",
            contender.name,
            share(run.in_time, run.offered),
            thirds.join(" | "),
            run.late,
            share(run.in_time + run.late, run.requests),
        );
    }
}
