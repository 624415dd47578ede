//! From values to settings, field by field. Nothing is checked here any more.

use std::{collections::BTreeMap, time::Duration};

use super::Settings;
use crate::{
    admin::settings::AdminSettings,
    config::{
        pass_through::PassThrough,
        rules::{drain_timeout, max_poll_interval, session_timeout},
        secret::Secret,
        table::*,
        value::{Absent, Values},
    },
    engine::settings::{EngineSettings, Ordering, PoisonPolicy, RetrySettings, TombstonePolicy},
    kafka::settings::{GroupProtocol, KafkaSettings},
    telemetry::settings::{LogFormat, LogLevel, LogSettings},
    worker::settings::{ValueFormat, WorkerSettings},
};

pub(crate) fn build(values: &Values, pass_through: &PassThrough) -> Result<Settings, Absent> {
    Ok(Settings {
        engine: engine(values, pass_through)?,
        kafka: kafka(values, pass_through)?,
        worker: worker(values)?,
        admin: AdminSettings { addr: values.need(&ADMIN_ADDR)?, probe_addr: values.get(&PROBE_ADDR) },
        ingress: super::ingress::build(values)?,
        log: LogSettings {
            format: match values.need(&LOG_FORMAT)? {
                "json" => LogFormat::Json,
                _ => LogFormat::Human,
            },
            // The table lists the same words; a word it has and the log has not would be a slip of ours.
            level: LogLevel::parse(values.need(&LOG_LEVEL)?).unwrap_or(LogLevel::Info),
        },
        state_dir: values.get(&STATE_DIR),
        shutdown_timeout: values.need(&SHUTDOWN_TIMEOUT)?,
    })
}

fn engine(values: &Values, pass_through: &PassThrough) -> Result<EngineSettings, Absent> {
    let bounded: bool = values.need(&USE_BOUNDED_QUEUE)?;
    let batches: bool = values.need(&ENABLE_MICROBATCH)?;
    let manual_commit: bool = values.need(&USE_MANUAL_COMMIT)?;
    let commit_interval: Duration = values.need(&COMMIT_INTERVAL_MS)?;
    Ok(EngineSettings {
        queue_records_max: if bounded { Some(values.need(&QUEUE_MAXSIZE)?) } else { None },
        queue_bytes_max: values.need(&QUEUE_MAX_BYTES)?,
        max_poll_records: values.need(&MAX_POLL_RECORDS)?,
        pause_threshold_pct: values.need(&PAUSE_THRESHOLD_PCT)?,
        resume_threshold_pct: values.need(&RESUME_THRESHOLD_PCT)?,
        pause_hard_after: values.need(&PAUSE_HARD_AFTER_MS)?,
        ttl: values.need(&ENABLE_TTL)?,
        tombstones: match values.need(&TOMBSTONE_POLICY)? {
            "skip" => TombstonePolicy::Skip,
            "dlq" => TombstonePolicy::Poison,
            _ => TombstonePolicy::Deliver,
        },
        max_record_bytes: values.need(&MAX_RECORD_BYTES)?,
        batch_records_max: if batches { values.need(&BATCH_SIZE)? } else { 1 },
        batch_bytes_max: values.need(&BATCH_MAX_BYTES)?,
        linger: values.need(&BATCH_TIMEOUT_MS)?,
        concurrency: values.need(&QUEUE_WORKERS)?,
        inference_timeout: values.need(&INFERENCE_TIMEOUT)?,
        ordering: match values.need(&ORDERING)? {
            "key" => Ordering::Key,
            "partition" => Ordering::Partition,
            _ => Ordering::None,
        },
        retry: RetrySettings {
            attempts_max: values.need(&RETRY_MAX_ATTEMPTS)?,
            backoff_min: values.need(&RETRY_BACKOFF_MIN)?,
            backoff_max: values.need(&RETRY_BACKOFF_MAX)?,
            budget_pct: values.need(&RETRY_BUDGET_PCT)?,
            retry_after_max: values.need(&RETRY_AFTER_MAX)?,
        },
        poison: match values.get(&POISON_POLICY) {
            _ if values.is_set(&DLQ_TOPIC) => PoisonPolicy::DeadLetter,
            Some("skip") => PoisonPolicy::Skip,
            _ => PoisonPolicy::Stop,
        },
        dead_letter_max_pct: values.need(&DLQ_MAX_PCT)?,
        span_max: values.need(&MAX_UNCOMMITTED_SPAN)?,
        commit_interval: manual_commit.then_some(commit_interval),
        commits_start: values.need::<&str>(&KAFKA_OFFSET_RESET)? == "latest",
        commit_metadata_bytes: values.need::<u32>(&COMMIT_METADATA_MAX_BYTES)? as usize,
        audit_every: values.get::<Duration>(&COMMIT_AUDIT_INTERVAL).filter(|every| !every.is_zero()),
        revoke_drain: drain_timeout(values, pass_through),
        stall_after: values.need(&STALL_AFTER)?,
        poll_gap_max: max_poll_interval(pass_through) / 10,
        head_of_line_after: values.need(&HEAD_OF_LINE_AFTER)?,
        head_of_line_letters: values.need::<&str>(&HEAD_OF_LINE_POLICY)? == "dlq",
        requests: super::ingress::requests(values)?,
        control: super::control::build(values)?,
    })
}

/// Without topics or a group where none is given: to whom they matter they are required.
pub(crate) fn kafka(values: &Values, pass_through: &PassThrough) -> Result<KafkaSettings, Absent> {
    let brokers: Vec<String> = values.need(&KAFKA_BROKERS)?;
    let mut topics: Vec<String> = Vec::new();
    for topic in values.get::<Vec<String>>(&KAFKA_TOPICS).unwrap_or_default() {
        if !topics.contains(&topic) {
            topics.push(topic);
        }
    }
    Ok(KafkaSettings {
        brokers: brokers.join(","),
        topics,
        group_id: values.get(&KAFKA_GROUP_ID).unwrap_or_default(),
        group_instance_id: values.get(&KAFKA_GROUP_INSTANCE_ID),
        group_protocol: match values.need(&KAFKA_GROUP_PROTOCOL)? {
            "consumer" => GroupProtocol::Consumer,
            _ => GroupProtocol::Classic,
        },
        client_id: values.need(&KAFKA_CLIENT_ID)?,
        fetch_max_wait: values.need(&FETCH_MAX_WAIT_MS)?,
        fetch_queue_backoff: values.need(&FETCH_QUEUE_BACKOFF_MS)?,
        prefetch_bytes_max: values.need(&PREFETCH_MAX_BYTES)?,
        prefetch_records: values.need(&PREFETCH_RECORDS)?,
        offset_reset: values.need::<&str>(&KAFKA_OFFSET_RESET)?.to_owned(),
        session_timeout: session_timeout(pass_through),
        max_poll_interval: max_poll_interval(pass_through),
        max_record_bytes: values.need(&MAX_RECORD_BYTES)?,
        max_poll_records: values.need(&MAX_POLL_RECORDS)?,
        manual_commit: values.need(&USE_MANUAL_COMMIT)?,
        auto_commit_interval: values.need(&COMMIT_INTERVAL_MS)?,
        oauth_token_file: values.get(&KAFKA_OAUTH_TOKEN_FILE),
        pass_through: properties(values, pass_through),
        dead_letter_topic: values.get(&DLQ_TOPIC),
    })
}

/// What is passed through, and the secrets that have flags of their own.
fn properties(values: &Values, pass_through: &PassThrough) -> BTreeMap<String, String> {
    let mut properties: BTreeMap<String, String> = pass_through.texts().collect();
    for (property, flag) in SECRET_PROPERTIES {
        if let Some(secret) = values.get::<Secret>(flag) {
            properties.insert((*property).to_owned(), secret.expose().to_owned());
        }
    }
    properties
}

fn worker(values: &Values) -> Result<WorkerSettings, Absent> {
    let prewarm: bool = values.need(&INFERENCE_PREWARM)?;
    Ok(WorkerSettings {
        target: values.need(&WORKER_URL)?,
        health: values.get(&WORKER_HEALTH_URL),
        value_format: match values.need(&VALUE_FORMAT)? {
            "json" => ValueFormat::Json,
            "binary" => ValueFormat::Binary,
            _ => ValueFormat::Auto,
        },
        connect_timeout: values.need(&WORKER_CONNECT_TIMEOUT)?,
        pool_idle: values.need(&WORKER_POOL_IDLE)?,
        response_bytes_max: values.need(&RESPONSE_MAX_BYTES)?,
        wait_for_model: values.need(&WAIT_FOR_MODEL)?,
        model_wait_timeout: values.need(&MODEL_WAIT_TIMEOUT)?,
        prewarm: if prewarm { values.get(&PREWARM_BODY) } else { None },
        inference_timeout: values.need(&INFERENCE_TIMEOUT)?,
    })
}
