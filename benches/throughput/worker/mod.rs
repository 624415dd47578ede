//! The worker of the benchmark, a process of its own: reads each request to its end and answers 200 with nothing.
//!
//! It is cheap on purpose, so that it is never what is measured, and its clock is the one that counts. It talks to the
//! bench on standard output, one JSON object a line: its port, the first record, and the last of as many as it was
//! told to expect; on standard input a line asks for a report, and its end ends the process.

mod latency;
mod serve;
mod tally;

use std::{io::BufRead as _, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::Outcome;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorkerSettings {
    /// How many records there are to come.
    pub records: u64,
    /// Length of every record's value.
    pub value_bytes: usize,
    /// Time to answer a request.
    pub delay_ms: u64,
    /// Whether values carry the time they were produced at.
    pub latency: bool,
}

/// What the worker says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "snake_case")]
pub enum Said {
    Listening {
        port: u16,
    },
    /// The first record came.
    First,
    /// All records came.
    Last(Report),
    /// It was asked.
    Report(Report),
}

/// What the worker saw.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Report {
    pub records: u64,
    pub requests: u64,
    pub bytes: u64,
    /// From the first record to the last so far.
    pub seconds: f64,
    /// Produce to worker, in milliseconds, when it was asked for.
    pub latency: Option<Latency>,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Latency {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

/// Runs until standard input ends.
///
/// # Errors
/// When it cannot listen.
pub fn run(settings: &WorkerSettings) -> Outcome<()> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    say(&Said::Listening { port: listener.local_addr()?.port() });
    let books = Arc::new(serve::Books::new(settings));
    let asked = Arc::clone(&books);
    std::thread::Builder::new().name("stdin".into()).spawn(move || {
        for line in std::io::stdin().lock().lines() {
            if line.is_err() {
                break;
            }
            say(&Said::Report(asked.report()));
        }
        std::process::exit(0);
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(tokio::task::LocalSet::new().run_until(serve::serve(listener, books)))
}

fn say(said: &Said) {
    if let Ok(line) = serde_json::to_string(said) {
        println!("{line}");
    }
}
