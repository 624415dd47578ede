//! The log: one line per event, to stderr, for people or for machines, with a level that can be changed while it runs.
//!
//! Standard output stays free for what a command was asked for. Lines are written by whoever logs, one write each.
//! What librdkafka says comes through `tracing` too. Other crates are heard from `warn` on, however much we say.

mod fields;
mod human;
mod json;

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering::Relaxed},
};

use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    fmt::MakeWriter,
    layer::SubscriberExt,
    reload,
    util::{SubscriberInitExt, TryInitError},
};

use super::settings::{LogFormat, LogLevel, LogSettings};

/// The value of `service` in every line.
pub const SERVICE: &str = "sluicegate";
/// Whose events follow the level.
const OURS: [&str; 2] = ["sluicegate", "librdkafka"];

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
/// When the process has a log already.
pub fn install(settings: &LogSettings) -> Result<LevelControl, TryInitError> {
    let (subscriber, control) = subscriber(settings, std::io::stderr);
    subscriber.try_init()?;
    Ok(control)
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
mod tests;
