//! Words for whoever started the process: results to standard output, complaints to standard error.

use std::{fmt::Display, io::Write as _, process::ExitCode};

/// Prints to standard output. A reader that has gone away is not an error.
pub fn print(text: &str) -> ExitCode {
    drop(writeln!(std::io::stdout(), "{}", text.trim_end()));
    ExitCode::SUCCESS
}

/// Says on standard error what is wrong.
pub fn complain(what: &dyn Display) {
    drop(writeln!(std::io::stderr(), "{what}"));
}

/// Says what is wrong with the configuration, and gives the code for it.
pub fn bad_configuration(problems: &dyn Display) -> ExitCode {
    complain(problems);
    ExitCode::from(2)
}
