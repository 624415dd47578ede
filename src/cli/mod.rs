//! The command line: text in, a [`Command`] out. It runs nothing and prints nothing (`main` does).
//!
//! The options of `run`, `check` and `print-config` are the flags of [`config::table`](crate::config::table), under
//! the same names and with the same sentences; commands that need only some of them take only those.

mod program;
#[cfg(test)]
mod tests;

use std::ffi::OsString;

use clap::ArgMatches;
use clap_complete::Shell;

use crate::{
    config::{Format, Overrides, table},
    suite::Wanted,
};
use program::program;

/// What the user wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Consume, until told to stop.
    Run(Overrides),
    /// The whole pipeline on a mock broker and a built-in worker, and a sum at the end.
    Demo,
    /// The demo's mock cluster, in a process of its own.
    DemoBroker,
    /// Report every problem of the configuration.
    Check(Overrides),
    /// Show each effective value and its origin.
    PrintConfig {
        overrides: Overrides,
        format: Format,
    },
    /// Ask the running sidecar whether it is ready, or only alive.
    Healthcheck {
        overrides: Overrides,
        alive: bool,
    },
    /// Have the running sidecar leave the group, and wait for it.
    Drain(Overrides),
    /// Produce records, for trying things out.
    Produce {
        overrides: Overrides,
        burst: Burst,
    },
    /// Run seeds from `seed` on through the simulator.
    Simulate {
        seed: u64,
        seeds: u64,
        /// By name or by file; all of them when `None`.
        scenario: Option<String>,
    },
    /// Run the trials of control.
    Suite(Wanted),
    Version,
    /// Print docs/FLAGS.md.
    Flags,
    /// Print what a shell needs to complete our commands.
    Completions(Shell),
    /// Print a manual page: of the program, or of one command.
    Man(Option<String>),
}

/// What `produce` is to make.
#[derive(Debug, Clone, PartialEq)]
pub struct Burst {
    /// The first of `KAFKA_TOPICS` when `None`.
    pub topic: Option<String>,
    pub count: u64,
    /// Records a second; as fast as the brokers take them when `None`.
    pub rate: Option<f64>,
    /// How many different keys; records have none when 0.
    pub keys: u64,
    /// `deadline_ms` of each record, from the moment it is made; below zero it is too late already.
    pub deadline_in_ms: Option<i64>,
    /// `{n}` in it is the record's number.
    pub value: String,
}

/// Reads a command line, the program's name first.
///
/// # Errors
/// What to print and exit with (`clap::Error::exit`); a request for help is one of them.
pub fn parse(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Command, clap::Error> {
    let mut matches = program().try_get_matches_from(args)?;
    let (name, mut matches) = matches.remove_subcommand().unwrap_or_default();
    Ok(match name.as_str() {
        "run" => Command::Run(overrides(&mut matches)),
        "check" => Command::Check(overrides(&mut matches)),
        "print-config" => {
            let json = matches.remove_one::<String>("format").is_some_and(|format| format == "json");
            let format = if json { Format::Json } else { Format::Text };
            Command::PrintConfig { overrides: overrides(&mut matches), format }
        }
        "healthcheck" => Command::Healthcheck { overrides: overrides(&mut matches), alive: matches.get_flag("alive") },
        "drain" => Command::Drain(overrides(&mut matches)),
        "produce" => Command::Produce { overrides: overrides(&mut matches), burst: burst(&mut matches) },
        "simulate" if matches.contains_id("suite") => Command::Suite(Wanted {
            folder: matches.remove_one("suite").unwrap_or_default(),
            only: matches.remove_one("only"),
            first_seed: matches.remove_one("seed").unwrap_or(1),
            seeds: matches.remove_one("seeds").unwrap_or(1),
            rival_seeds: matches.remove_one("rival-seeds").unwrap_or_default(),
            html: matches.remove_one("html"),
            pictures: matches.remove_one("pictures"),
        }),
        "simulate" => Command::Simulate {
            seed: matches.remove_one("seed").unwrap_or(1),
            seeds: matches.remove_one("seeds").unwrap_or(1),
            scenario: matches.remove_one("scenario"),
        },
        "demo" => Command::Demo,
        "demo-broker" => Command::DemoBroker,
        "flags" => Command::Flags,
        "completions" => Command::Completions(matches.remove_one("shell").unwrap_or(Shell::Bash)),
        "man" => Command::Man(matches.remove_one("command")),
        _ => Command::Version,
    })
}

/// `sluicegate 0.1.0 (kafka tls)`: the features tell which build one has.
pub fn version() -> String {
    let features: Vec<&str> = [("kafka", cfg!(feature = "kafka")), ("tls", cfg!(feature = "tls"))]
        .into_iter()
        .filter_map(|(name, on)| on.then_some(name))
        .collect();
    let features = if features.is_empty() { "no kafka".into() } else { features.join(" ") };
    format!("{} {} ({features})", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
}

/// A script that makes `shell` complete commands and options.
pub fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut program(), env!("CARGO_PKG_NAME"), &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// A manual page in roff, for `man -l -`; `None` when there is no such command.
pub fn manual(command: Option<&str>) -> Option<String> {
    let mut program = program();
    program.build();
    let page = match command {
        None => program,
        Some(name) => program.find_subcommand(name)?.clone(),
    };
    let mut roff = Vec::new();
    // Writing to memory does not fail.
    clap_mangen::Man::new(page).render(&mut roff).ok()?;
    Some(String::from_utf8_lossy(&roff).into_owned())
}

/// What the command line says of the flags that its command has.
fn overrides(matches: &mut ArgMatches) -> Overrides {
    let names = table::all().flat_map(|flag| [Some(flag.name.to_owned()), flag.file_name()]).flatten();
    let texts = names.filter_map(|name| {
        let text = matches.try_remove_one::<String>(&name).ok().flatten()?;
        Some((name, text))
    });
    let flags = texts.collect();
    let kafka = matches.try_remove_many::<String>("kafka-cfg").ok().flatten();
    Overrides { file: matches.remove_one("config"), flags, kafka: kafka.map(Iterator::collect).unwrap_or_default() }
}

fn burst(matches: &mut ArgMatches) -> Burst {
    Burst {
        topic: matches.remove_one("topic"),
        count: matches.remove_one("count").unwrap_or(1),
        rate: matches.remove_one("rate"),
        keys: matches.remove_one("keys").unwrap_or_default(),
        deadline_in_ms: matches.remove_one("deadline-in-ms"),
        value: matches.remove_one("value").unwrap_or_default(),
    }
}
