//! Metrics and logs: facts come in, numbers and lines go out. It decides nothing and keeps no record.
//!
//! [`names`] and [`events`] are the two tables of what can be seen; [`observer`] counts and tells; [`log`] writes the
//! lines; [`exposition`] writes the gauges of a scrape. Nothing in here is global but the log's subscriber.

pub mod events;
pub mod exposition;
pub mod happened;
mod instruments;
pub mod last_errors;
pub mod limiter;
pub mod log;
pub mod metric;
pub mod names;
pub mod observer;
mod partition_names;
pub mod recorder;
pub mod reference;
mod repeats;
pub mod settings;

use std::sync::Arc;

pub use observer::Telemetry;

use self::{
    events::EventName,
    exposition::Standing,
    happened::{Happened, Happening},
    instruments::Instruments,
    last_errors::{LastError, LastErrors},
    limiter::Limiter,
    recorder::Recorder,
};
use crate::time::Instant;

/// What other threads may read of the telemetry.
#[derive(Debug, Clone)]
pub struct Readout {
    recorder: Recorder,
    limiter: Arc<Limiter>,
    errors: LastErrors,
    happened: Happened,
}

/// The two ends of one telemetry: the observer for the driver, and what the admin thread shows.
///
/// # Errors
/// When the table of metrics is no good; a test of that table keeps it from happening.
pub fn start(queue_records_max: Option<u32>) -> Result<(Telemetry, Readout), metrics_exporter_prometheus::BuildError> {
    let (limiter, errors, happened) = (Arc::default(), LastErrors::default(), Happened::default());
    let readout = Readout { recorder: Recorder::new()?, limiter, errors, happened };
    let (limiter, errors, happened) = (Arc::clone(&readout.limiter), readout.errors.clone(), readout.happened.clone());
    let instruments = Instruments::new(&readout.recorder);
    let telemetry = Telemetry::new(instruments, limiter, errors, happened, queue_records_max);
    Ok((telemetry, readout))
}

impl Readout {
    /// The whole page of `/metrics`.
    pub fn metrics(&self, standing: &Standing<'_>) -> String {
        let mut page = self.recorder.render();
        exposition::write(&mut page, standing);
        page
    }

    /// The counters and histograms alone, in the same form.
    pub fn counters(&self) -> String {
        self.recorder.render()
    }

    pub fn happened(&self) -> Vec<Happening> {
        self.happened.list()
    }

    pub fn last_errors(&self) -> Vec<LastError> {
        self.errors.list()
    }

    /// To be called about once a second, with the clock that the driver's facts carry: sorts observations into their
    /// buckets, and says what was left out of the log in seconds that ended quietly.
    pub fn upkeep(&self, now: Instant) {
        self.recorder.upkeep();
        for (event, suppressed) in self.limiter.settle(now) {
            tracing::event!(
                target: "sluicegate", EventName::EventsSuppressed.level(),
                event = EventName::EventsSuppressed.name(), of = event.name(), suppressed, "left out of the log"
            );
        }
    }
}
