//! The table of commands; each line is one room of the house.

use std::process::ExitCode;

use sluicegate::{app, cli, config};

fn main() -> ExitCode {
    let command = cli::parse(std::env::args_os()).unwrap_or_else(|error| error.exit());
    match command {
        cli::Command::Run(overrides) => app::run(config::load(&overrides)),
        cli::Command::Check(overrides) => app::check(&config::load(&overrides)),
        cli::Command::PrintConfig { overrides, format } => app::print(&config::load(&overrides).print(format)),
        cli::Command::Version => app::print(&cli::version()),
        cli::Command::Flags => app::print(&config::docs::flags_markdown()),
        cli::Command::Demo | cli::Command::DemoBroker | cli::Command::Simulate { .. } => ExitCode::FAILURE,
    }
}
