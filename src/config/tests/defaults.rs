use std::time::Duration;

use super::{bare, keys, settings};
use crate::{
    config::{
        flag::Preset,
        parse::parse,
        table::{self, *},
    },
    control::settings::{Adaptive, ControlSettings, QueueOrder, Range, TtlMode},
    engine::settings::{EngineSettings, Ordering, PoisonPolicy, RequestSettings, RetrySettings, TombstonePolicy},
    telemetry::settings::{LogFormat, LogLevel},
    worker::settings::{Target, ValueFormat},
};

/// Every name the project has promised, with the default it has promised.
const PROMISED: &[(&str, &str)] = &[
    ("MAX_UNCOMMITTED_SPAN", "10000"),
    ("RETRY_MAX_ATTEMPTS", "5"),
    ("DLQ_MAX_PCT", "5"),
    ("ORDERING", "none"),
    ("COMMIT_INTERVAL_MS", "1000"),
    ("SHUTDOWN_TIMEOUT", "25s"),
    ("PAUSE_HARD_AFTER_MS", "5000"),
    ("ALLOW_REMOTE_WORKER", "false"),
    ("VALUE_FORMAT", "auto"),
    ("WAIT_FOR_MODEL", "true"),
    ("MODEL_WAIT_TIMEOUT", "5s"),
    ("INFERENCE_PREWARM", "false"),
    ("WORKER_POOL_IDLE", "1500ms"),
    ("USE_BOUNDED_QUEUE", "true"),
    ("QUEUE_MAXSIZE", "512"),
    ("USE_MANUAL_COMMIT", "true"),
    ("FETCH_MAX_WAIT_MS", "50"),
    ("MAX_POLL_RECORDS", "64"),
    ("PAUSE_THRESHOLD_PCT", "80"),
    ("RESUME_THRESHOLD_PCT", "50"),
    ("ENABLE_TTL", "true"),
    ("ENABLE_MICROBATCH", "true"),
    ("BATCH_SIZE", "32"),
    ("BATCH_TIMEOUT_MS", "25"),
    ("QUEUE_WORKERS", "2"),
    ("INFERENCE_TIMEOUT", "15s"),
    ("WORKER_PROTOCOL", "json"),
    ("LOG_FORMAT", "human"),
    ("LOG_LEVEL", "info"),
    ("KAFKA_GROUP_PROTOCOL", "classic"),
    ("KAFKA_OFFSET_RESET", "earliest"),
    ("ADMIN_ADDR", "127.0.0.1:9464"),
];

/// Promised names without a fixed default.
const PROMISED_NAMES: &[&str] = &[
    "MAX_RECORD_BYTES",
    "QUEUE_MAX_BYTES",
    "BATCH_MAX_BYTES",
    "DLQ_TOPIC",
    "POISON_POLICY",
    "REVOKE_DRAIN_TIMEOUT",
    "KAFKA_GROUP_INSTANCE_ID",
    "KAFKA_BROKERS",
    "KAFKA_TOPICS",
    "KAFKA_GROUP_ID",
    "WORKER_URL",
    "WORKER_HEALTH_URL",
    "PREWARM_BODY",
];

#[test]
fn every_promised_flag_has_its_promised_default() {
    for (name, default) in PROMISED {
        let flag = table::find(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(flag.preset, Preset::Value(default), "{name}");
    }
    for name in PROMISED_NAMES {
        assert!(table::find(name).is_some(), "{name} is missing");
    }
}

#[test]
fn every_preset_is_a_value_its_own_flag_takes() {
    for flag in table::all() {
        if let Preset::Value(text) = flag.preset {
            assert!(parse(flag, text).is_ok(), "{}={text}", flag.name);
        }
        assert!(!flag.doc.ends_with('.') && !flag.doc.is_empty(), "{}: one sentence without a full stop", flag.name);
    }
}

#[test]
fn names_are_unique_and_in_upper_case() {
    let mut names: Vec<_> = table::all().map(|flag| flag.name).collect();
    assert!(names.iter().all(|name| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')));
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn the_four_flags_without_a_default_are_asked_for_all_at_once() {
    assert_eq!(keys(&bare(&[]).problems), ["KAFKA_BROKERS", "KAFKA_TOPICS", "KAFKA_GROUP_ID", "WORKER_URL"]);
}

#[test]
fn the_engine_gets_the_defaults() {
    assert_eq!(settings(&[]).engine, EngineSettings::default());
}

#[test]
fn the_adapters_and_the_rest_get_the_defaults() {
    let settings = settings(&[]);
    let kafka = settings.kafka;
    assert_eq!(
        (kafka.brokers.as_str(), kafka.topics, kafka.group_id.as_str()),
        ("127.0.0.1:9092", vec!["requests".to_owned()], "group")
    );
    assert_eq!((kafka.group_instance_id, kafka.client_id.as_str()), (None, "sluicegate"));
    assert_eq!(
        (kafka.fetch_max_wait, kafka.fetch_queue_backoff),
        (Duration::from_millis(50), Duration::from_millis(5))
    );
    assert_eq!((kafka.prefetch_bytes_max, kafka.prefetch_records), (4 << 20, 20_000));
    assert_eq!(kafka.offset_reset, "earliest");
    assert_eq!((kafka.session_timeout, kafka.max_poll_interval), (Duration::from_secs(45), Duration::from_secs(300)));
    assert_eq!((kafka.max_record_bytes, kafka.max_poll_records), (1 << 20, 64));
    assert_eq!((kafka.manual_commit, kafka.auto_commit_interval), (true, Duration::from_secs(1)));
    assert_eq!((kafka.oauth_token_file, kafka.dead_letter_topic), (None, None));
    assert!(kafka.pass_through.is_empty());

    let worker = settings.worker;
    assert_eq!(worker.target, Target::Tcp { host: "127.0.0.1".into(), port: 8000, path: "/predict".into() });
    assert_eq!((worker.health, worker.value_format, worker.prewarm), (None, ValueFormat::Auto, None));
    assert_eq!((worker.connect_timeout, worker.pool_idle), (Duration::from_secs(1), Duration::from_millis(1500)));
    assert_eq!((worker.response_bytes_max, worker.inference_timeout), (1 << 20, Duration::from_secs(15)));
    assert_eq!((worker.wait_for_model, worker.model_wait_timeout), (true, Duration::from_secs(5)));

    assert_eq!((settings.admin.addr.to_string().as_str(), settings.admin.probe_addr), ("127.0.0.1:9464", None));
    assert_eq!((settings.log.format, settings.log.level), (LogFormat::Human, LogLevel::Info));
    assert_eq!(settings.shutdown_timeout, Duration::from_secs(25));
}

/// One value per flag that is not its default, and that goes with all the others.
const OTHER: &[(&Flag, &str)] = &[
    (&KAFKA_BROKERS, "a:1,b:2"),
    (&KAFKA_TOPICS, "x,y,x"),
    (&KAFKA_GROUP_ID, "007"),
    (&KAFKA_GROUP_INSTANCE_ID, "pod-0"),
    (&KAFKA_CLIENT_ID, "other"),
    (&KAFKA_OFFSET_RESET, "latest"),
    (&FETCH_MAX_WAIT_MS, "51"),
    (&FETCH_QUEUE_BACKOFF_MS, "6"),
    (&PREFETCH_MAX_BYTES, "5MiB"),
    (&PREFETCH_RECORDS, "20001"),
    (&KAFKA_SASL_USERNAME, "user"),
    (&KAFKA_SASL_PASSWORD, "password"),
    (&KAFKA_SSL_KEY_PASSWORD, "passphrase"),
    (&WORKER_URL, "unix:/run/w.sock:/p"),
    (&WORKER_HEALTH_URL, "http://localhost:8001/health"),
    (&VALUE_FORMAT, "binary"),
    (&INFERENCE_TIMEOUT, "14s"),
    (&WORKER_CONNECT_TIMEOUT, "2s"),
    (&WORKER_POOL_IDLE, "1s"),
    (&RESPONSE_MAX_BYTES, "2MiB"),
    (&WAIT_FOR_MODEL, "false"),
    (&MODEL_WAIT_TIMEOUT, "6s"),
    (&INFERENCE_PREWARM, "true"),
    (&PREWARM_BODY, "{}"),
    (&QUEUE_MAXSIZE, "513"),
    (&QUEUE_MAX_BYTES, "17MiB"),
    (&MAX_POLL_RECORDS, "65"),
    (&PAUSE_THRESHOLD_PCT, "81"),
    (&RESUME_THRESHOLD_PCT, "51"),
    (&PAUSE_HARD_AFTER_MS, "0"),
    (&MAX_RECORD_BYTES, "2MiB"),
    (&ENABLE_TTL, "false"),
    (&TOMBSTONE_POLICY, "dlq"),
    (&BATCH_SIZE, "33"),
    (&BATCH_MAX_BYTES, "3MiB"),
    (&BATCH_TIMEOUT_MS, "26"),
    (&QUEUE_WORKERS, "3"),
    (&ORDERING, "key"),
    (&ADAPTIVE, "shadow"),
    (&QUEUE_WORKERS_MIN, "2"),
    (&QUEUE_WORKERS_MAX, "65"),
    (&BATCH_SIZE_MIN, "3"),
    (&BATCH_SIZE_MAX, "255"),
    (&BATCH_TIMEOUT_MS_MIN, "1"),
    (&BATCH_TIMEOUT_MS_MAX, "251"),
    (&PAUSE_THRESHOLD_PCT_MIN, "52"),
    (&PAUSE_THRESHOLD_PCT_MAX, "96"),
    (&RESUME_THRESHOLD_PCT_MIN, "11"),
    (&RESUME_THRESHOLD_PCT_MAX, "79"),
    (&STATE_DIR, "/tmp"),
    (&RETRY_MAX_ATTEMPTS, "6"),
    (&RETRY_BACKOFF_MIN, "101ms"),
    (&RETRY_BACKOFF_MAX, "31s"),
    (&RETRY_BUDGET_PCT, "21"),
    (&RETRY_AFTER_MAX, "32s"),
    (&DLQ_TOPIC, "dead"),
    (&DLQ_MAX_PCT, "6"),
    (&HEAD_OF_LINE_AFTER, "61s"),
    (&HEAD_OF_LINE_POLICY, "dlq"),
    (&COMMIT_INTERVAL_MS, "1001"),
    (&MAX_UNCOMMITTED_SPAN, "10001"),
    (&COMMIT_METADATA_MAX_BYTES, "3000"),
    (&COMMIT_AUDIT_INTERVAL, "7m"),
    (&REVOKE_DRAIN_TIMEOUT, "9s"),
    (&SHUTDOWN_TIMEOUT, "26s"),
    (&STALL_AFTER, "29s"),
    (&ADMIN_ADDR, "127.0.0.1:1"),
    (&PROBE_ADDR, "0.0.0.0:2"),
    (&INGRESS_ADDR, "0.0.0.0:3"),
    (&INGRESS_PATHS, "/a,/b"),
    (&INGRESS_TOPIC, "asked"),
    (&INGRESS_TIMEOUT, "31s"),
    (&INGRESS_WEIGHT, "51"),
    (&INGRESS_RESERVED_PCT, "21"),
    (&INGRESS_HEADERS, "X-One,x-two"),
    (&INGRESS_CONNECTIONS_MAX, "1025"),
    (&INGRESS_KEEP_ALIVE, "76s"),
    (&INGRESS_DRAIN_GRACE, "2s"),
    (&LOG_FORMAT, "json"),
    (&LOG_LEVEL, "debug"),
];

use crate::config::flag::Flag;

/// The flags above, and what has no place in one set with them.
const ELSEWHERE: &[&Flag] = &[
    &USE_BOUNDED_QUEUE,
    &ENABLE_MICROBATCH,
    &USE_MANUAL_COMMIT,
    &POISON_POLICY,
    &KAFKA_OAUTH_TOKEN_FILE,
    &KAFKA_GROUP_PROTOCOL,
    &ALLOW_REMOTE_WORKER,
    &WORKER_PROTOCOL,
    &TTL_MODE,
    &QUEUE_ORDER,
];

#[test]
fn every_flag_reaches_its_setting() {
    let tested: Vec<_> =
        OTHER.iter().map(|(flag, _)| flag.name).chain(ELSEWHERE.iter().map(|flag| flag.name)).collect();
    for flag in table::all() {
        assert!(tested.contains(&flag.name), "{} is not tested here", flag.name);
    }
    let mut env: Vec<_> = OTHER.iter().map(|(flag, text)| (flag.name, *text)).collect();
    env.extend([("KAFKA_CFG_SECURITY_PROTOCOL", "sasl_ssl"), ("KAFKA_CFG_SASL_MECHANISM", "PLAIN")]);
    let settings = bare(&env).into_settings().unwrap_or_else(|problems| panic!("{problems}"));

    let ms = Duration::from_millis;
    let expected = EngineSettings {
        requests: Some(RequestSettings {
            topic: "asked".into(),
            timeout: ms(31_000),
            weight_pct: 51,
            reserved_pct: 21,
        }),
        queue_records_max: Some(513),
        queue_bytes_max: 17 << 20,
        max_poll_records: 65,
        pause_threshold_pct: 81.0,
        resume_threshold_pct: 51.0,
        pause_hard_after: ms(0),
        ttl: false,
        tombstones: TombstonePolicy::Poison,
        max_record_bytes: 2 << 20,
        batch_records_max: 33,
        batch_bytes_max: 3 << 20,
        linger: ms(26),
        concurrency: 3,
        inference_timeout: ms(14_000),
        ordering: Ordering::Key,
        retry: RetrySettings {
            attempts_max: 6,
            backoff_min: ms(101),
            backoff_max: ms(31_000),
            budget_pct: 21.0,
            retry_after_max: ms(32_000),
        },
        poison: PoisonPolicy::DeadLetter,
        dead_letter_max_pct: 6.0,
        span_max: 10_001,
        commit_interval: Some(ms(1001)),
        commits_start: true,
        commit_metadata_bytes: 3000,
        audit_every: Some(ms(420_000)),
        revoke_drain: ms(9000),
        stall_after: ms(29_000),
        poll_gap_max: ms(30_000),
        head_of_line_after: ms(61_000),
        head_of_line_letters: true,
        control: ControlSettings {
            adaptive: Adaptive::Shadow,
            ttl_mode: TtlMode::Expired,
            queue_order: QueueOrder::Fifo,
            concurrency: Range::new(3, 2, 65),
            batch_records: Range::new(33, 3, 255),
            linger_ms: Range::new(26, 1, 251),
            pause_pct: Range::new(81.0, 52.0, 96.0),
            resume_pct: Range::new(51.0, 11.0, 79.0),
        },
    };
    let kafka_queue_bytes = expected.queue_bytes_max;
    assert_eq!(settings.engine, expected);
    assert_eq!(settings.state_dir.as_deref(), Some(std::path::Path::new("/tmp")));

    let kafka = settings.kafka;
    assert_eq!((kafka.brokers.as_str(), kafka.topics), ("a:1,b:2", vec!["x".to_owned(), "y".to_owned()]));
    assert_eq!((kafka.group_id.as_str(), kafka.group_instance_id.as_deref()), ("007", Some("pod-0")));
    assert_eq!((kafka.client_id.as_str(), kafka.offset_reset.as_str()), ("other", "latest"));
    assert_eq!((kafka.fetch_max_wait, kafka.fetch_queue_backoff), (ms(51), ms(6)));
    assert_eq!((kafka.prefetch_bytes_max, kafka.prefetch_records), (5 << 20, 20_001));
    assert_eq!((kafka.max_record_bytes, kafka.max_poll_records), (2 << 20, 65));
    assert_eq!((kafka.auto_commit_interval, kafka.dead_letter_topic.as_deref()), (ms(1001), Some("dead")));
    let property = |name: &str| kafka.pass_through.get(name).map(String::as_str);
    assert_eq!((property("sasl.username"), property("sasl.password")), (Some("user"), Some("password")));
    assert_eq!((property("ssl.key.password"), property("sasl.mechanism")), (Some("passphrase"), Some("PLAIN")));

    let worker = settings.worker;
    assert_eq!(worker.target, Target::Unix { socket: "/run/w.sock".into(), path: "/p".into() });
    assert_eq!(worker.health, Some(Target::Tcp { host: "localhost".into(), port: 8001, path: "/health".into() }));
    assert_eq!((worker.value_format, worker.prewarm.as_deref()), (ValueFormat::Binary, Some("{}")));
    assert_eq!((worker.connect_timeout, worker.pool_idle), (ms(2000), ms(1000)));
    assert_eq!((worker.response_bytes_max, worker.inference_timeout), (2 << 20, ms(14_000)));
    assert_eq!((worker.wait_for_model, worker.model_wait_timeout), (false, ms(6000)));

    let ingress = settings.ingress.unwrap();
    assert_eq!(
        (ingress.addr.to_string().as_str(), ingress.paths),
        ("0.0.0.0:3", vec!["/a".to_owned(), "/b".to_owned()])
    );
    assert_eq!((ingress.timeout, ingress.headers), (ms(31_000), vec!["x-one".to_owned(), "x-two".to_owned()]));
    assert_eq!((ingress.body_bytes_max, ingress.reading_bytes_max), (2 << 20, kafka_queue_bytes));
    assert_eq!((ingress.connections_max, ingress.keep_alive, ingress.drain_grace), (1025, ms(76_000), ms(2000)));

    assert_eq!(settings.admin.addr.to_string(), "127.0.0.1:1");
    assert_eq!(settings.admin.probe_addr.map(|addr| addr.to_string()).as_deref(), Some("0.0.0.0:2"));
    assert_eq!((settings.log.format, settings.log.level), (LogFormat::Json, LogLevel::Debug));
    assert_eq!(settings.shutdown_timeout, ms(26_000));
}

#[test]
fn the_switches_switch_what_they_say() {
    assert_eq!(settings(&[("USE_BOUNDED_QUEUE", "false")]).engine.queue_records_max, None);
    assert_eq!(settings(&[("ENABLE_MICROBATCH", "false")]).engine.batch_records_max, 1);
    let weak = settings(&[("USE_MANUAL_COMMIT", "false"), ("COMMIT_INTERVAL_MS", "500")]);
    assert_eq!((weak.engine.commit_interval, weak.kafka.manual_commit), (None, false));
    assert_eq!(weak.kafka.auto_commit_interval, Duration::from_millis(500));
    assert_eq!(settings(&[("PREWARM_BODY", "{}")]).worker.prewarm, None);
    assert_eq!(settings(&[]).engine.requests, None);
    assert!(settings(&[("INGRESS_TOPIC", "asked")]).ingress.is_none());
    let asked = settings(&[("INGRESS_ADDR", "127.0.0.1:0"), ("KAFKA_TOPICS", "one,two")]);
    assert_eq!(&*asked.engine.requests.unwrap().topic, "one");
    assert_eq!(settings(&[("TOMBSTONE_POLICY", "skip")]).engine.tombstones, TombstonePolicy::Skip);
    assert_eq!(settings(&[("ORDERING", "partition")]).engine.ordering, Ordering::Partition);
    assert_eq!(settings(&[("VALUE_FORMAT", "json")]).worker.value_format, ValueFormat::Json);
    assert_eq!(settings(&[("WORKER_PROTOCOL", "json")]).worker.health, None);
}

#[test]
fn the_poison_policy_follows_from_the_dead_letter_topic_unless_it_is_said() {
    assert_eq!(settings(&[]).engine.poison, PoisonPolicy::Stop);
    assert_eq!(settings(&[("POISON_POLICY", "stop")]).engine.poison, PoisonPolicy::Stop);
    assert_eq!(settings(&[("POISON_POLICY", "skip")]).engine.poison, PoisonPolicy::Skip);
    assert_eq!(settings(&[("DLQ_TOPIC", "dead")]).engine.poison, PoisonPolicy::DeadLetter);
}

#[test]
fn the_drain_is_half_the_session_where_that_is_less() {
    let drain = |ms: &str| settings(&[("KAFKA_CFG_SESSION_TIMEOUT_MS", ms)]).engine.revoke_drain;
    assert_eq!(drain("45000"), Duration::from_secs(10));
    assert_eq!(drain("6001"), Duration::from_millis(3000));
}
