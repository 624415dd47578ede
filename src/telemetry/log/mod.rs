//! The log: one line per event, to stderr, for people or for machines, with a level that can be changed while it runs.
//!
//! Standard output stays free for what a command was asked for. Lines are written by a thread of their own, so that
//! nobody waits for whoever reads them ([`lines`]).
//! What librdkafka says comes through `tracing` too. Other crates are heard from `warn` on, however much we say.

mod fields;
mod human;
mod json;
pub mod lines;

use std::{
    error::Error,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
    time::Duration,
};

use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer, Registry, filter::Targets, fmt::MakeWriter, layer::SubscriberExt, reload, util::SubscriberInitExt,
};

use self::lines::Lines;
use super::{
    events::EventName,
    settings::{LogFormat, LogLevel, LogSettings},
};

/// The value of `service` in every line.
pub const SERVICE: &str = "sluicegate";
/// Whose events follow the level.
const OURS: [&str; 2] = ["sluicegate", "librdkafka"];

/// What the lines that are left get when the process ends, if nobody reads them.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The log of the process. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Log {
    pub level: LevelControl,
    pub lines: Lines,
}

impl Log {
    /// To be called before the process ends: nothing else waits for the lines that are still on their way.
    pub fn finish(&self) {
        self.lines.finish(LAST_LINES);
    }
}

/// Changes how much is said, from any thread.
#[derive(Debug, Clone)]
pub struct LevelControl {
    filter: reload::Handle<Targets, Registry>,
    /// Index in [`LogLevel::ALL`].
    level: Arc<AtomicU8>,
}

impl LevelControl {
    pub fn level(&self) -> LogLevel {
        LogLevel::ALL.get(usize::from(self.level.load(Relaxed))).copied().unwrap_or(LogLevel::Info)
    }

    /// Takes effect with the next event. Does nothing when the log is gone.
    pub fn set(&self, level: LogLevel) {
        if self.filter.reload(targets(level)).is_ok() {
            self.level.store(level as u8, Relaxed);
        }
    }
}

fn targets(level: LogLevel) -> Targets {
    let ours = filter(level);
    Targets::new().with_targets(OURS.map(|target| (target, ours))).with_default(ours.min(LevelFilter::WARN))
}

const fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

/// Makes this the log of the process.
///
/// # Errors
/// When the process has a log already, or there is no thread to write it.
pub fn install(settings: &LogSettings) -> Result<Log, Box<dyn Error + Send + Sync>> {
    let lines = Lines::default();
    let (writer, format) = (lines.clone(), settings.format);
    let (subscriber, level) = subscriber(settings, move || writer.clone());
    subscriber.try_init()?;
    lines.write_to(std::io::stderr(), move |missing| missing_line(format, missing))?;
    Ok(Log { level, lines })
}

/// The line that says how many are missing, in the form that all the others have.
fn missing_line(format: LogFormat, missing: u64) -> Vec<u8> {
    #[derive(Clone, Default)]
    struct One(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for One {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let line = One::default();
    let writer = line.clone();
    // Whatever the level is: what is missing may have been an error.
    let (subscriber, _) = subscriber(&LogSettings { format, level: LogLevel::Warn }, move || writer.clone());
    tracing::subscriber::with_default(subscriber, || {
        tracing::event!(
            target: "sluicegate", EventName::LogLinesDropped.level(), event = EventName::LogLinesDropped.name(),
            dropped = missing, "nobody took them in time"
        );
    });
    // Else every event would go on being weighed for the one that is gone.
    tracing::callsite::rebuild_interest_cache();
    std::mem::take(&mut *line.0.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The log by itself, for whoever wants it to write elsewhere.
pub fn subscriber<W>(settings: &LogSettings, writer: W) -> (impl Subscriber + Send + Sync, LevelControl)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(targets(settings.level));
    let control = LevelControl { filter: handle, level: Arc::new(AtomicU8::new(settings.level as u8)) };
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    let lines: Box<dyn Layer<_> + Send + Sync> = match settings.format {
        LogFormat::Json => Box::new(lines.event_format(json::JsonLines)),
        LogFormat::Human => Box::new(lines.event_format(human::HumanLines)),
    };
    (tracing_subscriber::registry().with(filter).with(lines), control)
}

#[cfg(test)]
pub(in crate::telemetry) mod tests;
