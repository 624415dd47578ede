use std::path::Path;

use super::{REQUIRED, os};
use crate::config::{
    Overrides,
    docs::{example_toml, flags_markdown},
    load_with, table,
};

/// Set to write the files instead of comparing them.
const UPDATE: &str = "SLUICEGATE_UPDATE_DOCS";

fn assert_in_sync(path: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os(UPDATE).is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{} is out of date: run the tests with {UPDATE}=1", path.display());
}

#[test]
fn the_docs_are_what_the_tables_say() {
    assert_in_sync("docs/FLAGS.md", &flags_markdown());
}

#[test]
fn the_example_file_is_what_the_tables_say() {
    assert_in_sync("config/sluicegate.example.toml", &example_toml());
}

#[test]
fn the_docs_name_every_flag_once() {
    let docs = flags_markdown();
    for flag in table::all() {
        assert_eq!(docs.matches(&format!("| `{}`", flag.name)).count(), 1, "{}", flag.name);
    }
}

#[test]
fn the_example_with_every_default_switched_on_changes_nothing_but_where_the_batch_size_starts() {
    let lines: Vec<String> = example_toml()
        .lines()
        .filter(|line| !line.starts_with("# ") && !line.ends_with('='))
        .map(|line| line.trim_start_matches('#').to_owned())
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let path = super::file(&dir, "x.toml", &lines.join("\n"));
    let load = |file| load_with(&Overrides { file, ..Overrides::default() }, &os(REQUIRED), None).into_settings();
    let (with, mut without) = (load(Some(path)).unwrap_or_else(|p| panic!("{p}")), load(None).unwrap());
    // A size that is said is where tuning starts.
    without.engine.control.batch_records.start = without.engine.batch_records_max;
    assert_eq!(format!("{with:?}"), format!("{without:?}"));
    assert!(lines.iter().filter(|line| line.contains('=')).count() > 40);
}

#[test]
fn every_file_in_the_config_folder_is_fit_for_use() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            count += 1;
            let overrides = Overrides { file: Some(path.clone()), ..Overrides::default() };
            let loaded = load_with(&overrides, &os(REQUIRED), None);
            assert!(loaded.problems.is_empty(), "{}: {:#?}", path.display(), loaded.problems);
        }
    }
    assert!(count > 0);
}
