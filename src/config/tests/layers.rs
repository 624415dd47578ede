use std::path::Path;

use proptest::prelude::*;

use super::{REQUIRED, file, keys, os, with};
use crate::config::{Format, Loaded, Overrides, load_with, table::*};

/// With the required flags, a file, this environment and these options.
fn layered(file: Option<&Path>, env: &[(&str, &str)], options: &[(&str, &str)]) -> Loaded {
    let flags = options.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let overrides = Overrides { file: file.map(Path::to_owned), flags, kafka: vec![] };
    load_with(&overrides, &os(&[REQUIRED, env].concat()), None)
}

fn queue(loaded: &Loaded) -> (Option<u64>, String) {
    (loaded.values.get(&QUEUE_MAXSIZE), loaded.values.origin(&QUEUE_MAXSIZE).to_string())
}

#[test]
fn each_layer_overrides_the_ones_below_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir, "x.toml", "queue_maxsize = 100\n");
    let (env, option) = (&[("QUEUE_MAXSIZE", "200")], &[("QUEUE_MAXSIZE", "300")]);
    assert_eq!(queue(&layered(None, &[], &[])), (Some(512), "default".into()));
    let from_file = format!("file {}", path.display());
    assert_eq!(queue(&layered(Some(&path), &[], &[])), (Some(100), from_file.clone()));
    assert_eq!(queue(&layered(Some(&path), env, &[])), (Some(200), "environment QUEUE_MAXSIZE".into()));
    assert_eq!(queue(&layered(Some(&path), env, option)), (Some(300), "command line --queue-maxsize".into()));
    assert_eq!(queue(&layered(Some(&path), &[], option)), (Some(300), "command line --queue-maxsize".into()));
    assert!(layered(Some(&path), env, option).problems.is_empty());
}

#[test]
fn a_bad_value_is_hidden_by_a_good_one_above_it_but_not_below_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir, "x.toml", "queue_maxsize = \"many\"\n");
    assert!(layered(Some(&path), &[("QUEUE_MAXSIZE", "200")], &[]).problems.is_empty());
    let loaded = layered(Some(&path), &[], &[]);
    assert_eq!(loaded.problems[0].origin.as_ref().unwrap().to_string(), format!("file {}", path.display()));
    assert_eq!(loaded.problems[0].given.as_deref(), Some("many"));
}

#[test]
fn a_file_may_use_the_types_of_toml() {
    let dir = tempfile::tempdir().unwrap();
    let text = "use_bounded_queue = false\nbatch_timeout_ms = 7\npause_threshold_pct = 82.5\nqueue_max_bytes = \"8MiB\"\n\
                kafka_topics = [\"a\", \"b\"]\nkafka_group_id = \"007\"\nkafka_cfg_session_timeout_ms = 30_000\n";
    let path = file(&dir, "x.toml", text);
    let env = os(&[REQUIRED[0], REQUIRED[3]]);
    let loaded = load_with(&Overrides { file: Some(path), ..Overrides::default() }, &env, None);
    let settings = loaded.into_settings().unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!((settings.engine.queue_records_max, settings.engine.queue_bytes_max), (None, 8 << 20));
    assert_eq!(settings.engine.linger.as_millis(), 7);
    assert_eq!(settings.engine.pause_threshold_pct, 82.5);
    assert_eq!(settings.kafka.topics, ["a", "b"]);
    assert_eq!(settings.kafka.group_id, "007");
    assert_eq!(settings.kafka.session_timeout.as_secs(), 30);
}

#[test]
fn every_unknown_key_of_a_file_is_a_problem_with_the_nearest_name() {
    let dir = tempfile::tempdir().unwrap();
    let text = "queue_maxsze = 1\nQUEUE_MAXSIZE = 2\ncolour = \"red\"\nconfig_file = \"y\"\n\"a.b[0]\" = 1\n\
                [batch]\nsize = 3\n[kafka_cfg_]\n";
    let path = file(&dir, "x.toml", text);
    let loaded = layered(Some(&path), &[], &[]);
    let mut found: Vec<_> = loaded.problems.iter().map(|p| (p.key.as_str(), p.next.as_str())).collect();
    found.sort_unstable();
    let none = "remove it; docs/FLAGS.md has every name";
    assert_eq!(
        found,
        [
            ("QUEUE_MAXSIZE", "did you mean queue_maxsize?"),
            ("a.b[0]", none),
            ("batch", none),
            ("colour", none),
            ("config_file", none),
            ("kafka_cfg_", none),
            ("queue_maxsze", "did you mean queue_maxsize?"),
        ]
    );
}

#[test]
fn a_table_or_a_comma_in_an_array_is_a_problem_of_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir, "x.toml", "kafka_topics = [\"a,b\"]\n[queue_maxsize]\nx = 1\n");
    let loaded = layered(Some(&path), &[], &[]);
    let mut found = keys(&loaded.problems);
    found.sort_unstable();
    assert_eq!(found, ["kafka_topics", "queue_maxsize"]);
}

#[test]
fn a_file_that_cannot_be_read_or_is_not_toml_is_a_problem_beside_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing.toml");
    let loaded = layered(Some(&missing), &[("QUEUE_MAXSIZE", "0")], &[]);
    assert_eq!(keys(&loaded.problems), ["--config", "QUEUE_MAXSIZE"]);
    let broken = file(&dir, "broken.toml", "queue_maxsize = \n");
    let loaded = layered(Some(&broken), &[("QUEUE_MAXSIZE", "0")], &[]);
    assert_eq!(keys(&loaded.problems), [broken.display().to_string().as_str(), "QUEUE_MAXSIZE"]);
    assert!(loaded.problems[0].what.contains("line 1"), "{}", loaded.problems[0]);
}

#[test]
fn the_command_line_names_the_file_before_the_environment_and_that_before_the_default_file() {
    let dir = tempfile::tempdir().unwrap();
    let paths =
        ["a", "b", "c"].map(|name| file(&dir, name, &format!("queue_maxsize = {}\n", 100 + name.as_bytes()[0])));
    let read = |overrides: &Overrides, env: &[(&str, &str)], default: &Path| {
        load_with(overrides, &os(&[REQUIRED, env].concat()), Some(default)).file
    };
    let by_option = Overrides { file: Some(paths[0].clone()), ..Overrides::default() };
    let env = &[("CONFIG_FILE", paths[1].to_str().unwrap())];
    assert_eq!(read(&by_option, env, &paths[2]).as_ref(), Some(&paths[0]));
    assert_eq!(read(&Overrides::default(), env, &paths[2]).as_ref(), Some(&paths[1]));
    assert_eq!(read(&Overrides::default(), &[], &paths[2]).as_ref(), Some(&paths[2]));
    assert_eq!(read(&Overrides::default(), &[], &dir.path().join("missing")), None);
    assert_eq!(keys(&with(&[("CONFIG_FILE", "")]).problems), ["CONFIG_FILE"]);
}

#[test]
#[cfg(unix)]
fn a_variable_of_ours_that_is_not_utf8_is_a_problem_and_another_is_not() {
    use std::os::unix::ffi::OsStringExt;
    let mut env = os(REQUIRED);
    let broken = || std::ffi::OsString::from_vec(vec![0x80]);
    env.extend([("QUEUE_MAXSIZE".into(), broken()), ("SOMETHING".into(), broken()), (broken(), "x".into())]);
    assert_eq!(keys(&load_with(&Overrides::default(), &env, None).problems), ["QUEUE_MAXSIZE"]);
}

#[test]
fn print_config_shows_every_effective_value_with_its_origin() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir, "x.toml", "batch_size = 16\nkafka_cfg_session_timeout_ms = 8000\n");
    let loaded = layered(Some(&path), &[("QUEUE_MAXSIZE", "200")], &[("LOG_LEVEL", "debug")]);
    let text = loaded.print(Format::Text);
    let line = |name: &str| {
        let found = text.lines().find(|line| line.split_whitespace().next() == Some(name));
        found.unwrap_or_else(|| panic!("no {name} in {text}")).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("QUEUE_MAXSIZE"), "QUEUE_MAXSIZE 200 environment QUEUE_MAXSIZE");
    assert_eq!(line("BATCH_SIZE"), format!("BATCH_SIZE 16 file {}", path.display()));
    assert_eq!(line("LOG_LEVEL"), "LOG_LEVEL debug command line --log-level");
    assert_eq!(line("QUEUE_WORKERS"), "QUEUE_WORKERS 2 default");
    assert_eq!(line("DLQ_TOPIC"), "DLQ_TOPIC (unset) default: no dead-letter topic: POISON_POLICY decides");
    assert!(line("REVOKE_DRAIN_TIMEOUT").starts_with("REVOKE_DRAIN_TIMEOUT 4s default: 10s, or half"));
    assert_eq!(line("session.timeout.ms"), format!("session.timeout.ms 8000 file {}", path.display()));
    for flag in all() {
        line(flag.name);
    }
}

#[test]
fn print_config_as_json_holds_the_same() {
    let loaded = layered(None, &[("QUEUE_MAXSIZE", "many"), ("BATCH_SIZ", "1")], &[]);
    let json: serde_json::Value = serde_json::from_str(&loaded.print(Format::Json)).unwrap();
    let flags = json["flags"].as_array().unwrap();
    assert_eq!(flags.len(), all().count());
    let find = |name: &str| flags.iter().find(|flag| flag["name"] == name).unwrap();
    assert_eq!(find("QUEUE_MAXSIZE")["value"], "many");
    assert_eq!(find("QUEUE_MAXSIZE")["valid"], false);
    assert_eq!(find("QUEUE_MAXSIZE")["origin"], "environment QUEUE_MAXSIZE");
    assert_eq!(find("DLQ_TOPIC")["value"], serde_json::Value::Null);
    assert_eq!(find("DLQ_TOPIC")["valid"], true);
    assert_eq!(json["problems"][0]["key"], "QUEUE_MAXSIZE");
    assert_eq!(json["near_misses"][0]["key"], "BATCH_SIZ");
}

/// What looks like a file of ours, more or less.
fn toml() -> impl Strategy<Value = String> {
    let key =
        prop_oneof!["[a-z_]{1,8}", Just("queue_maxsize".to_owned()), "kafka_cfg_[a-z_.]{0,8}", "\\[+[a-z.]{0,5}\\]*"];
    let value = prop_oneof![
        "[-+0-9.eEinfa_]{0,30}",
        "\"[^\"]{0,10}\"",
        "[\\[{]{0,200}[0-9,a=\"]{0,5}[\\]}]{0,200}",
        any::<String>()
    ];
    let line = (key, " ?=? ?", value).prop_map(|(key, equals, value)| key + &equals + &value);
    prop::collection::vec(line, 0..4).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn no_file_panics(text in toml()) {
        let dir = tempfile::tempdir().unwrap();
        layered(Some(&file(&dir, "x.toml", &text)), &[], &[]).print(Format::Text);
    }
}
