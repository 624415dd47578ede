//! Which layer a value came from, in the words shown to people.

use std::{fmt, path::Path};

const DEFAULT: &str = "default";

/// `default`, `file config/x.toml`, `environment QUEUE_MAXSIZE`, `file /run/secret named by NAME_FILE`, `command line
/// --queue-maxsize`. A text, because that is what the `config` crate carries beside each value.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct Origin(String);

impl Origin {
    pub(crate) fn preset() -> Self {
        Self(DEFAULT.into())
    }

    pub(crate) fn file(path: &Path) -> Self {
        Self(format!("file {}", path.display()))
    }

    pub(crate) fn environment(name: &str) -> Self {
        Self(format!("environment {name}"))
    }

    pub(crate) fn command_line(long: &str) -> Self {
        Self(format!("command line --{long}"))
    }

    /// The content of a file that `by` named.
    pub(crate) fn named_file(path: &str, by: &str) -> Self {
        Self(format!("file {path} named by {by}"))
    }

    pub(crate) fn from_text(text: Option<&str>) -> Self {
        Self(text.unwrap_or(DEFAULT).to_owned())
    }

    pub(crate) const fn text(&self) -> &String {
        &self.0
    }

    /// Nobody said anything.
    pub fn is_default(&self) -> bool {
        self.0 == DEFAULT
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
