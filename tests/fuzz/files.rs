//! What the person who runs it writes, and what an earlier run has left.

use std::ffi::OsString;

use sluicegate::{
    config::{Format, Overrides, load_with},
    sim::scenario,
    store::Store,
};

use crate::scratch;

pub fn flags(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let pairs = text.lines().take(32).filter_map(|line| line.split_once('='));
    let env: Vec<(OsString, OsString)> =
        pairs.filter(|(_, value)| !value.contains('\0')).map(|(name, value)| (name.into(), value.into())).collect();
    let loaded = load_with(&Overrides::default(), &env, None);
    let _ = (loaded.print(Format::Text), loaded.print(Format::Json), loaded.check().map_err(|p| p.to_string()));
}

pub fn configuration_file(input: &[u8]) {
    let path = scratch("config.toml");
    std::fs::write(&path, input).unwrap();
    let overrides = Overrides { file: Some(path), ..Overrides::default() };
    let loaded = load_with(&overrides, &[], None);
    let _ = (loaded.print(Format::Text), loaded.check().map_err(|problems| problems.to_string()));
}

pub fn learned_state(input: &[u8]) {
    let dir = scratch("state");
    std::fs::create_dir_all(&dir).unwrap();
    let store = Store::new(&dir, "http://127.0.0.1:8000/");
    std::fs::write(store.path(), input).unwrap();
    if let Ok(Some(learned)) = store.load() {
        let _ = learned.fit(1_764_000_000_000);
    }
}

pub fn scenario_file(input: &[u8]) {
    let _ = scenario::parse(&String::from_utf8_lossy(input));
}
