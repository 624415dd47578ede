//! The table of commands; each line is one room of the house.

use std::process::ExitCode;

#[cfg(feature = "kafka")]
use sluicegate::{app, demo, produce};
use sluicegate::{cli, config, say, sim, suite, visit};

fn main() -> ExitCode {
    let command = cli::parse(std::env::args_os()).unwrap_or_else(|error| error.exit());
    match command {
        #[cfg(feature = "kafka")]
        cli::Command::Run(overrides) => app::run(config::load(&overrides)),
        #[cfg(feature = "kafka")]
        cli::Command::Demo => demo::run(),
        #[cfg(feature = "kafka")]
        cli::Command::DemoBroker => demo::broker::host(),
        #[cfg(feature = "kafka")]
        cli::Command::Produce { overrides, burst } => produce::run(config::load(&overrides).producing(), &burst),
        #[cfg(not(feature = "kafka"))]
        cli::Command::Run(_) | cli::Command::Demo | cli::Command::DemoBroker | cli::Command::Produce { .. } => {
            say::bad_configuration(&"this build has no Kafka client: build it with --features kafka")
        }
        #[cfg(feature = "kafka")]
        cli::Command::Check(overrides) => app::check(&config::load(&overrides)),
        #[cfg(not(feature = "kafka"))]
        cli::Command::Check(overrides) => match config::load(&overrides).check() {
            Ok(line) => say::print(&line),
            Err(problems) => say::bad_configuration(&problems),
        },
        cli::Command::PrintConfig { overrides, format } => say::print(&config::load(&overrides).print(format)),
        cli::Command::Healthcheck { overrides, alive } => visit::healthcheck(config::load(&overrides).visit(), alive),
        cli::Command::Drain(overrides) => visit::drain(config::load(&overrides).visit()),
        cli::Command::Simulate { seed, seeds, scenario } => match sim::run_command(seed, scenario.as_deref(), seeds) {
            Ok(report) => say::print(&report),
            Err(failure) => {
                say::complain(&failure);
                ExitCode::FAILURE
            }
        },
        cli::Command::Suite(wanted) => suite::run(&wanted),
        cli::Command::Completions(shell) => say::print(&cli::completions(shell)),
        cli::Command::Man(command) => match cli::manual(command.as_deref()) {
            Some(page) => say::print(&page),
            None => say::bad_configuration(&"no such command: `sluicegate help` lists them"),
        },
        cli::Command::Version => say::print(&cli::version()),
        cli::Command::Flags => say::print(&config::docs::flags_markdown()),
    }
}
