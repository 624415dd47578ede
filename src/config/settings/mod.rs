//! The settings the rest of the process is built from. Only a set without problems becomes one.

mod build;
mod control;

pub(crate) use build::build;

use std::{path::PathBuf, time::Duration};

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
    /// `STATE_DIR`: where what was learnt is kept.
    pub state_dir: Option<PathBuf>,
    /// Bound on the whole shutdown.
    pub shutdown_timeout: Duration,
}
