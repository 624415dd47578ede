//! The settings the rest of the process is built from. Only a set without problems becomes one.

mod build;
mod control;
mod ingress;

pub(crate) use build::{build, kafka};

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use crate::{
    admin::settings::AdminSettings, engine::settings::EngineSettings, ingress::settings::IngressSettings,
    kafka::settings::KafkaSettings, telemetry::settings::LogSettings, worker::settings::WorkerSettings,
};

/// Everything `run` needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    pub engine: EngineSettings,
    pub kafka: KafkaSettings,
    pub worker: WorkerSettings,
    pub admin: AdminSettings,
    /// `None` without `INGRESS_ADDR`.
    pub ingress: Option<IngressSettings>,
    pub log: LogSettings,
    /// `STATE_DIR`: where what was learnt is kept.
    pub state_dir: Option<PathBuf>,
    /// Bound on the whole shutdown.
    pub shutdown_timeout: Duration,
}

/// What it takes to visit a running sidecar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VisitSettings {
    /// Its `ADMIN_ADDR`.
    pub admin: SocketAddr,
    pub shutdown_timeout: Duration,
}
