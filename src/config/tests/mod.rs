//! The whole of the configuration, layers in and settings or problems out.

mod check;
mod control;
mod defaults;
mod docs;
mod layers;
mod near;
mod parts;
mod pass_through;
mod rules;
mod secrets;

use std::{ffi::OsString, path::PathBuf};

use super::{Loaded, Overrides, Problem, Settings, load_with};

/// What has no default.
pub(crate) const REQUIRED: &[(&str, &str)] = &[
    ("KAFKA_BROKERS", "127.0.0.1:9092"),
    ("KAFKA_TOPICS", "requests"),
    ("KAFKA_GROUP_ID", "group"),
    ("WORKER_URL", "http://127.0.0.1:8000/predict"),
];

fn os(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// With exactly this environment.
fn bare(env: &[(&str, &str)]) -> Loaded {
    load_with(&Overrides::default(), &os(env), None)
}

/// With the required flags and these.
fn with(env: &[(&str, &str)]) -> Loaded {
    bare(&[REQUIRED, env].concat())
}

fn settings(env: &[(&str, &str)]) -> Settings {
    with(env).into_settings().unwrap_or_else(|problems| panic!("{problems}"))
}

/// The only problem there is.
fn problem(env: &[(&str, &str)]) -> Problem {
    let loaded = with(env);
    match loaded.problems.as_slice() {
        [problem] => problem.clone(),
        other => panic!("{env:?} gave {other:#?}"),
    }
}

fn keys(problems: &[Problem]) -> Vec<&str> {
    problems.iter().map(|problem| problem.key.as_str()).collect()
}

/// A file that lives as long as the test wants it.
fn file(dir: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}
