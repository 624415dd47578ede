//! The shape of the house, checked: who may import whom, how long a file may be, and where clocks are read.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A folder (or file) of `src/` and what it may not name. The first word of a `use` path or a path in the code.
struct Rule {
    place: &'static str,
    must_not: &'static [&'static str],
}

const CLOCKS: &[&str] =
    &["Instant::now", "SystemTime", "std::time::Instant", "thread::", "Mutex", "println!", "eprintln!"];

const RULES: &[Rule] = &[
    Rule { place: "time.rs", must_not: &["crate::"] },
    Rule { place: "record.rs", must_not: &["crate::engine", "crate::runtime", "crate::config", "tokio::"] },
    Rule {
        place: "engine",
        must_not: &[
            "tokio::",
            "rdkafka",
            "hyper",
            "axum::",
            "metrics::",
            "tracing::",
            "fastrand",
            "rand::",
            "crate::runtime",
            "crate::kafka",
            "crate::worker",
            "crate::config",
            "crate::sim",
            "crate::admin",
            "crate::telemetry",
        ],
    },
    Rule {
        place: "control",
        must_not: &[
            "tokio::",
            "rdkafka",
            "hyper",
            "axum::",
            "metrics::",
            "tracing::",
            "fastrand",
            "rand::",
            "crate::engine",
            "crate::runtime",
            "crate::kafka",
            "crate::worker",
            "crate::config",
            "crate::sim",
            "crate::admin",
            "crate::telemetry",
        ],
    },
    Rule {
        place: "runtime",
        must_not: &[
            "rdkafka",
            "axum::",
            "hyper",
            "crate::kafka",
            "crate::worker",
            "crate::store",
            "crate::admin",
            "crate::telemetry",
            "crate::config",
        ],
    },
    Rule {
        place: "kafka",
        must_not: &[
            "axum::",
            "hyper",
            "crate::worker",
            "crate::admin",
            "crate::telemetry",
            "crate::config",
            "engine::ledger",
            "engine::retry",
        ],
    },
    Rule {
        place: "worker",
        must_not: &[
            "rdkafka",
            "axum::",
            "crate::kafka",
            "crate::admin",
            "crate::telemetry",
            "crate::config",
            "engine::ledger",
            "engine::retry",
        ],
    },
    Rule {
        place: "ingress",
        must_not: &[
            "rdkafka",
            "axum::",
            "crate::kafka",
            "crate::worker",
            "crate::admin",
            "crate::telemetry",
            "crate::config",
            "crate::control",
            "engine::Engine",
            "engine::ledger",
            "engine::retry",
        ],
    },
    Rule {
        place: "store",
        must_not: &[
            "rdkafka",
            "tokio::",
            "axum::",
            "hyper",
            "tracing::",
            "crate::kafka",
            "crate::worker",
            "crate::ingress",
            "crate::admin",
            "crate::telemetry",
            "crate::config",
            "crate::engine",
        ],
    },
    Rule {
        place: "telemetry",
        must_not: &["rdkafka", "hyper", "crate::kafka", "crate::worker", "engine::Engine", "engine::ledger"],
    },
    Rule {
        place: "admin",
        must_not: &["rdkafka", "crate::kafka", "crate::worker", "engine::Engine", "engine::ledger"],
    },
    Rule {
        place: "sim",
        must_not: &["rdkafka", "hyper", "axum::", "tokio::", "crate::kafka", "crate::worker", "crate::runtime::clock"],
    },
    Rule {
        place: "config",
        must_not: &[
            "rdkafka::",
            "tokio::",
            "axum::",
            "hyper",
            "engine::Engine",
            "crate::runtime",
            "crate::admin::server",
        ],
    },
    Rule { place: "lifecycle.rs", must_not: &["rdkafka", "engine::ledger", "engine::retry", "crate::kafka"] },
];

/// Where reading a clock, locking or printing has its place.
const PURE: &[&str] = &["engine", "control", "time.rs", "record.rs", "sim"];

#[test]
fn no_folder_imports_what_the_table_forbids() {
    let mut broken = Vec::new();
    for rule in RULES {
        for file in files(&source().join(rule.place)) {
            for (number, line) in code_lines(&file) {
                for word in rule.must_not.iter().filter(|word| names(&line, word)) {
                    broken.push(format!("{}:{number}: {} may not name {word}", file.display(), rule.place));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_pure_folders_read_no_clock_hold_no_lock_and_print_nothing() {
    let mut broken = Vec::new();
    for file in PURE.iter().flat_map(|place| files(&source().join(place))) {
        for (number, line) in code_lines(&file) {
            for word in CLOCKS.iter().filter(|word| names(&line, word)) {
                broken.push(format!("{}:{number}: {word}", file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn unsafe_code_is_in_one_file() {
    let with_unsafe: Vec<PathBuf> = files(&source())
        .into_iter()
        .filter(|file| code_lines(file).iter().any(|(_, line)| line.contains("unsafe ")))
        .collect();
    assert!(with_unsafe.iter().all(|file| file.ends_with("kafka/ffi.rs")), "{with_unsafe:?}");
}

#[test]
fn no_file_is_longer_than_four_hundred_lines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let long: Vec<String> = ["src", "tests", "benches"]
        .iter()
        .flat_map(|place| files(&root.join(place)))
        .filter_map(|file| {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            (lines > 400).then(|| format!("{}: {lines}", file.display()))
        })
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// Every line of docs/FAULTS.md names tests that exist, or says why there is none, and they are counted.
#[test]
fn every_fault_has_its_tests_or_a_reason_and_they_are_counted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let everything: String = [root.join("src"), root.join("tests")]
        .iter()
        .flat_map(|place| files(place))
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    let text = fs::read_to_string(root.join("docs/FAULTS.md")).unwrap();
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| #")).collect();
    assert_eq!(rows.len(), 62 + 50);
    for row in &rows {
        let cell = row.trim_end_matches(" |").rsplit("| ").next().unwrap();
        let named: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        assert!(cell.starts_with("none: ") || !named.is_empty(), "neither tests nor a reason: {row}");
        for name in named.iter().filter(|name| !cell.starts_with("none: ") || name.matches('_').count() > 3) {
            let exists = match name.strip_suffix(".toml") {
                Some(_) => root.join("tests").join(name).exists(),
                None => everything.contains(&format!("fn {name}(")),
            };
            assert!(exists, "there is no test {name}: {row}");
        }
    }
    for (of, rows) in [(62, &rows[..62]), (50, &rows[62..])] {
        let tested = rows.iter().filter(|row| !row.contains("| none: ")).count();
        assert!(text.contains(&format!("{tested} of {of} have a test.")), "{tested} of {of} have a test");
    }
}

/// The hook ends the process; where it cannot, before there is a log or in a panic of its own, this does.
#[test]
fn a_panic_of_a_release_build_aborts() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let profiles = manifest.split("\n[").filter(|section| section.starts_with("profile."));
    let release = profiles.clone().find(|section| section.starts_with("profile.release]")).unwrap();
    assert!(release.lines().any(|line| line == r#"panic = "abort""#), "{release}");
    let told = profiles.filter(|section| section.contains("panic =")).count();
    assert_eq!(told, 1, "another profile says otherwise");
}

/// The bugs that are made on purpose are nobody's default, and no release build takes them.
#[test]
fn planted_bugs_are_in_no_default_and_no_release_build() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let features: Vec<&str> =
        manifest.lines().filter(|line| line.contains("planted") && !line.starts_with('#')).collect();
    assert_eq!(features, [r#"planted = ["kafka"]"#], "no other feature takes it in");
    let planted = fs::read_to_string(root.join("src/planted.rs")).unwrap();
    assert!(planted.contains("#[cfg(not(debug_assertions))]\ncompile_error!"));
    let names: Vec<&str> =
        planted.lines().filter_map(|line| line.trim().split_once(" => Self::")).map(|(name, _)| name).collect();
    assert!(names.len() >= 5, "{names:?}");
    for place in ["tests/planted/named.rs", "tests/chaos/planted.rs"] {
        let tests = fs::read_to_string(root.join(place)).unwrap();
        let missing: Vec<_> = names.iter().filter(|name| !tests.contains(**name)).collect();
        assert!(missing.is_empty(), "{place} does not find {missing:?}");
    }
    for file in files(&source()).iter().filter(|file| !file.ends_with("planted.rs")) {
        let lines = code_lines(file);
        for (at, (number, line)) in lines.iter().enumerate().filter(|(_, (_, line))| line.contains("planted")) {
            let gated = line.contains("feature = \"planted\"") || lines[at - 1].1.contains("feature = \"planted\"");
            assert!(gated, "{}:{number}: {line}", file.display());
        }
    }
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files(place: &Path) -> Vec<PathBuf> {
    if place.is_file() {
        return vec![place.to_owned()];
    }
    let Ok(entries) = fs::read_dir(place) else { return vec![] };
    let each = entries.flat_map(|entry| files(&entry.unwrap().path()));
    each.filter(|file| file.extension().is_some_and(|ending| ending == "rs")).collect()
}

fn is_test(file: &Path) -> bool {
    file.file_stem().is_some_and(|stem| stem == "tests")
}

/// Numbered lines of code: no comments, and nothing from the file's test module on.
fn code_lines(file: &Path) -> Vec<(usize, String)> {
    if is_test(file) {
        return vec![];
    }
    let text = fs::read_to_string(file).unwrap();
    let code = text.lines().take_while(|line| !line.trim_start().starts_with("#[cfg(test)]"));
    let numbered = code.enumerate().map(|(index, line)| (index + 1, line.trim().to_owned()));
    numbered.filter(|(_, line)| !line.starts_with("//")).collect()
}

/// Whether the line names it as a path of its own, not as the end of a longer word.
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.')
    })
}
