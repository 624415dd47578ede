//! Defaults < file < environment < command line, laid over one another by the `config` crate.
//!
//! Every layer hands over plain text with its origin, and only names of the tables: the crate's own parsing stays
//! off (it rewrites strings: a group named `007` would become `7`), and one bad value hides no other.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
};

use config::{Config, ConfigError, Map, Source, ValueKind};

use crate::config::{
    flag::Preset,
    origin::Origin,
    problem::Problem,
    table::{self, PASS_THROUGH},
};

/// A text somebody gave, and where. It may be a secret, so `Debug` keeps it to itself.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Given {
    pub text: String,
    pub origin: Origin,
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// What one layer says, by key: flag names in lower case, and `kafka_cfg_…`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layer(pub BTreeMap<String, Given>);

impl Layer {
    pub fn set(&mut self, name: &str, text: impl Into<String>, origin: Origin) {
        self.0.insert(name.to_ascii_lowercase(), Given { text: text.into(), origin });
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, config::Value>, ConfigError> {
        let value = |given: &Given| config::Value::new(Some(given.origin.text()), given.text.as_str());
        Ok(self.0.iter().map(|(key, given)| (key.clone(), value(given))).collect())
    }
}

/// Lays each layer over the ones before it.
pub(crate) fn merge(layers: Vec<Layer>) -> Result<BTreeMap<String, Given>, Box<Problem>> {
    let merged = layers.into_iter().fold(Config::builder(), |builder, layer| builder.add_source(layer)).build();
    // Layers hold nothing but text and do not fail; the crate's types cannot say so.
    let table = merged.and_then(|config| config.cache.into_table()).map_err(|error| {
        let what = format!("cannot be put together: {error}");
        Box::new(Problem::new("the configuration", what, "report this as a bug"))
    })?;
    let mut all = BTreeMap::new();
    for (key, value) in table {
        let origin = Origin::from_text(value.origin());
        if let ValueKind::String(text) = value.kind {
            all.insert(key, Given { text, origin });
        }
    }
    Ok(all)
}

/// The lowest layer.
pub(crate) fn presets() -> Layer {
    let mut layer = Layer::default();
    for flag in table::all() {
        if let Preset::Value(text) = flag.preset {
            layer.set(flag.name, text, Origin::preset());
        }
    }
    layer
}

/// The variables that are ours. The others are none of our business (near misses apart, which have their own file).
pub(crate) fn environment(env: &[(OsString, OsString)], problems: &mut Vec<Problem>) -> Layer {
    let mut layer = Layer::default();
    for (name, value) in ours(env) {
        match value.to_str() {
            Some(text) => layer.set(name, text, Origin::environment(name)),
            None => {
                problems.push(Problem::new(name, "is not UTF-8", "write it in UTF-8").origin(Origin::environment(name)))
            }
        }
    }
    layer
}

fn ours(env: &[(OsString, OsString)]) -> impl Iterator<Item = (&str, &OsStr)> {
    env.iter().filter_map(|(name, value)| Some((name.to_str()?, value.as_os_str()))).filter(|(name, _)| is_ours(name))
}

/// A flag, the `_FILE` of a secret, or a property passed through.
pub(crate) fn is_ours(name: &str) -> bool {
    let names_secret_file = || name.strip_suffix("_FILE").and_then(table::find).is_some_and(|flag| flag.secret);
    table::find(name).is_some() || names_secret_file() || is_property(name)
}

/// `KAFKA_CFG_SESSION_TIMEOUT_MS`; in lower case it would be a second spelling of the same key.
fn is_property(name: &str) -> bool {
    name.starts_with(PASS_THROUGH) && is_plain(name) && !name.bytes().any(|b| b.is_ascii_lowercase())
}

/// Only characters of which a key can consist: the `config` crate reads dots and brackets as paths.
pub(crate) fn is_plain(name: &str) -> bool {
    name.len() > PASS_THROUGH.len() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
