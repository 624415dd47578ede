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

/// Where to POST: `http://host:port/path` or `unix:/path.sock:/http/path`. The query, where keys like to hide, is part of
/// the path and is not shown; credentials before the host are refused where it is read.
#[derive(Clone, PartialEq, Eq)]
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

    /// What tells it from another one in a file that others may read. Of the query that is sixteen bits of a hash (FNV-1a,
    /// the same in every build): enough to notice another one, too few to find it out.
    pub fn identity(&self) -> String {
        let Some((_, query)) = self.path().split_once('?') else { return self.to_string() };
        let hash = query
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        format!("{self}#{:04x}", (hash ^ (hash >> 32)) as u16)
    }
}

/// As it is written in `WORKER_URL`, with `***` for the query.
impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp { host, port, .. } if host.contains(':') && !host.starts_with('[') => {
                write!(f, "http://[{host}]:{port}")?;
            }
            Self::Tcp { host, port, .. } => write!(f, "http://{host}:{port}")?,
            Self::Unix { socket, .. } => write!(f, "unix:{}:", socket.display())?,
        }
        match self.path().split_once('?') {
            Some((path, _)) => write!(f, "{path}?***"),
            None => f.write_str(self.path()),
        }
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_not_shown_and_still_tells_one_target_from_another() {
        let tcp = |path: &str| Target::Tcp { host: "::1".into(), port: 80, path: path.into() };
        let unix = Target::Unix { socket: "/run/w.sock".into(), path: "/p?key=secret".into() };
        assert_eq!(tcp("/p?key=secret").to_string(), "http://[::1]:80/p?***");
        assert_eq!(format!("{unix} {unix:?}"), "unix:/run/w.sock:/p?*** unix:/run/w.sock:/p?***");
        assert_eq!(tcp("/p").identity(), "http://[::1]:80/p");
        // Written down: files of an earlier build have it.
        assert_eq!(tcp("/p?key=secret").identity(), "http://[::1]:80/p?***#61dc");
        assert_ne!(tcp("/p?key=secret").identity(), tcp("/p?key=secreu").identity());
    }
}
