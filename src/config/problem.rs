//! What is wrong with one value, said so that the reader can mend it without the docs.
//!
//! A problem never holds a secret: the value is put through [`show`](crate::config::show) before it gets here.

use std::fmt;

use crate::config::origin::Origin;

/// One thing to mend.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// The flag, file key or variable concerned.
    pub key: String,
    /// The value as given, fit to be shown.
    pub given: Option<String>,
    pub origin: Option<Origin>,
    /// What is wrong, to be read after the key.
    pub what: String,
    /// The allowed values.
    pub range: Option<String>,
    /// What to do about it.
    pub next: String,
}

impl Problem {
    pub(crate) fn new(key: impl Into<String>, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { key: key.into(), given: None, origin: None, what: what.into(), range: None, next: next.into() }
    }

    pub(crate) fn given(mut self, given: impl Into<String>) -> Self {
        self.given = Some(given.into());
        self
    }

    pub(crate) fn origin(mut self, origin: Origin) -> Self {
        self.origin = Some(origin);
        self
    }

    pub(crate) fn range(mut self, range: impl Into<String>) -> Self {
        self.range = Some(range.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.what)?;
        match (&self.given, &self.origin) {
            (Some(given), Some(origin)) => write!(f, "\n  given:   {given} ({origin})")?,
            (Some(given), None) => write!(f, "\n  given:   {given}")?,
            (None, Some(origin)) => write!(f, "\n  given:   by {origin}")?,
            (None, None) => {}
        }
        if let Some(range) = &self.range {
            write!(f, "\n  allowed: {range}")?;
        }
        write!(f, "\n  next:    {}", self.next)
    }
}

/// Every problem of one configuration; never empty when it is returned as an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        writeln!(f, "{count} problem{} in the configuration", if count == 1 { "" } else { "s" })?;
        for problem in &self.0 {
            write!(f, "\n{problem}\n")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
