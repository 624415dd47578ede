use super::{keys, problem, settings, with};
use crate::kafka::settings::GroupProtocol;

#[test]
fn the_low_watermark_is_below_the_high_one() {
    for (low, high) in [("80", "80"), ("90", "80"), ("50", "50%"), ("50", "40")] {
        let found = problem(&[("RESUME_THRESHOLD_PCT", low), ("PAUSE_THRESHOLD_PCT", high)]);
        assert_eq!(found.key, "RESUME_THRESHOLD_PCT");
        assert!(found.what.contains(&format!("PAUSE_THRESHOLD_PCT, which is {high} (environment")), "{found}");
    }
    settings(&[("RESUME_THRESHOLD_PCT", "79.9")]);
    let by_default = problem(&[("PAUSE_THRESHOLD_PCT", "50")]);
    assert_eq!((by_default.given.as_deref(), by_default.origin.unwrap().is_default()), (Some("50"), true));
}

#[test]
fn a_batch_fits_into_the_queue() {
    assert_eq!(problem(&[("QUEUE_MAXSIZE", "31")]).key, "BATCH_SIZE");
    settings(&[("QUEUE_MAXSIZE", "32")]);
    settings(&[("QUEUE_MAXSIZE", "31"), ("ENABLE_MICROBATCH", "false")]);
    settings(&[("BATCH_SIZE", "1000"), ("USE_BOUNDED_QUEUE", "false")]);
    assert_eq!(problem(&[("BATCH_MAX_BYTES", "17MiB")]).key, "BATCH_MAX_BYTES");
}

#[test]
fn a_few_polls_fit_into_the_span() {
    assert_eq!(problem(&[("MAX_UNCOMMITTED_SPAN", "255")]).key, "MAX_UNCOMMITTED_SPAN");
    assert_eq!(problem(&[("MAX_POLL_RECORDS", "2501")]).key, "MAX_UNCOMMITTED_SPAN");
    settings(&[("MAX_UNCOMMITTED_SPAN", "256")]);
    settings(&[("MAX_UNCOMMITTED_SPAN", "4"), ("MAX_POLL_RECORDS", "1")]);
}

#[test]
fn a_record_fits_into_batch_and_queue() {
    assert_eq!(problem(&[("MAX_RECORD_BYTES", "2MiB")]).key, "MAX_RECORD_BYTES");
    let both = with(&[("MAX_RECORD_BYTES", "17MiB")]);
    assert_eq!(keys(&both.problems), ["MAX_RECORD_BYTES", "MAX_RECORD_BYTES"]);
    settings(&[("MAX_RECORD_BYTES", "2MiB"), ("BATCH_MAX_BYTES", "2MiB")]);
}

#[test]
fn times_fit_into_one_another() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("INFERENCE_TIMEOUT", "26s")], "INFERENCE_TIMEOUT"),
        (&[("SHUTDOWN_TIMEOUT", "14s")], "INFERENCE_TIMEOUT"),
        (&[("INFERENCE_TIMEOUT", "900ms")], "WORKER_CONNECT_TIMEOUT"),
        (&[("RETRY_BACKOFF_MIN", "31s")], "RETRY_BACKOFF_MIN"),
        (&[("REVOKE_DRAIN_TIMEOUT", "45s")], "REVOKE_DRAIN_TIMEOUT"),
        (&[("REVOKE_DRAIN_TIMEOUT", "9s"), ("KAFKA_CFG_SESSION_TIMEOUT_MS", "9000")], "REVOKE_DRAIN_TIMEOUT"),
        (&[("KAFKA_CFG_MAX_POLL_INTERVAL_MS", "44999")], "KAFKA_CFG_MAX_POLL_INTERVAL_MS"),
        (&[("KAFKA_CFG_SESSION_TIMEOUT_MS", "300001")], "KAFKA_CFG_MAX_POLL_INTERVAL_MS"),
        (&[("KAFKA_CFG_HEARTBEAT_INTERVAL_MS", "45000")], "KAFKA_CFG_HEARTBEAT_INTERVAL_MS"),
    ];
    for (env, key) in cases {
        assert_eq!(problem(env).key, *key, "{env:?}");
    }
    settings(&[("INFERENCE_TIMEOUT", "25s"), ("REVOKE_DRAIN_TIMEOUT", "44999ms")]);
    settings(&[("KAFKA_CFG_MAX_POLL_INTERVAL_MS", "45000")]);
}

#[test]
fn a_drain_longer_than_both_of_the_groups_times_is_told_about_both() {
    let loaded = with(&[("REVOKE_DRAIN_TIMEOUT", "301s")]);
    assert_eq!(keys(&loaded.problems), ["REVOKE_DRAIN_TIMEOUT", "REVOKE_DRAIN_TIMEOUT"]);
    assert!(loaded.problems[0].what.contains("session.timeout.ms, which is 45s (the client's default)"));
    assert!(loaded.problems[1].what.contains("max.poll.interval.ms, which is 5m (the client's default)"));
}

#[test]
fn a_remote_worker_has_to_be_allowed() {
    for url in ["http://worker:8000/", "http://10.0.0.1/", "http://[2001:db8::1]/"] {
        assert_eq!(problem(&[("WORKER_HEALTH_URL", url)]).key, "WORKER_HEALTH_URL", "{url}");
        settings(&[("WORKER_HEALTH_URL", url), ("ALLOW_REMOTE_WORKER", "true")]);
    }
    let loaded = with(&[("ALLOW_REMOTE_WORKER", "perhaps"), ("WORKER_HEALTH_URL", "http://worker/")]);
    assert_eq!(keys(&loaded.problems), ["ALLOW_REMOTE_WORKER"]);
}

#[test]
fn listeners_that_change_things_stay_on_loopback() {
    for addr in ["0.0.0.0:9464", "[::]:9464", "10.1.2.3:1"] {
        let found = problem(&[("ADMIN_ADDR", addr)]);
        assert_eq!(found.key, "ADMIN_ADDR");
        assert!(found.next.contains("PROBE_ADDR"));
    }
    settings(&[("ADMIN_ADDR", "[::1]:9464"), ("PROBE_ADDR", "0.0.0.0:9465")]);
    assert_eq!(problem(&[("PROBE_ADDR", "127.0.0.1:9464")]).key, "PROBE_ADDR");
    settings(&[("ADMIN_ADDR", "127.0.0.1:0"), ("PROBE_ADDR", "127.0.0.1:0")]);
}

#[test]
fn policies_that_need_or_contradict_a_dead_letter_topic_are_told_so() {
    assert_eq!(problem(&[("TOMBSTONE_POLICY", "dlq")]).key, "TOMBSTONE_POLICY");
    settings(&[("TOMBSTONE_POLICY", "dlq"), ("DLQ_TOPIC", "dead")]);
    assert_eq!(problem(&[("POISON_POLICY", "skip"), ("DLQ_TOPIC", "dead")]).key, "POISON_POLICY");
    assert_eq!(problem(&[("HEAD_OF_LINE_POLICY", "dlq")]).key, "HEAD_OF_LINE_POLICY");
    settings(&[("HEAD_OF_LINE_POLICY", "dlq"), ("DLQ_TOPIC", "dead")]);
}

#[test]
fn prewarming_needs_a_body() {
    assert_eq!(problem(&[("INFERENCE_PREWARM", "true")]).key, "INFERENCE_PREWARM");
    settings(&[("INFERENCE_PREWARM", "true"), ("PREWARM_BODY", "{}")]);
}

#[test]
fn topics_and_brokers_are_names_the_cluster_can_have() {
    let long = "x".repeat(250);
    for topics in ["a b", "..", "caf\u{e9}", &long] {
        assert_eq!(problem(&[("KAFKA_TOPICS", topics)]).key, "KAFKA_TOPICS", "{topics}");
    }
    settings(&[("KAFKA_TOPICS", "^orders-.*,plain.topic_1")]);
    assert_eq!(problem(&[("KAFKA_BROKERS", "a:9092,b:")]).key, "KAFKA_BROKERS");
    assert_eq!(problem(&[("DLQ_TOPIC", "dead letters")]).key, "DLQ_TOPIC");
    assert_eq!(problem(&[("DLQ_TOPIC", "b"), ("KAFKA_TOPICS", "a,b")]).key, "DLQ_TOPIC");
}

#[test]
fn credentials_that_would_never_be_used_are_a_problem() {
    const SASL: (&str, &str) = ("KAFKA_CFG_SECURITY_PROTOCOL", "SASL_SSL");
    const USER: (&str, &str) = ("KAFKA_SASL_USERNAME", "u");
    const PASSWORD: (&str, &str) = ("KAFKA_SASL_PASSWORD", "p");
    const PLAIN: (&str, &str) = ("KAFKA_CFG_SASL_MECHANISM", "plain");
    const TOKEN: (&str, &str) = ("KAFKA_OAUTH_TOKEN_FILE", "/t");
    const OAUTH: (&str, &str) = ("KAFKA_CFG_SASL_MECHANISMS", "OAUTHBEARER");
    settings(&[SASL, USER, PASSWORD, PLAIN]);
    settings(&[SASL, TOKEN, OAUTH]);
    settings(&[SASL, PLAIN, USER, ("KAFKA_CFG_SASL_PASSWORD", "p")]);
    assert_eq!(problem(&[USER, PASSWORD, PLAIN]).key, "KAFKA_SASL_USERNAME");
    assert_eq!(problem(&[SASL, USER, PASSWORD]).key, "KAFKA_SASL_USERNAME");
    assert_eq!(problem(&[SASL, USER, PLAIN]).key, "KAFKA_SASL_USERNAME");
    assert_eq!(problem(&[SASL, PASSWORD, PLAIN]).key, "KAFKA_SASL_PASSWORD");
    assert_eq!(problem(&[SASL, TOKEN, PLAIN]).key, "KAFKA_OAUTH_TOKEN_FILE");
    assert_eq!(problem(&[TOKEN, OAUTH]).key, "KAFKA_OAUTH_TOKEN_FILE");
    let twice = problem(&[SASL, USER, PASSWORD, PLAIN, ("KAFKA_CFG_SASL_PASSWORD", "q")]);
    assert_eq!((twice.key.as_str(), twice.next.as_str()), ("KAFKA_SASL_PASSWORD", "remove KAFKA_CFG_SASL_PASSWORD"));
}

#[test]
fn the_new_group_protocol_leaves_its_times_to_the_broker() {
    const NEW: (&str, &str) = ("KAFKA_GROUP_PROTOCOL", "consumer");
    assert_eq!(settings(&[NEW]).kafka.group_protocol, GroupProtocol::Consumer);
    assert_eq!(problem(&[("KAFKA_CFG_GROUP_PROTOCOL", "consumer")]).key, "KAFKA_CFG_GROUP_PROTOCOL");
    let found = problem(&[NEW, ("KAFKA_CFG_SESSION_TIMEOUT_MS", "40000")]);
    assert_eq!(found.key, "KAFKA_CFG_SESSION_TIMEOUT_MS");
    let found = problem(&[NEW, ("KAFKA_CFG_PARTITION_ASSIGNMENT_STRATEGY", "range")]);
    assert_eq!(found.key, "KAFKA_CFG_PARTITION_ASSIGNMENT_STRATEGY");
}

#[test]
fn what_ends_badly_with_the_new_group_protocol_is_refused() {
    const NEW: (&str, &str) = ("KAFKA_GROUP_PROTOCOL", "consumer");
    assert_eq!(problem(&[NEW, ("KAFKA_GROUP_INSTANCE_ID", "pod-0")]).key, "KAFKA_GROUP_INSTANCE_ID");
    assert_eq!(problem(&[NEW, ("KAFKA_TOPICS", "^a.*"), ("DLQ_TOPIC", "dead")]).key, "KAFKA_TOPICS");
    settings(&[NEW, ("KAFKA_TOPICS", "^a.*")]);
    settings(&[NEW, ("KAFKA_TOPICS", "a"), ("DLQ_TOPIC", "dead")]);
    settings(&[("KAFKA_GROUP_INSTANCE_ID", "pod-0"), ("KAFKA_TOPICS", "^a.*"), ("DLQ_TOPIC", "dead")]);
}
