//! The worker adapter's numbers, validated by `config`.

use std::{path::PathBuf, time::Duration};

#[derive(Debug, Clone)]
pub struct WorkerSettings {
    pub target: Target,
    /// Of the readiness check: 2xx means ready. `None` is a TCP (or unix) connect.
    pub health: Option<Target>,
    pub value_format: ValueFormat,
    pub connect_timeout: Duration,
    /// Idle connections are closed after this; must be below the worker's own keep-alive.
    pub pool_idle: Duration,
    /// Cap on an answer's body.
    pub response_bytes_max: usize,
    /// `WAIT_FOR_MODEL`
    pub wait_for_model: bool,
    /// After this long of waiting it is said aloud; the waiting goes on.
    pub model_wait_timeout: Duration,
    /// Body of one POST before the group is joined; `None` with `INFERENCE_PREWARM=false`.
    pub prewarm: Option<String>,
    pub inference_timeout: Duration,
}

/// Where to POST: `http://host:port/path` or `unix:/path.sock:/http/path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Tcp { host: String, port: u16, path: String },
    Unix { socket: PathBuf, path: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueFormat {
    /// Valid JSON travels as JSON, anything else as base64.
    Auto,
    /// Anything but valid JSON is undecodable.
    Json,
    /// Everything travels as base64.
    Binary,
}

impl Target {
    /// What comes after the host: path and query.
    pub fn path(&self) -> &str {
        match self {
            Self::Tcp { path, .. } | Self::Unix { path, .. } => path,
        }
    }
}

/// As it is written in `WORKER_URL`.
impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp { host, port, path } if host.contains(':') && !host.starts_with('[') => {
                write!(f, "http://[{host}]:{port}{path}")
            }
            Self::Tcp { host, port, path } => write!(f, "http://{host}:{port}{path}"),
            Self::Unix { socket, path } => write!(f, "unix:{}:{path}", socket.display()),
        }
    }
}
