//! The command line: text in, a [`Command`] out. It runs nothing and prints nothing (`main` does).
//!
//! The options of `run`, `check` and `print-config` are the flags of [`config::table`](crate::config::table), under
//! the same names and with the same sentences.

use std::{ffi::OsString, path::PathBuf};

use clap::{Arg, ArgAction, ArgMatches, value_parser};

use crate::{
    config::{
        Format, Overrides,
        flag::{Flag, Preset},
        table,
    },
    suite::Wanted,
};

/// What the user wants.
#[derive(Debug, Clone, PartialEq, Eq)]
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
        "simulate" if matches.contains_id("suite") => Command::Suite(Wanted {
            folder: matches.remove_one("suite").unwrap_or_default(),
            only: matches.remove_one("only"),
            seeds: matches.remove_one("seeds").unwrap_or(1),
            rival_seeds: matches.remove_one("rival-seeds").unwrap_or_default(),
            html: matches.remove_one("html"),
        }),
        "simulate" => Command::Simulate {
            seed: matches.remove_one("seed").unwrap_or(1),
            seeds: matches.remove_one("seeds").unwrap_or(1),
            scenario: matches.remove_one("scenario"),
        },
        "demo" => Command::Demo,
        "demo-broker" => Command::DemoBroker,
        "flags" => Command::Flags,
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

fn program() -> clap::Command {
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
        .subcommand(simulate())
        .subcommand(clap::Command::new("version").about("print the version and the features of this build"))
        .subcommand(clap::Command::new("flags").about("print docs/FLAGS.md"))
}

/// A command that takes every flag.
fn configured(name: &'static str, about: &'static str) -> clap::Command {
    let config = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help(format!("file to read, instead of {} or {}", table::CONFIG_FILE, table::DEFAULT_FILE));
    let kafka = Arg::new("kafka-cfg")
        .long("kafka-cfg")
        .value_name("NAME=VALUE")
        .action(ArgAction::Append)
        .help_heading("Kafka")
        .help("any librdkafka property that has no flag; as often as needed");
    let flags = table::all().flat_map(|flag| [Some(option(flag)), file_option(flag)]).flatten();
    clap::Command::new(name)
        .about(about)
        .after_help(
            "Each option is also an environment variable (QUEUE_MAXSIZE) and a key of the file (queue_maxsize); the \
             command line wins over the environment, and that over the file. docs/FLAGS.md has ranges and units.",
        )
        .arg(config)
        .args(flags)
        .arg(kafka)
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
fn suite() -> [Arg; 4] {
    let path = || value_parser!(PathBuf);
    let folder = Arg::new("suite").long("suite").value_name("FOLDER").value_parser(path()).num_args(0..=1);
    let only = Arg::new("only").long("only").value_name("TEXT").requires("suite");
    let rivals = Arg::new("rival-seeds").long("rival-seeds").value_name("COUNT").value_parser(value_parser!(u64));
    let html = Arg::new("html").long("html").value_name("FILE").value_parser(path()).requires("suite");
    [
        folder
            .default_missing_value("tests/trials")
            .conflicts_with("scenario")
            .help("what control is worth: every trial of a folder"),
        only.help("trials with this in their names"),
        rivals.default_value("0").requires("suite").help("seeds of each law and setting to compare with"),
        html.help("write a page with pictures"),
    ]
}

fn overrides(matches: &mut ArgMatches) -> Overrides {
    let names = table::all().flat_map(|flag| [Some(flag.name.to_owned()), flag.file_name()]).flatten();
    let flags = names.filter_map(|name| matches.remove_one::<String>(&name).map(|text| (name, text))).collect();
    let kafka = matches.remove_many::<String>("kafka-cfg").map(Iterator::collect).unwrap_or_default();
    Overrides { file: matches.remove_one("config"), flags, kafka }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(line: &str) -> Command {
        parse(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    fn refusal(line: &str) -> String {
        match parse(line.split(' ')) {
            Ok(command) => panic!("{line} was taken as {command:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_definition_holds_together() {
        program().debug_assert();
    }

    #[test]
    fn each_command_is_known() {
        assert_eq!(command("sluicegate run"), Command::Run(Overrides::default()));
        assert_eq!(command("sluicegate check"), Command::Check(Overrides::default()));
        assert_eq!(command("sluicegate demo"), Command::Demo);
        assert_eq!(command("sluicegate version"), Command::Version);
        assert_eq!(command("sluicegate flags"), Command::Flags);
        let print = |line| match command(line) {
            Command::PrintConfig { format, .. } => format,
            other => panic!("{other:?}"),
        };
        assert_eq!(print("sluicegate print-config"), Format::Text);
        assert_eq!(print("sluicegate print-config --format json"), Format::Json);
        let one = Command::Simulate { seed: 7, seeds: 1, scenario: Some("burst".into()) };
        assert_eq!(command("sluicegate simulate --seed 7 --scenario burst"), one);
        let many = Command::Simulate { seed: 1, seeds: 1000, scenario: None };
        assert_eq!(command("sluicegate simulate --seeds 1000"), many);
    }

    #[test]
    fn every_flag_is_an_option_of_the_three_commands_that_read_the_configuration() {
        for name in ["run", "check", "print-config"] {
            for flag in table::all() {
                let names = [Some((flag.name.to_owned(), flag.long()))];
                let file = flag.file_name().map(|name| (name, format!("{}-file", flag.long())));
                for (upper, long) in names.into_iter().chain([file]).flatten() {
                    let args = ["sluicegate".to_owned(), name.to_owned(), format!("--{long}"), "some value".to_owned()];
                    let overrides = match parse(args) {
                        Ok(Command::Run(o) | Command::Check(o) | Command::PrintConfig { overrides: o, .. }) => o,
                        other => panic!("{long}: {other:?}"),
                    };
                    assert_eq!(overrides.flags, [(upper, "some value".to_owned())]);
                }
            }
        }
    }

    #[test]
    fn the_file_and_passed_through_properties_are_kept_apart() {
        let line =
            "sluicegate run --config a.toml --kafka-cfg a=b --kafka-cfg=c=d --queue-maxsize=-5 --log-level debug";
        let Command::Run(overrides) = command(line) else { panic!("not run") };
        assert_eq!(overrides.file, Some("a.toml".into()));
        assert_eq!(overrides.kafka, ["a=b", "c=d"]);
        let mut flags = overrides.flags;
        flags.sort();
        let expected = [("LOG_LEVEL", "debug"), ("QUEUE_MAXSIZE", "-5")].map(|(n, t)| (n.to_owned(), t.to_owned()));
        assert_eq!(flags, expected);
    }

    #[test]
    fn help_tells_every_flag_with_its_default_and_sentence() {
        let help = refusal("sluicegate run --help");
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for flag in table::all() {
            assert!(help.contains(&format!("--{} <{}>", flag.long(), flag.kind.placeholder())), "{}", flag.name);
            assert!(help.contains(flag.doc), "{}", flag.name);
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_without_showing_a_secret() {
        for line in [
            "sluicegate",
            "sluicegate frobnicate",
            "sluicegate run --kafka-sasl-pasword=canary",
            "sluicegate run --kafka-sasl-password=canary --kafka-sasl-password=canary",
            "sluicegate simulate --seed x",
            "sluicegate print-config --format yaml",
        ] {
            assert!(!refusal(line).contains("canary"), "{line}");
        }
        assert!(refusal("sluicegate run --queue-maxsze 5").contains("--queue-maxsize"));
    }
}
