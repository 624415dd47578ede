//! From start to exit: which phase the process is in, what a signal does, and which code it ends with.
//!
//! ```text
//! starting ──worker answers──▶ joining ──first assignment──▶ running ──signal, POST /drain──▶ draining ──left──▶ stopped
//! ```
//! `app` says when the engine runs ([`Phase::Joining`]); everything after that is read off the facts by [`Watched`].
//! A drain that comes before that is a [`Wish`] that `app` finds and heeds.
//! The first SIGTERM or SIGINT drains and ends, the second ends at once. docs/OPERATIONS.md has the table of codes.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::signal::unix::{SignalKind, signal};

use crate::{
    admin::{
        leave,
        readiness::{Latch, Phase, Readiness, Wish},
    },
    engine::fact::{DrainState, Fact, OF_PACE},
    runtime::{Observer, SourceNote, handle::DriverHandle},
    telemetry::log::Log,
    time::Now,
};

/// Time beyond `SHUTDOWN_TIMEOUT` for the last commit and for leaving the group; a client that cannot leave is left then.
pub const LEAVE_GRACE: Duration = Duration::from_secs(5);

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything in flight was finished and committed.
    Clean,
    /// It could not go on (fenced, a thread gone). A restart replays what was not committed.
    Fatal,
    /// Nothing was started.
    BadConfiguration,
    /// A promise was found broken, or something panicked: a bug. Nothing finished was lost by the way it was handled, but
    /// look at the log.
    ContractBroken,
    /// `SHUTDOWN_TIMEOUT` passed with records in flight or without an answer to the last commit: what is not committed
    /// is delivered again.
    DrainTimedOut,
    /// A second signal, by its number: nothing was waited for.
    Interrupted(Signal),
}

impl Exit {
    pub const fn code(self) -> i32 {
        match self {
            Self::Clean => 0,
            Self::Fatal => 1,
            Self::BadConfiguration => 2,
            // EX_SOFTWARE and EX_TEMPFAIL of sysexits.h.
            Self::ContractBroken => 70,
            Self::DrainTimedOut => 75,
            Self::Interrupted(signal) => 128 + signal.number(),
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        u8::try_from(exit.code()).map_or(Self::FAILURE, Self::from)
    }
}

/// The signals that end the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Interrupt,
    Terminate,
}

impl Signal {
    const fn number(self) -> i32 {
        match self {
            Self::Interrupt => 2,
            Self::Terminate => 15,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }
}

/// From now on a panic ends the process, whichever thread or task it is in and however this was built: what is left would
/// hold its partitions and do nothing with them, and seem well. A restart replays what was not committed.
pub fn end_with_a_panic(log: Log) {
    std::panic::set_hook(Box::new(move |panic| {
        let (thread, backtrace) = (std::thread::current(), Backtrace::capture());
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| tracing::field::display(&backtrace));
        tracing::error!(target: "sluicegate", event = "panicked", thread = thread.name(), backtrace, "{panic}");
        log.finish();
        std::process::exit(Exit::ContractBroken.code());
    }));
}

/// What the facts said about the way the process went. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Course {
    /// Records in flight and partitions without their last commit: whether there is any is all that counts.
    unfinished: Arc<AtomicU32>,
    violations: Arc<AtomicU64>,
}

impl Course {
    /// How a process that ended by itself has to end; a broken promise weighs more than lateness.
    pub fn exit(&self) -> Exit {
        if self.violations.load(Relaxed) > 0 {
            Exit::ContractBroken
        } else if self.unfinished.load(Relaxed) > 0 {
            Exit::DrainTimedOut
        } else {
            Exit::Clean
        }
    }
}

/// An observer that moves the phase along and hands everything on.
#[derive(Debug)]
pub struct Watched<O> {
    inner: O,
    readiness: Readiness,
    course: Course,
    /// Held while the brokers let us read nothing.
    refused: Option<Latch>,
}

impl<O> Watched<O> {
    pub fn new(inner: O, readiness: Readiness, course: Course) -> Self {
        Self { inner, readiness, course, refused: None }
    }
}

impl<O: Observer> Observer for Watched<O> {
    fn fact(&mut self, now: Now, fact: &Fact) {
        match fact {
            // A member that is given nothing has joined all the same.
            Fact::Rebalanced { lost: false, revoked: 0, .. } => self.readiness.advance(Phase::Running),
            Fact::Drain { state: DrainState::Started { .. } } => self.readiness.advance(Phase::Draining),
            Fact::Drain {
                state: DrainState::Settled { unfinished: left } | DrainState::Leaving { uncommitted: left },
            } => {
                self.course.unfinished.fetch_add(*left, Relaxed);
            }
            Fact::Violation { invariant, .. } if !OF_PACE.contains(invariant) => {
                self.course.violations.fetch_add(1, Relaxed);
            }
            _ => {}
        }
        self.inner.fact(now, fact);
        // Last, so that whoever waits for it finds everything counted.
        if let Fact::Drain { state: DrainState::Done } = fact {
            self.readiness.advance(Phase::Stopped);
        }
    }

    fn note(&mut self, now: Now, note: &SourceNote) {
        if let SourceNote::Refused(refused) = note {
            // At most one is held.
            self.refused.take().into_iter().for_each(Latch::release);
            self.refused = refused.then(|| self.readiness.latch("permission"));
        }
        self.inner.note(now, note);
    }
}

/// Waits for signals: the first sets the shutdown in motion, the second is returned, for the caller to end at once.
/// Meant for the admin thread's runtime, which is never busy with records.
///
/// # Errors
/// When the process may not handle signals.
pub async fn heed_signals(
    readiness: Readiness,
    driver: DriverHandle,
    shutdown_timeout: Duration,
) -> std::io::Result<Exit> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut next = async || {
        tokio::select! {
            _ = terminate.recv() => Signal::Terminate,
            _ = interrupt.recv() => Signal::Interrupt,
        }
    };
    let first = next().await;
    tracing::info!(target: "sluicegate", event = "signal", signal = first.name(), "leaving; a second one ends at once");
    leave(&readiness, &driver, shutdown_timeout, Wish::Shutdown);
    let second = next().await;
    tracing::warn!(target: "sluicegate", event = "signal", signal = second.name(), "ending at once");
    Ok(Exit::Interrupted(second))
}
