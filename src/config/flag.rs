//! What a flag is: its name in every layer, its kind with bounds, its preset and its sentence.
//!
//! Help, docs, parsing and range checks all read these; nothing about a flag is written down anywhere else.

use std::fmt;

/// One setting. The name is the environment's; the other layers derive theirs from it.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    /// `QUEUE_MAXSIZE`
    pub name: &'static str,
    pub section: Section,
    pub kind: Kind,
    pub preset: Preset,
    /// One sentence or two, lower-case, without a final full stop.
    pub doc: &'static str,
    /// Never shown, and `NAME_FILE` is accepted beside it.
    pub secret: bool,
}

impl Flag {
    /// `queue_maxsize`, as in a file.
    pub fn key(&self) -> String {
        self.name.to_ascii_lowercase()
    }

    /// `queue-maxsize`, as on the command line (without the dashes in front).
    pub fn long(&self) -> String {
        self.name.to_ascii_lowercase().replace('_', "-")
    }

    /// `NAME_FILE`, for secrets only.
    pub fn file_name(&self) -> Option<String> {
        self.secret.then(|| format!("{}_FILE", self.name))
    }

    pub const fn required(&self) -> bool {
        matches!(self.preset, Preset::Required)
    }
}

/// The form of a value, with its bounds. Durations are in milliseconds, sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Bool,
    Int {
        min: u64,
        max: u64,
        /// What is counted.
        unit: &'static str,
    },
    /// `250ms`, `5s`, `2m`, `1h`. A bare number is milliseconds where the name says so, and refused elsewhere.
    Duration {
        min: u64,
        max: u64,
        bare: bool,
    },
    /// `64KiB`, `10MB`, or a bare number of bytes.
    Size {
        min: u64,
        max: u64,
    },
    /// `80` or `80%`.
    Percent {
        min: f64,
        max: f64,
    },
    Words(&'static [&'static str]),
    Text,
    /// Words with commas between them; an array in a file.
    List,
    /// `http://host:port/path` or `unix:/path.sock:/http/path`.
    Url,
    /// `host:port` with an IP address or `localhost`.
    Address,
    Path,
}

impl Kind {
    pub const fn int(min: u64, max: u64, unit: &'static str) -> Self {
        Self::Int { min, max, unit }
    }

    /// Of a flag whose name ends in `_MS`.
    pub const fn millis(min: u64, max: u64) -> Self {
        Self::Duration { min, max, bare: true }
    }

    pub const fn duration(min: u64, max: u64) -> Self {
        Self::Duration { min, max, bare: false }
    }

    pub const fn size(min: u64, max: u64) -> Self {
        Self::Size { min, max }
    }

    pub const fn percent(min: f64, max: f64) -> Self {
        Self::Percent { min, max }
    }

    /// What stands for the value in help: `--queue-maxsize <N>`, `--log-format <human|json>`.
    pub fn placeholder(&self) -> String {
        let word = match self {
            Self::Bool => "BOOL",
            Self::Int { .. } => "N",
            Self::Duration { bare: true, .. } => "MS",
            Self::Duration { .. } => "DURATION",
            Self::Size { .. } => "SIZE",
            Self::Percent { .. } => "PERCENT",
            Self::Words(words) => return words.join("|"),
            Self::Text => "TEXT",
            Self::List => "LIST",
            Self::Url => "URL",
            Self::Address => "HOST:PORT",
            Self::Path => "PATH",
        };
        word.into()
    }

    /// The allowed values in words.
    pub fn range(&self) -> String {
        match *self {
            Self::Bool => "true or false".into(),
            Self::Int { min, max, unit } => format!("{min} to {max} {unit}"),
            Self::Duration { min, max, .. } => format!("{} to {}", Millis(min), Millis(max)),
            Self::Size { min, max } => format!("{} to {}", Bytes(min), Bytes(max)),
            Self::Percent { min, max } => format!("{min} to {max} %"),
            Self::Words(words) => words.join(" | "),
            Self::Text => "text".into(),
            Self::List => "a list with commas".into(),
            Self::Url => "http://host:port/path or unix:/path.sock:/http/path".into(),
            Self::Address => "IP:port or localhost:port".into(),
            Self::Path => "a path".into(),
        }
    }
}

/// What holds when no layer says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    Value(&'static str),
    /// Nothing; the text says what that means.
    Unset(&'static str),
    /// Worked out from other values, as the text says.
    Derived(&'static str),
    /// The user has to say.
    Required,
}

/// Where a flag stands in help and docs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    Kafka,
    Worker,
    Queue,
    Batch,
    Control,
    Failure,
    Commit,
    Ingress,
    Watch,
}

impl Section {
    pub const fn title(self) -> &'static str {
        match self {
            Self::Kafka => "Kafka",
            Self::Worker => "Worker",
            Self::Queue => "Queue, gate and admission",
            Self::Batch => "Batches",
            Self::Control => "Control: what tunes itself",
            Self::Failure => "Retries and dead letters",
            Self::Commit => "Commits, rebalances and shutdown",
            Self::Ingress => "Requests over HTTP",
            Self::Watch => "Admin and logs",
        }
    }
}

/// Milliseconds, shown in the largest unit that divides them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Millis(pub u64);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ms if ms > 0 && ms.is_multiple_of(3_600_000) => write!(f, "{}h", ms / 3_600_000),
            ms if ms > 0 && ms.is_multiple_of(60_000) => write!(f, "{}m", ms / 60_000),
            ms if ms > 0 && ms.is_multiple_of(1000) => write!(f, "{}s", ms / 1000),
            ms => write!(f, "{ms}ms"),
        }
    }
}

/// Bytes, shown in the largest binary unit that divides them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n > 0 && n.is_multiple_of(1 << 30) => write!(f, "{}GiB", n >> 30),
            n if n > 0 && n.is_multiple_of(1 << 20) => write!(f, "{}MiB", n >> 20),
            n if n > 0 && n.is_multiple_of(1 << 10) => write!(f, "{}KiB", n >> 10),
            n => write!(f, "{n}B"),
        }
    }
}
