//! The async shell around the engine: one task that owns it ([`driver`]) and the seams it talks through.
//!
//! The traits exist so that the same driver runs on Kafka, on the simulator's models and in tests on paused time.
//! None of them decides anything: they carry [`Command`]s and batches out, and [`Event`]s back.

pub mod clock;
pub mod driver;
pub mod files;
pub mod handle;
pub mod keeping;
pub mod memory;

use std::future::Future;

use crate::{
    engine::event::{Batch, Command, DeadLetter, DeadLettered, Event, Reply, Settled},
    engine::fact::Fact,
    time::Now,
};

/// Where records come from.
pub trait Source {
    /// Hands over a command. Never blocks and never fails: a source that can no longer act says so with
    /// [`SourceEvent::Fatal`].
    fn perform(&mut self, command: Command);

    /// The next event, in the order things happened. Cancel safe.
    fn next(&mut self) -> impl Future<Output = SourceEvent>;
}

#[derive(Debug)]
pub enum SourceEvent {
    Engine(Event),
    /// For the observer only.
    Note(SourceNote),
    /// The source is beyond repair (fenced, thread gone): the process has to end, and a restart replays.
    Fatal(String),
}

/// What only the shell can know, for metrics and logs.
#[derive(Debug, Clone)]
pub enum SourceNote {
    /// Prefetched bytes thrown away by a pause, which the broker sends again (an estimate: prefetched records times
    /// their mean size).
    Refetch { bytes: u64 },
    /// Time from a resume to the first record after it.
    Resumed { first_record: std::time::Duration },
    /// The client reported an error it deals with itself: its code and its words.
    ClientError { code: String, text: String },
    /// The brokers know us and let us read nothing (or do again): told when it changes.
    Refused(bool),
    /// A request over HTTP was no request for the worker; it was answered with this status.
    RequestRefused { status: u16 },
    /// What an earlier run has learnt is taken up.
    Recalled { routes: usize, concurrency: u32, age: std::time::Duration },
    /// It is not: the code of the reason, and the reason.
    NotRecalled { reason: &'static str, detail: String },
    /// What this run has learnt was written, or could not be.
    Kept(Result<(), String>),
}

/// Who does the inference.
pub trait Worker {
    /// Sends one batch and returns it with the answer, whatever happens. Within `batch.timeout`.
    fn call(&self, batch: Batch) -> impl Future<Output = Settled> + Send + 'static;
}

/// Where dead letters go.
pub trait DeadLetterSink {
    /// Produces one record and waits for the acknowledgement.
    fn send(&self, letter: DeadLetter) -> impl Future<Output = DeadLettered> + Send + 'static;
}

/// Where there is no dead-letter topic nothing is sent to it; what is nevertheless comes back.
impl<T: DeadLetterSink> DeadLetterSink for Option<T> {
    fn send(&self, letter: DeadLetter) -> impl Future<Output = DeadLettered> + Send + 'static {
        let sent = match self {
            Some(sink) => Ok(sink.send(letter)),
            None => Err(letter),
        };
        async move {
            match sent {
                Ok(answer) => answer.await,
                Err(letter) => DeadLettered::Failed { letter, error: "there is no dead-letter topic".to_owned() },
            }
        }
    }
}

/// Who asks over HTTP and waits for an answer.
pub trait Callers {
    /// The next request, or the news that somebody has stopped waiting. Cancel safe; never ends where nobody can ask.
    fn next(&mut self) -> impl Future<Output = SourceEvent>;

    /// Gives an answer to whoever waits for it, if he still does.
    fn answer(&mut self, reply: Reply);
}

/// Nobody asks.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCallers;

impl Callers for NoCallers {
    fn next(&mut self) -> impl Future<Output = SourceEvent> {
        std::future::pending()
    }

    fn answer(&mut self, _: Reply) {}
}

/// Who watches: metrics and logs, or the simulator's checker.
pub trait Observer {
    fn fact(&mut self, now: Now, fact: &Fact);
    fn note(&mut self, now: Now, note: &SourceNote);
}
