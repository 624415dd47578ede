//! The uppermost layer: what the command line says.

use std::path::PathBuf;

use crate::config::{
    layers::{Layer, is_plain},
    origin::Origin,
    problem::Problem,
    table::PASS_THROUGH,
};

/// The part of a command line that concerns the configuration, as `cli` found it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--config`
    pub file: Option<PathBuf>,
    /// Flag names in upper case, with their text.
    pub flags: Vec<(String, String)>,
    /// Each `--kafka-cfg`: `session.timeout.ms=30000`.
    pub kafka: Vec<String>,
}

/// By hand, because of the secrets.
impl std::fmt::Debug for Overrides {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let flags: Vec<_> = self.flags.iter().map(|(name, _)| name).collect();
        f.debug_struct("Overrides").field("file", &self.file).field("flags", &flags).finish_non_exhaustive()
    }
}

pub(crate) const KAFKA_CFG: &str = "kafka-cfg";

pub(crate) fn layer(overrides: &Overrides, problems: &mut Vec<Problem>) -> Layer {
    let mut layer = Layer::default();
    for (name, text) in &overrides.flags {
        let long = name.to_ascii_lowercase().replace('_', "-");
        layer.set(name, text, Origin::command_line(&long));
    }
    for pair in &overrides.kafka {
        let name = pair.split_once('=').map(|(name, text)| (name.trim().replace(['.', '-'], "_"), text));
        match name {
            Some((name, text)) if is_plain(&format!("{PASS_THROUGH}{name}")) => {
                layer.set(&format!("{PASS_THROUGH}{name}"), text, Origin::command_line(KAFKA_CFG));
            }
            // The text is not shown: whatever it is, it may hold a secret.
            _ => problems.push(Problem::new(
                format!("--{KAFKA_CFG}"),
                "is not NAME=VALUE",
                format!("write it as --{KAFKA_CFG} session.timeout.ms=30000"),
            )),
        }
    }
    layer
}
