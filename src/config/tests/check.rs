use super::{bare, keys, with};

#[test]
fn every_problem_is_reported_at_once() {
    let loaded = bare(&[
        ("KAFKA_BROKERS", "b:9092"),
        ("KAFKA_GROUP_ID", ""),
        ("QUEUE_MAXSIZE", "lots"),
        ("BATCH_SIZE", "0"),
        ("INFERENCE_TIMEOUT", "15"),
        ("QUEUE_MAX_BYTES", "64K"),
        ("PAUSE_THRESHOLD_PCT", "40"),
        ("ENABLE_TTL", "maybe"),
        ("ORDERING", "random"),
        ("WORKER_URL", "https://worker/"),
        ("ADMIN_ADDR", "0.0.0.0:9464"),
        ("KAFKA_CFG_GROUP_ID", "x"),
        ("KAFKA_CFG_SESION_TIMEOUT_MS", "1"),
        ("BATCH_TIMOUT_MS", "5"),
    ]);
    let mut expected = [
        "KAFKA_TOPICS",
        "KAFKA_GROUP_ID",
        "QUEUE_MAXSIZE",
        "BATCH_SIZE",
        "INFERENCE_TIMEOUT",
        "QUEUE_MAX_BYTES",
        "RESUME_THRESHOLD_PCT",
        "ENABLE_TTL",
        "ORDERING",
        "WORKER_URL",
        "ADMIN_ADDR",
        "KAFKA_CFG_GROUP_ID",
        "KAFKA_CFG_SESION_TIMEOUT_MS",
    ];
    let mut found = keys(&loaded.problems);
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(loaded.check().unwrap_err().0.len(), expected.len() + 1, "check counts the near miss too");
    assert!(loaded.settings().is_none());
    for problem in loaded.check().unwrap_err().0 {
        assert!(!problem.what.is_empty() && !problem.next.is_empty(), "{problem}");
    }
}

#[test]
fn a_problem_names_key_value_origin_range_and_next_step() {
    let problems = with(&[("QUEUE_MAXSIZE", "lots")]).check().unwrap_err();
    assert_eq!(
        problems.to_string(),
        "1 problem in the configuration\n\
         \n\
         QUEUE_MAXSIZE is not a whole number\n  \
           given:   lots (environment QUEUE_MAXSIZE)\n  \
           allowed: 1 to 1000000 records\n  \
           next:    set it to a whole number from 1 to 1000000\n"
    );
}

#[test]
fn control_characters_and_long_values_are_tamed() {
    let long = "x".repeat(10_000);
    let problems = with(&[("ORDERING", "a\u{1b}[2Jb"), ("QUEUE_MAXSIZE", &long)]).problems;
    assert_eq!(problems[1].given.as_deref(), Some("a\\u{1b}[2Jb"));
    assert!(problems[0].given.as_ref().is_some_and(|given| given.len() < 200));
}

#[test]
fn when_all_is_well_one_line_says_what_would_run() {
    assert_eq!(
        with(&[("KAFKA_TOPICS", "a,b")]).check().unwrap(),
        "ok: a,b as group to http://127.0.0.1:8000/predict; queue of 512 records or 16MiB, batches of 32, 2 in flight"
    );
}

#[test]
fn a_near_miss_fails_the_check_and_not_the_run() {
    let loaded = with(&[("BATCH_TIMOUT_MS", "5")]);
    assert_eq!(keys(&loaded.check().unwrap_err().0), ["BATCH_TIMOUT_MS"]);
    assert_eq!(keys(&loaded.near_misses), ["BATCH_TIMOUT_MS"]);
    assert!(loaded.into_settings().is_ok());
}
