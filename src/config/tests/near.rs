use proptest::prelude::*;

use super::{os, with};
use crate::config::{
    near::{distance, misses},
    table,
};

/// The name that one variable is taken for.
fn meant(name: &str) -> Option<String> {
    let found = misses(&os(&[(name, "canary")]));
    found.into_iter().next().map(|problem| {
        assert!(!problem.to_string().contains("canary"));
        problem.what.rsplit(' ').next().unwrap_or_default().to_owned()
    })
}

#[test]
fn a_slip_is_reported_with_the_name_meant() {
    for (name, ours) in [
        ("BATCH_TIMOUT_MS", "BATCH_TIMEOUT_MS"),
        ("BATCH_TIMEOUT", "BATCH_TIMEOUT_MS"),
        ("INFERENCE_TIMEOUT_MS", "INFERENCE_TIMEOUT"),
        ("PAUSE_THRESHOLD", "PAUSE_THRESHOLD_PCT"),
        ("BACTH_SIZE", "BATCH_SIZE"),
        ("QUEUE_MAX_SIZE", "QUEUE_MAXSIZE"),
        ("KAFKA_TOPIC", "KAFKA_TOPICS"),
        ("KAFKA_BROKER", "KAFKA_BROKERS"),
        ("KAFKA_GRUP_PROTOCOL", "KAFKA_GROUP_PROTOCOL"),
        ("KAFKA_GROUPID", "KAFKA_GROUP_ID"),
        ("KAFKA_SESSION_TIMEOUT_MS", "KAFKA_CFG_SESSION_TIMEOUT_MS"),
        ("KAFKA_SECURITY_PROTOCOL", "KAFKA_CFG_SECURITY_PROTOCOL"),
        ("KAFKA_SASL_MECHANISM", "KAFKA_CFG_SASL_MECHANISM"),
        ("ORDERNG", "ORDERING"),
        ("PAUSE_TRESHOLD_PCT", "PAUSE_THRESHOLD_PCT"),
        ("KAFKA_SASL_PASWORD_FILE", "KAFKA_SASL_PASSWORD_FILE"),
        ("queue_maxsize", "QUEUE_MAXSIZE"),
        ("Batch_Size", "BATCH_SIZE"),
        ("SLUICEGATE_QUEUE_MAXSIZE", "QUEUE_MAXSIZE"),
        ("SLUICEGATE_KAFKA_CFG_CLIENT_RACK", "KAFKA_CFG_CLIENT_RACK"),
        ("KAFKA_CGF_CLIENT_RACK", "KAFKA_CFG_CLIENT_RACK"),
        ("KAFKA_CFG_client.rack", "KAFKA_CFG_CLIENT_RACK"),
        ("KAFKA_CFG_client_rack", "KAFKA_CFG_CLIENT_RACK"),
        ("KAFKA_CFG_", "KAFKA_CFG_<PROPERTY>"),
        ("CONFIG_FLE", "CONFIG_FILE"),
        ("LOG_FORMT", "LOG_FORMAT"),
    ] {
        assert_eq!(meant(name).as_deref(), Some(ours), "{name}");
    }
}

/// What pods, shells, CI machines and neighbouring programs set.
const ORDINARY: &str = "
    PATH HOME USER SHELL PWD OLDPWD LANG LC_ALL TERM HOSTNAME SHLVL LOGNAME MAIL EDITOR TZ TMPDIR _ DISPLAY SSH_TTY
    XDG_RUNTIME_DIR LS_COLORS COLORTERM DEBIAN_FRONTEND CI GITHUB_ACTIONS GITHUB_REF RUNNER_OS DOCKER_HOST
    KUBERNETES_PORT KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT KUBERNETES_SERVICE_PORT_HTTPS
    KUBERNETES_PORT_443_TCP KUBERNETES_PORT_443_TCP_ADDR KUBERNETES_PORT_443_TCP_PORT KUBERNETES_PORT_443_TCP_PROTO
    KAFKA_PORT KAFKA_HOST KAFKA_SERVICE_HOST KAFKA_SERVICE_PORT KAFKA_PORT_9092_TCP KAFKA_PORT_9092_TCP_ADDR
    KAFKA_HOME KAFKA_OPTS KAFKA_HEAP_OPTS KAFKA_LOG4J_OPTS KAFKA_VERSION KAFKA_NODE_ID KAFKA_LISTENERS KAFKA_USER
    KAFKA_ADVERTISED_LISTENERS KAFKA_PROCESS_ROLES KAFKA_LOG_DIRS KAFKA_BOOTSTRAP_SERVERS KAFKA_ZOOKEEPER_CONNECT
    WORKER_PORT WORKER_HOST WORKER_ID WORKER_NAME WORKER_SERVICE_HOST WORKER_SERVICE_PORT WORKER_PORT_80_TCP
    SLUICEGATE_SERVICE_HOST SLUICEGATE_SERVICE_PORT SLUICEGATE_PORT SLUICEGATE_PORT_9464_TCP SLUICEGATE_VERSION
    QUEUE_NAME QUEUE_URL QUEUE_SIZE BATCH_FILE BATCH_ID LOG_DIR LOG_FILE LOG_PATH LOGLEVEL RUST_LOG RUST_BACKTRACE
    RUSTUP_HOME CARGO_HOME CARGO_PKG_NAME CARGO_MANIFEST_DIR JAVA_HOME MAVEN_HOME PYTHONPATH VIRTUAL_ENV NODE_ENV
    POD_NAME POD_NAMESPACE POD_IP NODE_NAME HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy
    OTEL_EXPORTER_OTLP_ENDPOINT OTEL_SERVICE_NAME AWS_REGION AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE
    CUDA_VISIBLE_DEVICES NVIDIA_VISIBLE_DEVICES OMP_NUM_THREADS MODEL_NAME MODEL_PATH TRITON_SERVER_URL VLLM_PORT
    ADMIN_USER ADMIN_PASSWORD ADMIN_EMAIL ADMIN_PORT DATABASE_URL REDIS_URL PORT DEBUG ENV STAGE CONFIG CONFIG_DIR
    RETRY_COUNT RETRY_DELAY MAX_RETRIES MAX_WORKERS SHUTDOWN_GRACE COMMIT_SHA COMMIT_ID SHARD_ORDER ALLOW_ORIGINS
";

#[test]
fn ordinary_names_are_left_alone() {
    for name in ORDINARY.split_whitespace() {
        assert_eq!(meant(name), None, "{name}");
    }
}

#[test]
fn our_own_names_are_no_misses() {
    for flag in table::all() {
        assert_eq!(meant(flag.name), None);
        if let Some(name) = flag.file_name() {
            assert_eq!(meant(&name), None);
        }
    }
    assert_eq!(meant("CONFIG_FILE"), None);
    assert_eq!(meant("KAFKA_CFG_CLIENT_RACK"), None);
}

#[test]
fn the_distance_counts_slips() {
    for (a, b, slips) in
        [("", "", 0), ("a", "", 1), ("abc", "acb", 1), ("abc", "abd", 1), ("abc", "ab", 1), ("kitten", "sitting", 3)]
    {
        assert_eq!(distance(a, b), slips, "{a} {b}");
        assert_eq!(distance(b, a), slips, "{b} {a}");
    }
}

proptest! {
    #[test]
    fn no_environment_panics(name in any::<String>(), value in any::<String>()) {
        with(&[(&name, &value)]);
    }
}
