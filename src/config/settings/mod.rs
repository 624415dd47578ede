//! The settings the rest of the process is built from. Only a set without problems becomes one.

mod build;

pub(crate) use build::build;

use std::time::Duration;

use crate::{
    admin::settings::AdminSettings, engine::settings::EngineSettings, kafka::settings::KafkaSettings,
    telemetry::settings::LogSettings, worker::settings::WorkerSettings,
};

/// Everything `run` needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    pub engine: EngineSettings,
    pub kafka: KafkaSettings,
    pub worker: WorkerSettings,
    pub admin: AdminSettings,
    pub log: LogSettings,
    /// Bound on the whole shutdown.
    pub shutdown_timeout: Duration,
}
