//! Commands and options, as clap wants them told.

use std::path::PathBuf;

use clap::{Arg, ArgAction, value_parser};
use clap_complete::Shell;

use super::version;
use crate::config::{
    flag::{Flag, Preset},
    table,
};

pub fn program() -> clap::Command {
    clap::Command::new(env!("CARGO_PKG_NAME"))
        .about(env!("CARGO_PKG_DESCRIPTION"))
        .version(version().split_once(' ').map_or_else(String::new, |(_, rest)| rest.to_owned()))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(configured("run", "consume until SIGTERM; a second signal ends at once"))
        .subcommand(
            clap::Command::new("demo").about(
                "show the real pipeline on a mock broker and a built-in worker; needs nothing, takes ten seconds",
            ),
        )
        .subcommand(clap::Command::new("demo-broker").hide(true))
        .subcommand(configured("check", "report every problem of the configuration; exit 2 if there is one"))
        .subcommand(configured("print-config", "show each effective value and where it came from").arg(format()))
        .subcommand(healthcheck())
        .subcommand(drain())
        .subcommand(produce())
        .subcommand(simulate())
        .subcommand(clap::Command::new("version").about("print the version and the features of this build"))
        .subcommand(clap::Command::new("flags").about("print docs/FLAGS.md"))
        .subcommand(completions())
        .subcommand(man())
}

/// A command that takes every flag.
fn configured(name: &'static str, about: &'static str) -> clap::Command {
    with_flags(name, about, table::all()).arg(kafka_cfg())
}

/// A command that takes some flags, from the same layers as `run`.
fn with_flags(
    name: &'static str,
    about: &'static str,
    flags: impl IntoIterator<Item = &'static Flag>,
) -> clap::Command {
    let config = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help(format!("file to read, instead of {} or {}", table::CONFIG_FILE, table::DEFAULT_FILE));
    let flags = flags.into_iter().flat_map(|flag| [Some(option(flag)), file_option(flag)]).flatten();
    clap::Command::new(name)
        .about(about)
        .after_help(
            "Each option with a heading of its own is also an environment variable (QUEUE_MAXSIZE) and a key of the \
             file (queue_maxsize); the command line wins over the environment, and that over the file. docs/FLAGS.md \
             has ranges and units.",
        )
        .arg(config)
        .args(flags)
}

fn kafka_cfg() -> Arg {
    Arg::new("kafka-cfg")
        .long("kafka-cfg")
        .value_name("NAME=VALUE")
        .action(ArgAction::Append)
        .help_heading("Kafka")
        .help("any librdkafka property that has no flag; as often as needed")
}

fn option(flag: &'static Flag) -> Arg {
    let preset = match flag.preset {
        Preset::Value(text) => format!("[{text}]"),
        Preset::Unset(text) => format!("[unset: {text}]"),
        Preset::Derived(text) => format!("[{text}]"),
        Preset::Required => "(required)".into(),
    };
    let seen = if flag.secret { "; the process list shows it, a file does not" } else { "" };
    Arg::new(flag.name)
        .long(flag.long())
        .value_name(flag.kind.placeholder())
        .allow_negative_numbers(true)
        .help_heading(flag.section.title())
        .help(format!("{}{seen} {preset}", flag.doc))
}

fn file_option(flag: &'static Flag) -> Option<Arg> {
    let name = flag.file_name()?;
    let arg = Arg::new(name)
        .long(format!("{}-file", flag.long()))
        .value_name("PATH")
        .help_heading(flag.section.title())
        .help(format!("file that holds {}", flag.name));
    Some(arg)
}

fn format() -> Arg {
    Arg::new("format").long("format").value_parser(["text", "json"]).default_value("text").help("form of the output")
}

fn healthcheck() -> clap::Command {
    let about = "ask the running sidecar whether records get through: exit 0 if they do, 1 and the reasons if not";
    let alive = Arg::new("alive").long("alive").action(ArgAction::SetTrue);
    with_flags("healthcheck", about, [&table::ADMIN_ADDR])
        .arg(alive.help("ask only whether the process works (a broker or worker that is away is no reason then)"))
}

fn drain() -> clap::Command {
    let about = "have the running sidecar finish, commit and leave its group, and wait for it; it stays up. Exit 0 \
                 once the group is left, 75 if it takes longer than SHUTDOWN_TIMEOUT and five seconds";
    with_flags("drain", about, [&table::ADMIN_ADDR, &table::SHUTDOWN_TIMEOUT])
}

fn produce() -> clap::Command {
    let arg = |name: &'static str, value_name: &'static str| Arg::new(name).long(name).value_name(value_name);
    let value =
        arg("value", "TEXT").default_value(r#"{"n":{n}}"#).help("value of each; {n} in it is the record's number");
    let deadline = arg("deadline-in-ms", "MS").value_parser(value_parser!(i64)).allow_negative_numbers(true);
    let rate = arg("rate", "PER_SECOND").value_parser(rate).help("records a second [as fast as the brokers take them]");
    with_flags("produce", "produce records, for trying things out", table::KAFKA)
        .mut_args(|arg| if arg.get_id() == "config" { arg } else { arg.help_heading("Kafka") })
        .arg(kafka_cfg())
        .arg(arg("topic", "NAME").help("where to [the first of KAFKA_TOPICS]"))
        .arg(arg("count", "N").value_parser(value_parser!(u64)).default_value("1").help("how many"))
        .arg(rate)
        .arg(arg("keys", "N").value_parser(value_parser!(u64)).help("different keys, k0, k1, … in turn [no keys]"))
        .arg(deadline.help("deadline_ms of each, from when it is made; below 0 it is too late already [none]"))
        .arg(value)
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: Option<f64> = text.parse().ok().filter(|rate| (0.001..=1e6).contains(rate));
    rate.ok_or_else(|| "a number from 0.001 to 1000000 is wanted".to_owned())
}

fn completions() -> clap::Command {
    let shell = Arg::new("shell").value_name("SHELL").required(true).value_parser(value_parser!(Shell));
    clap::Command::new("completions").about("print a script that makes your shell complete our commands").arg(shell)
}

fn man() -> clap::Command {
    let command = Arg::new("command").value_name("COMMAND").help("the page of this command [of the program]");
    clap::Command::new("man").about("print a manual page, for `man -l -`").arg(command)
}

fn simulate() -> clap::Command {
    let seed = Arg::new("seed").long("seed").value_name("N").value_parser(value_parser!(u64)).default_value("1");
    let seeds = Arg::new("seeds").long("seeds").value_name("COUNT").value_parser(value_parser!(u64)).default_value("1");
    clap::Command::new("simulate")
        .about("run the engine on virtual time and check the invariants")
        .arg(seed.help("the first seed"))
        .arg(seeds.help("how many seeds, counted up from the first"))
        .arg(Arg::new("scenario").long("scenario").value_name("NAME").help("one scenario instead of all of them"))
        .args(suite())
}

/// The trials of control, which are another thing than the invariants.
fn suite() -> [Arg; 5] {
    let path = || value_parser!(PathBuf);
    let folder = Arg::new("suite").long("suite").value_name("FOLDER").value_parser(path()).num_args(0..=1);
    let only = Arg::new("only").long("only").value_name("TEXT").requires("suite");
    let rivals = Arg::new("rival-seeds").long("rival-seeds").value_name("COUNT").value_parser(value_parser!(u64));
    let html = Arg::new("html").long("html").value_name("FILE").value_parser(path()).requires("suite");
    let pictures = Arg::new("pictures").long("pictures").value_name("FOLDER").value_parser(path()).requires("suite");
    [
        folder
            .default_missing_value("tests/trials")
            .conflicts_with("scenario")
            .help("what control is worth: every trial of a folder"),
        only.help("trials with this in their names"),
        rivals.default_value("0").requires("suite").help("seeds of each law and setting to compare with"),
        html.help("write a page with pictures"),
        pictures.help("write those pictures that the documentation shows"),
    ]
}
