//! The composition root: settings in, adapters, engine and admin put together, run, and an exit code out.

use std::{io::Write as _, process::ExitCode};

use tokio::sync::mpsc;

use crate::{
    config::Loaded,
    engine::{
        event::{DeadLetter, DeadLettered},
        fact::Fact,
    },
    kafka::KafkaSource,
    runtime::{DeadLetterSink, Observer, SourceNote, clock::Clock, driver::Driver, handle::Request},
    time::Now,
    worker::HttpWorker,
};

struct NoLetters;
impl DeadLetterSink for NoLetters {
    fn send(&self, letter: DeadLetter) -> impl Future<Output = DeadLettered> + Send + 'static {
        async move { DeadLettered::Failed { letter, error: "no topic".into() } }
    }
}
struct Print(u64);
impl Observer for Print {
    fn fact(&mut self, now: Now, fact: &Fact) {
        match fact {
            Fact::Completed { records, .. } => self.0 += u64::from(*records),
            Fact::BatchDispatched { .. } | Fact::BatchSettled { .. } | Fact::Enqueued { .. } => {}
            other => eprintln!("{:?} {} {other:?}", now.mono.0 / 1000000, self.0),
        }
    }
    fn note(&mut self, _: Now, note: &SourceNote) {
        eprintln!("{note:?}");
    }
}

/// `sluicegate run`
pub fn run(loaded: Loaded) -> ExitCode {
    let settings = match loaded.into_settings() {
        Ok(settings) => settings,
        Err(problems) => return complain(&problems),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async move {
        let source = KafkaSource::connect(&settings.kafka).unwrap();
        let worker = HttpWorker::new(&settings.worker).unwrap();
        source.join();
        let (tx, rx) = mpsc::channel(16);
        let timeout = settings.shutdown_timeout;
        tokio::spawn(async move {
            let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
            term.recv().await;
            drop(tx.send(Request::Drain { timeout }).await);
            std::future::pending::<()>().await;
        });
        let mut driver = Driver::new(settings.engine, Clock::system(), source, worker, NoLetters, Print(0), rx);
        eprintln!("{:?}", driver.run().await);
    });
    ExitCode::SUCCESS
}

/// `sluicegate check`
pub fn check(loaded: &Loaded) -> ExitCode {
    match loaded.check() {
        Ok(line) => print(&line),
        Err(problems) => complain(&problems),
    }
}

/// Prints to standard output; a reader that has gone away is not an error.
pub fn print(text: &str) -> ExitCode {
    drop(writeln!(std::io::stdout(), "{}", text.trim_end()));
    ExitCode::SUCCESS
}

fn complain(problems: &impl std::fmt::Display) -> ExitCode {
    drop(writeln!(std::io::stderr(), "{problems}"));
    ExitCode::from(2)
}
