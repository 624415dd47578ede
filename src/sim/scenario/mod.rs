//! Scenarios from files: what is set up, what goes wrong, what is expected, and one sentence why.
//!
//! A file names only what differs from a quiet day ([`Setup::default`]). An unknown key is an error, so that a scenario
//! does not quietly test nothing. docs/SIMULATION.md lists the keys.

mod engine;
mod faults;
mod models;

use config::{Config, File, FileFormat};

use crate::sim::{report::Expect, setup::Setup};

/// One file.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Scenario {
    why: String,
    topics: Option<Vec<u32>>,
    shutdown_ms: Option<u64>,
    engine: engine::Engine,
    workload: models::Workload,
    requests: models::Requests,
    broker: models::Broker,
    worker: models::Worker,
    sink: models::Sink,
    fault: Vec<faults::Fault>,
    expect: Expect,
}

/// Reads a scenario.
///
/// # Errors
/// What is wrong with the text, in words.
pub fn parse(text: &str) -> Result<Setup, String> {
    let parsed = Config::builder().add_source(File::from_str(text, FileFormat::Toml)).build();
    let scenario: Scenario = parsed.and_then(Config::try_deserialize).map_err(|error| error.to_string())?;
    if scenario.why.is_empty() {
        return Err("it does not say why".to_owned());
    }
    let mut setup = Setup { why: scenario.why, expect: scenario.expect, ..Setup::default() };
    models::set(&mut setup.topics, scenario.topics);
    models::set_ms(&mut setup.shutdown, scenario.shutdown_ms);
    scenario.engine.apply(&mut setup.settings);
    scenario.workload.apply(&mut setup.workload);
    scenario.requests.apply(&mut setup.requests);
    scenario.broker.apply(&mut setup.broker);
    scenario.worker.apply(&mut setup.worker);
    scenario.sink.apply(&mut setup.sink);
    setup.faults = scenario.fault.iter().map(faults::Fault::read).collect::<Result<_, _>>()?;
    if !(1..=64).contains(&setup.partitions()) {
        return Err("it needs 1 to 64 partitions".to_owned());
    }
    Ok(setup)
}

/// Reads a scenario by its path, or by its name from `tests/scenarios`.
///
/// # Errors
/// What is wrong with the file.
pub fn load(name: &str) -> Result<Setup, String> {
    let named = format!("tests/scenarios/{name}.toml");
    let path = if std::path::Path::new(name).is_file() { name } else { &named };
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    parse(&text).map_err(|error| format!("{path}: {error}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        engine::settings::{Ordering, PoisonPolicy},
        record::PartitionId,
        sim::{
            fault::{Kind, Set, WorkerMood},
            workload::Poison,
        },
        time::Instant,
    };

    #[test]
    fn partitions_beyond_counting_are_too_many() {
        let found = parse("why = \"x\"\ntopics = [4294967294, 2]\n").unwrap_err();
        assert!(found.contains("1 to 64 partitions"), "{found}");
    }

    #[test]
    fn a_file_names_what_differs_and_the_rest_is_a_quiet_day() {
        let setup = parse(
            r#"
            why = "to see it read"
            topics = [8, 2]
            [engine]
            queue_records_max = 40
            ordering = "key"
            poison = "skip"
            linger_ms = 7
            [workload]
            records = 10
            poisons = ["refused"]
            bytes = [1, 2]
            [[fault]]
            at_ms = 1000
            lasts_ms = 500
            kind = "busy"
            retry_after_ms = 20
            [[fault]]
            at_ms = 2000
            kind = "revoke"
            partitions = [0, 3]
            [expect]
            completed = [10, 10]
            "#,
        )
        .unwrap();
        assert_eq!((setup.partitions(), setup.settings.queue_records_max), (10, Some(40)));
        assert_eq!((setup.settings.ordering, setup.settings.poison), (Ordering::Key, PoisonPolicy::Skip));
        assert_eq!((setup.settings.linger, setup.settings.concurrency), (Duration::from_millis(7), 2));
        assert_eq!((setup.workload.poisons, setup.workload.bytes), (vec![Poison::Refused], (1, 2)));
        let retry_after = Some(Duration::from_millis(20));
        assert_eq!(setup.faults[0].kind, Kind::Worker(WorkerMood::Busy { retry_after }));
        assert_eq!(
            (setup.faults[0].at, setup.faults[0].lasts),
            (Instant::from_millis(1000), Duration::from_millis(500))
        );
        assert_eq!(setup.faults[1].kind, Kind::Revoke(Set(0b1001)));
        assert!(Set(0b1001).has(PartitionId(3)));
        assert_eq!(setup.expect.completed, Some([10, 10]));
    }

    #[test]
    fn what_is_misspelt_or_missing_is_said() {
        for (text, said) in [
            ("topics = [1]", "why"),
            ("why = \"x\"\ntopic = [1]", "topic"),
            ("why = \"x\"\n[engine]\nlinger = 3", "linger"),
            ("why = \"x\"\n[[fault]]\nat_ms = 1\nkind = \"earthquake\"", "earthquake"),
            ("why = \"x\"\n[[fault]]\nat_ms = 1\nkind = \"slow\"", "times"),
            ("why = \"x\"\ntopics = [65]", "64"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
