//! The command line.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::{floor::FloorSettings, worker::WorkerSettings};

pub enum Job {
    Bench(Options),
    Floor(FloorSettings),
    Worker(WorkerSettings),
    /// `cargo test --all-targets` starts benches too; that is not the moment for half an hour of load.
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Throughput,
    Memory,
    Latency,
}

#[derive(Debug, Clone)]
pub struct Options {
    pub mode: Mode,
    pub runs: usize,
    pub records: u64,
    /// How long a bounded run takes.
    pub seconds: u64,
    /// How long to wait at most, before each round, for a machine that does nothing else.
    pub quiet_seconds: u64,
    pub value_bytes: usize,
    pub partitions: i32,
    pub batch_size: usize,
    pub in_flight: usize,
    pub prefetch_kib: u64,
    pub prefetch_records: u64,
    /// Whether the copying floor runs too.
    pub copying: bool,
    pub floor: bool,
    pub sidecar: bool,
    /// Flags of the sidecar beside those the benchmark sets.
    pub env: Vec<(String, String)>,
    pub binary: PathBuf,
}

pub fn parse() -> Job {
    let given: Vec<String> = std::env::args().skip(1).collect();
    match given.first().map(String::as_str) {
        // Started by the benchmark itself: the settings are one JSON object.
        Some(role @ ("floor" | "worker")) => {
            let json = given.get(1).map_or("", String::as_str);
            let job = match role {
                "floor" => serde_json::from_str(json).map(Job::Floor),
                _ => serde_json::from_str(json).map(Job::Worker),
            };
            job.unwrap_or_else(|error| exit(&format!("the settings of the {role} do not parse: {error}")))
        }
        _ if !given.iter().any(|argument| argument == "--bench") => Job::Nothing,
        _ => Job::Bench(options(&command().get_matches())),
    }
}

fn exit(why: &str) -> ! {
    eprintln!("throughput: {why}");
    std::process::exit(2)
}

fn number(name: &'static str, default: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("N").default_value(default).value_parser(value_parser!(u64)).help(help)
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn command() -> Command {
    Command::new("throughput")
        .about("The sidecar against its floor, on a real Apache Kafka (KAFKA_BROKERS uses an existing one)")
        .arg(
            flag("memory", "Peak memory under a backlog, with a fast and with a slow worker").conflicts_with("latency"),
        )
        .arg(flag("latency", "Produce to worker latency at 2,000 records a second"))
        .arg(number("runs", "5", "Measured pairs, after one warm-up of each"))
        .arg(number("records", "600000", "Records in the topic"))
        .arg(number("seconds", "60", "With --memory the longest run, with --latency the length of each"))
        .arg(number("quiet", "0", "Seconds to wait at most, before each round, until nothing else uses the CPU"))
        .arg(number("value-bytes", "1024", "Length of a value").value_parser(value_parser!(u64).range(256..=1_000_000)))
        .arg(number("partitions", "8", "Partitions of the topic"))
        .arg(number("batch-size", "32", "Records in a request"))
        .arg(number("in-flight", "8", "Requests at one time"))
        .arg(number("prefetch-kib", "4096", "queued.max.messages.kbytes of both"))
        .arg(number("prefetch-records", "20000", "queued.min.messages of both"))
        .arg(flag("copying", "With a second floor that copies its records and uses the sidecar's own encoder"))
        .arg(Arg::new("only").long("only").value_parser(["floor", "sidecar"]).help("Only one of the two"))
        .arg(
            Arg::new("env")
                .long("env")
                .value_name("NAME=VALUE")
                .action(ArgAction::Append)
                .help("A flag of the sidecar, beside those the benchmark sets"),
        )
        .arg(Arg::new("bench").long("bench").hide(true).action(ArgAction::SetTrue))
}

fn options(given: &ArgMatches) -> Options {
    let number = |name: &str| given.get_one::<u64>(name).copied().unwrap_or_default();
    let only = given.get_one::<String>("only").map(String::as_str);
    let env = given.get_many::<String>("env").into_iter().flatten();
    let env = env.map(|pair| match pair.split_once('=') {
        Some((name, value)) => (name.to_owned(), value.to_owned()),
        None => exit(&format!("--env {pair}: expected NAME=VALUE")),
    });
    Options {
        mode: match (given.get_flag("memory"), given.get_flag("latency")) {
            (true, _) => Mode::Memory,
            (_, true) => Mode::Latency,
            _ => Mode::Throughput,
        },
        runs: number("runs").max(1) as usize,
        records: number("records").max(1),
        seconds: number("seconds").max(1),
        quiet_seconds: number("quiet"),
        value_bytes: number("value-bytes") as usize,
        partitions: number("partitions").clamp(1, 10_000) as i32,
        batch_size: number("batch-size").max(1) as usize,
        in_flight: number("in-flight").max(1) as usize,
        prefetch_kib: number("prefetch-kib").max(1),
        prefetch_records: number("prefetch-records").max(1),
        copying: given.get_flag("copying"),
        floor: only != Some("sidecar"),
        sidecar: only != Some("floor"),
        env: env.collect(),
        binary: std::env::var_os("SLUICEGATE_BIN")
            .map_or_else(|| env!("CARGO_BIN_EXE_sluicegate").into(), PathBuf::from),
    }
}
