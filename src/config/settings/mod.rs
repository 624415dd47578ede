//! The settings the rest of the process is built from. Only a set without problems becomes one.

mod build;

pub(crate) use build::build;

use std::{net::SocketAddr, time::Duration};

use crate::{engine::settings::EngineSettings, kafka::settings::KafkaSettings, worker::settings::WorkerSettings};

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

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminSettings {
    /// Everything, the mutating routes included: a loopback address.
    pub addr: SocketAddr,
    /// Probes and metrics alone.
    pub probe_addr: Option<SocketAddr>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Human,
    /// One object per line.
    Json,
}
