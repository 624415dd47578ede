//! What is deployed beside the binary: the compose stack, the alert rules and the dashboard speak of flags and metrics
//! that there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use sluicegate::{
    config::{self, Overrides, table},
    telemetry::{metric::Metric, names},
};

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(path: &str) -> String {
    fs::read_to_string(project(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// YAML with its merges done.
fn yaml(path: &str) -> Value {
    let mut read: serde_yaml_ng::Value = serde_yaml_ng::from_str(&text(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    read.apply_merge().unwrap();
    serde_json::to_value(read).unwrap()
}

fn services(path: &str) -> BTreeMap<String, Value> {
    let all = yaml(path)["services"].as_object().unwrap().clone();
    all.into_iter().collect()
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap())
}

#[test]
fn the_stack_publishes_nothing_beyond_this_machine_and_pins_every_image() {
    for (name, service) in services("docker-compose.yml") {
        for port in texts(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
        }
        if service["build"].is_null() {
            let image = service["image"].as_str().unwrap();
            let (_, tag) = image.rsplit_once(':').unwrap_or_else(|| panic!("{name}: {image} has no version"));
            assert!(tag.contains(|c: char| c.is_ascii_digit()), "{name}: {image}");
        }
        for (arg, image) in service["build"]["args"].as_object().into_iter().flatten() {
            assert!(image.as_str().unwrap().contains(|c: char| c.is_ascii_digit()), "{name}: {arg}={image}");
        }
    }
}

#[test]
fn the_stack_has_the_profiles_it_is_said_to_have() {
    let all = services("docker-compose.yml");
    let profiles: BTreeSet<&str> = all.values().flat_map(|service| texts(&service["profiles"])).collect();
    assert_eq!(profiles, ["chaos", "load", "obs", "ui"].into());
    let always: Vec<&str> =
        all.iter().filter(|(_, s)| s["profiles"].is_null()).map(|(name, _)| name.as_str()).collect();
    assert_eq!(always, ["hello", "kafka", "sluicegate", "topics", "worker"]);
}

#[test]
fn the_sidecar_of_the_stack_is_set_up_as_one_should_be() {
    let sidecar = &services("docker-compose.yml")["sluicegate"];
    assert_eq!(sidecar["network_mode"], "service:worker", "as in a pod");
    assert_eq!((&sidecar["read_only"], &sidecar["cap_drop"][0]), (&Value::Bool(true), &Value::from("ALL")));
    assert!(text("Dockerfile").contains("\nUSER 65532:65532\n"));
    let environment = sidecar["environment"].as_object().unwrap();
    let env: Vec<_> = environment
        .iter()
        .map(|(name, value)| {
            assert!(table::find(name).is_some(), "{name} is no flag");
            // ${ADAPTIVE:-on}
            let value = value.as_str().unwrap();
            let preset =
                value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).and_then(|v| v.split_once(":-"));
            (name.into(), preset.map_or(value, |(_, preset)| preset).into())
        })
        .collect();
    let settings = config::load_with(&Overrides::default(), &env, None).into_settings().unwrap();
    let seconds = |value: &Value| value.as_str().unwrap().strip_suffix('s').unwrap().parse::<u64>().unwrap();
    let grace = seconds(&sidecar["stop_grace_period"]);
    assert!(grace > settings.shutdown_timeout.as_secs() + 5, "the drain ends by itself");
    let worker = seconds(&services("docker-compose.yml")["worker"]["stop_grace_period"]);
    assert!(worker >= grace, "the worker is there until the sidecar has drained");
}

#[test]
fn every_image_that_cannot_be_pulled_has_a_local_one_or_a_reason() {
    let (stack, local) = (services("docker-compose.yml"), services("deploy/local/docker-compose.yml"));
    for name in local.keys() {
        assert!(stack.contains_key(name), "{name} is no service of the stack");
    }
    let without: Vec<&str> = stack.keys().filter(|name| !local.contains_key(*name)).map(String::as_str).collect();
    assert_eq!(without, ["grafana", "kafka-ui"], "these two are not among Debian's packages");
}

#[test]
fn the_image_is_built_with_every_target_that_the_manifest_names() {
    let (dockerfile, manifest) = (text("Dockerfile"), text("Cargo.toml"));
    for bench in manifest.split("[[bench]]").skip(1) {
        let name = bench.split('"').nth(1).unwrap();
        let file = [format!("benches/{name}.rs"), format!("benches/{name}/main.rs")];
        let file = file.iter().find(|file| project(file).exists()).unwrap();
        assert!(dockerfile.contains(file.as_str()), "cargo in the image does not find {file}");
    }
}

/// Every metric a query names, with the labels it is matched by or grouped by right there: `name{label="value"}`.
fn named(query: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found = Vec::new();
    for (at, _) in query.match_indices("sluicegate_") {
        let rest = &query[at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let labels = rest[end..].strip_prefix('{').and_then(|inside| inside.split_once('}')).map(|(inside, _)| inside);
        let pairs = labels.unwrap_or_default().split(',').filter(|pair| !pair.trim().is_empty());
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or_else(|| panic!("{query}: {pair}"));
            (name.trim_end_matches('!').trim().to_owned(), value.trim_matches(['~', '"', ' ']).to_owned())
        };
        found.push((rest[..end].to_owned(), pairs.map(pair).collect()));
    }
    found
}

fn metric(name: &str) -> Option<&'static Metric> {
    let plain = |name: &str| names::ALL.iter().find(|metric| metric.name == name).copied();
    let part = |end: &str| name.strip_suffix(end).and_then(plain).filter(|metric| metric.kind.name() == "histogram");
    plain(name).or_else(|| part("_bucket")).or_else(|| part("_count")).or_else(|| part("_sum"))
}

fn check(query: &str) {
    let found = named(query);
    assert!(!found.is_empty() || query.contains("up{job=\"sluicegate\"}"), "{query}: nothing of ours");
    for (name, labels) in found {
        let metric = metric(&name).unwrap_or_else(|| panic!("{query}: there is no metric {name}"));
        for (label, value) in labels.iter().filter(|(label, _)| label != "instance") {
            let known = metric.labels.iter().find(|known| known.name == label);
            let known = known.unwrap_or_else(|| panic!("{query}: {name} has no label {label}"));
            for value in value.split('|').filter(|_| !known.values.is_empty()) {
                assert!(known.values.contains(&value), "{query}: {label} is never {value}");
            }
        }
    }
    let opened = query.matches(['(', '[', '{']).count();
    assert_eq!(opened, query.matches([')', ']', '}']).count(), "{query}: brackets");
}

#[test]
fn the_alert_rules_speak_of_metrics_that_there_are() {
    let rules = yaml("deploy/prometheus/alerts.yml");
    let mut alerts = BTreeSet::new();
    for rule in rules["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap()) {
        check(rule["expr"].as_str().unwrap());
        let name = rule["alert"].as_str().unwrap();
        assert!(alerts.insert(name.to_owned()), "{name} is there twice");
        for part in [&rule["annotations"]["summary"], &rule["annotations"]["description"], &rule["labels"]["severity"]]
        {
            assert!(part.is_string(), "{name}");
        }
        for (word, _) in named(rule["annotations"]["description"].as_str().unwrap()) {
            assert!(metric(&word).is_some(), "{name}: there is no metric {word}");
        }
        let told = format!("`{name}`");
        assert!(text("docs/OPERATIONS.md").contains(&told), "docs/OPERATIONS.md does not tell what to do about {name}");
    }
    assert!(alerts.len() > 5);
}

#[test]
fn the_dashboard_speaks_of_metrics_that_there_are_and_its_panels_do_not_overlap() {
    let dashboard: Value = serde_json::from_str(&text("deploy/grafana/dashboards/sluicegate.json")).unwrap();
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "two panels with one id");
        let at = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{}", panel["title"]);
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{} lies on another panel", panel["title"]);
            }
        }
        for target in panel["targets"].as_array().into_iter().flatten() {
            check(target["expr"].as_str().unwrap());
        }
    }
    assert!(ids.len() > 10);
    let provisioned = yaml("deploy/grafana/provisioning/dashboards/sluicegate.yml");
    let path = provisioned["providers"][0]["options"]["path"].as_str().unwrap();
    let mounts = services("docker-compose.yml")["grafana"]["volumes"].clone();
    let mounted = format!("./deploy/grafana/dashboards:{path}:ro");
    assert!(texts(&mounts).any(|mount| mount == mounted), "{path} is not where the dashboards are");
}

#[test]
fn every_load_scenario_is_known_to_the_runner_and_judges_itself() {
    let runner = text("locust/run");
    let mut scenarios = 0;
    for entry in fs::read_dir(project("locust")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_none_or(|end| end != "py") || ["parts", "native", "composed"].contains(&name.as_str()) {
            continue;
        }
        scenarios += 1;
        assert!(runner.contains(&format!("\"{name}\"")), "locust/run does not know {name}");
        let scenario = fs::read_to_string(&path).unwrap();
        for part in ["WHY = ", "def bands(run)", "judged(__name__)"] {
            assert!(scenario.contains(part), "{name} has no {part}");
        }
    }
    assert_eq!(scenarios, 11);
}

/// Metrics that scenarios look at.
#[test]
fn the_load_scenarios_speak_of_metrics_that_there_are() {
    for place in ["locust", "locust/shared"] {
        for entry in fs::read_dir(project(place)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "py") {
                let scenario = fs::read_to_string(&path).unwrap();
                for (name, _) in scenario.lines().flat_map(|line| named(&line.replace("{{", "{}"))) {
                    assert!(metric(&name).is_some(), "{}: there is no metric {name}", path.display());
                }
            }
        }
    }
}
