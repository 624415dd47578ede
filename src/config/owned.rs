//! The properties that are not passed through, because Sluicegate sets them or relies on their value.

/// What to do instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instead {
    /// This flag sets it.
    Flag(&'static str),
    /// Nothing: the reason, to be read after the property's name.
    Nothing(&'static str),
    /// Another client's name for something librdkafka calls otherwise.
    Property(&'static str),
}

use Instead::{Flag, Nothing, Property};

/// Why `property` is refused, if it is.
pub(crate) fn find(property: &str) -> Option<Instead> {
    if property.ends_with("_cb") {
        return Some(BY_CODE);
    }
    OWNED.iter().find(|(names, _)| names.contains(&property)).map(|(_, instead)| *instead)
}

const BY_CODE: Instead = Nothing("can only be set by program code, not by a text");

/// By what becomes of them. Java's names come last: librdkafka does not know them, people do.
pub(crate) const OWNED: &[(&[&str], Instead)] = &[
    (&["bootstrap.servers", "metadata.broker.list"], Flag("KAFKA_BROKERS")),
    (&["group.id"], Flag("KAFKA_GROUP_ID")),
    (&["group.instance.id"], Flag("KAFKA_GROUP_INSTANCE_ID")),
    (&["group.protocol"], Flag("KAFKA_GROUP_PROTOCOL")),
    (&["client.id"], Flag("KAFKA_CLIENT_ID")),
    (&["enable.auto.commit", "auto.commit.enable", "enable.auto.offset.store"], Flag("USE_MANUAL_COMMIT")),
    (&["auto.commit.interval.ms"], Flag("COMMIT_INTERVAL_MS")),
    (&["auto.offset.reset"], Flag("KAFKA_OFFSET_RESET")),
    (&["queued.min.messages"], Flag("PREFETCH_RECORDS")),
    (&["queued.max.messages.kbytes"], Flag("PREFETCH_MAX_BYTES")),
    (&["fetch.wait.max.ms"], Flag("FETCH_MAX_WAIT_MS")),
    (&["fetch.queue.backoff.ms"], Flag("FETCH_QUEUE_BACKOFF_MS")),
    (&["log_level"], Flag("LOG_LEVEL")),
    (
        &["offset.store.method", "offset.store.path", "offset.store.sync.interval.ms"],
        Nothing("is fixed: offsets are kept by the group and nowhere else"),
    ),
    (&["enable.partition.eof"], Nothing("is set as the reading of partition ends needs it")),
    (&["group.protocol.type"], Nothing("is fixed: this is a consumer")),
    (&["statistics.interval.ms"], Nothing("is set as the metrics need it")),
    (&["log.queue", "enabled_events"], Nothing("is set as the poll thread needs it")),
    (
        &["acks", "request.required.acks"],
        Nothing("is fixed at all: a dead letter counts once every in-sync replica has it"),
    ),
    (
        &["delivery.report.only.error"],
        Nothing("is fixed at false: a dead letter counts only when its produce is acknowledged"),
    ),
    (&["transactional.id"], Nothing("is not used: the dead-letter producer has no transactions")),
    (&["consume.callback.max.messages"], Nothing("is not used: records are polled")),
    (
        &[
            "opaque",
            "interceptors",
            "default_topic_conf",
            "msg_order_cmp",
            "ssl_key",
            "ssl_certificate",
            "ssl_ca",
            "ssl_engine_callback_data",
        ],
        BY_CODE,
    ),
    (&["builtin.features"], Nothing("only tells what the library was built with")),
    (&["fetch.max.wait.ms"], Flag("FETCH_MAX_WAIT_MS")),
    (&["max.poll.records"], Flag("MAX_POLL_RECORDS")),
    (&["sasl.jaas.config"], Flag("KAFKA_SASL_USERNAME")),
    (&["ssl.truststore.location"], Property("ssl.ca.location")),
];
