//! Settings → librdkafka properties → clients, and errors that name the property and never a value.
//!
//! Order: what the adapter needs to keep its promises, then the user's pass-through. A pass-through of something the
//! adapter owns is refused here too, whoever validated before.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    ClientConfig,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    consumer::{BaseConsumer, DefaultConsumerContext},
    error::KafkaError,
    producer::{BaseProducer, DefaultProducerContext},
};

use crate::kafka::{
    complaints,
    context::Context,
    settings::{GroupProtocol, KafkaSettings},
};

type Properties = BTreeMap<String, String>;

/// Why a client could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    #[error("librdkafka property `{name}`: {why}")]
    Property { name: String, why: String },
    #[error("the Kafka client cannot be made: {0}")]
    Client(String),
    #[error("no topic is named, or one has a name that Kafka cannot have")]
    Topics,
    #[error("no thread for the Kafka client: {0}")]
    Thread(String),
}

/// Properties that pass-through must not touch, with the reason to tell.
pub const OWNED: &[(&str, &str)] = &[
    ("bootstrap.servers", "set by KAFKA_BROKERS"),
    ("metadata.broker.list", "set by KAFKA_BROKERS"),
    ("group.id", "set by KAFKA_GROUP_ID"),
    ("group.instance.id", "set by KAFKA_GROUP_INSTANCE_ID"),
    ("client.id", "has a flag of its own"),
    ("auto.offset.reset", "has a flag of its own"),
    ("enable.auto.commit", "set by USE_MANUAL_COMMIT: offsets are committed when records are finished"),
    ("auto.commit.enable", "set by USE_MANUAL_COMMIT: offsets are committed when records are finished"),
    ("auto.commit.interval.ms", "has a flag of its own"),
    ("enable.auto.offset.store", "offsets are stored when records are finished, not when they are fetched"),
    ("enable.partition.eof", "partition ends are needed to commit past transaction markers"),
    ("fetch.wait.max.ms", "set by FETCH_MAX_WAIT_MS"),
    ("fetch.queue.backoff.ms", "has a flag of its own"),
    ("queued.max.messages.kbytes", "has a flag of its own"),
    ("queued.min.messages", "has a flag of its own"),
];

/// `fetch.queue.backoff.ms` beyond this halves the rate or worse.
const FETCH_QUEUE_BACKOFF_MAX: Duration = Duration::from_millis(10);

/// librdkafka's own default; less when the session is short.
const HEARTBEAT_MAX: Duration = Duration::from_secs(3);

/// Between questions about the topics, where they are named.
const TOPICS_AGAIN_MS: u32 = 30_000;

/// How long a dead letter may take to be acknowledged before it is given back.
const DEAD_LETTER_TIMEOUT_MS: u32 = 30_000;

const MIB: u64 = 1 << 20;

/// What librdkafka has against these settings: every property it does not take or, when it takes each of them alone,
/// what keeps a client from being made of them all (a file that is not there, two that contradict each other). Asks no
/// broker.
pub fn problems(settings: &KafkaSettings) -> Vec<ClientError> {
    let alone: Vec<_> = settings.pass_through.iter().filter_map(|(name, value)| check(name, value).err()).collect();
    if !alone.is_empty() {
        return alone;
    }
    let consumer =
        consumer_properties(settings).and_then(|all| create::<BaseConsumer, _>(&all, DefaultConsumerContext));
    let producer =
        producer_properties(settings).and_then(|all| create::<BaseProducer, _>(&all, DefaultProducerContext));
    // Most of what stops the one stops the other: it is told once.
    consumer.err().or(producer.err()).into_iter().collect()
}

fn check(name: &str, value: &str) -> Result<(), ClientError> {
    if let Some((_, why)) = OWNED.iter().find(|(owned, _)| *owned == name) {
        return Err(ClientError::Property { name: name.to_owned(), why: format!("is not yours to set: {why}") });
    }
    let mut one = ClientConfig::new();
    one.set(name, value);
    one.create_native_config().map(drop).map_err(|error| explain(error, &[value]))
}

/// The consumer's properties.
pub fn consumer_properties(settings: &KafkaSettings) -> Result<Properties, ClientError> {
    let mut properties = Properties::new();
    let mut set = |name: &str, value: String| properties.insert(name.to_owned(), value);
    let prefetch = settings.prefetch_bytes_max.max(1024);
    set("bootstrap.servers", settings.brokers.clone());
    set("client.id", settings.client_id.clone());
    set("group.id", settings.group_id.clone());
    if let Some(id) = &settings.group_instance_id {
        set("group.instance.id", id.clone());
    }
    set("auto.offset.reset", settings.offset_reset.clone());
    set("enable.auto.commit", (!settings.manual_commit).to_string());
    set("auto.commit.interval.ms", millis(settings.auto_commit_interval));
    set("enable.auto.offset.store", "false".to_owned());
    set("enable.partition.eof", "true".to_owned());
    set("fetch.wait.max.ms", millis(settings.fetch_max_wait));
    set("fetch.queue.backoff.ms", millis(settings.fetch_queue_backoff.min(FETCH_QUEUE_BACKOFF_MAX)));
    set("queued.max.messages.kbytes", (prefetch / 1024).clamp(1, 2_097_151).to_string());
    set("queued.min.messages", settings.prefetch_records.clamp(1, 10_000_000).to_string());
    // One response may overshoot the prefetch budget: so neither it nor one partition's part of it may be many times
    // the budget. A record larger than that still comes, alone.
    set("fetch.max.bytes", fetch_bytes_max(prefetch).to_string());
    set("fetch.message.max.bytes", (prefetch / 4).clamp(64 * 1024, MIB).to_string());
    set("max.poll.interval.ms", millis(settings.max_poll_interval));
    if !has_pattern(settings) {
        // The client asks for a topic that it may not see only this often. Asking for all there are would cost more.
        set("topic.metadata.refresh.interval.ms", TOPICS_AGAIN_MS.to_string());
    }
    set("enable.metrics.push", "false".to_owned());
    set("group.protocol", settings.group_protocol.name().to_owned());
    if settings.group_protocol == GroupProtocol::Classic {
        // With the newer group protocol these are the broker's, and setting them makes the client refuse to start.
        set("session.timeout.ms", millis(settings.session_timeout));
        set("heartbeat.interval.ms", millis((settings.session_timeout / 3).min(HEARTBEAT_MAX)));
        set("partition.assignment.strategy", "cooperative-sticky".to_owned());
    }
    for (name, value) in &settings.pass_through {
        check(name, value)?;
        properties.insert(name.clone(), value.clone());
    }
    if let Some(pattern) = dead_letters_pattern(settings) {
        let list = properties.entry(TOPIC_BLACKLIST.to_owned()).or_default();
        *list = if list.is_empty() { pattern } else { format!("{list},{pattern}") };
    }
    Ok(properties)
}

const TOPIC_BLACKLIST: &str = "topic.blacklist";

/// A regular expression may match the dead-letter topic too, and dead letters would be read, given up and dead-lettered
/// again for ever: the consumer does not see that topic.
fn dead_letters_pattern(settings: &KafkaSettings) -> Option<String> {
    let topic = settings.dead_letter_topic.as_ref()?;
    has_pattern(settings).then(|| format!("^{}$", topic.replace('.', "\\.")))
}

fn has_pattern(settings: &KafkaSettings) -> bool {
    settings.topics.iter().any(|topic| topic.starts_with('^'))
}

/// What one fetch response may bring at most, with this prefetch budget.
pub fn fetch_bytes_max(prefetch: u64) -> u64 {
    prefetch.clamp(MIB, 50 * MIB)
}

fn millis(time: Duration) -> String {
    time.as_millis().to_string()
}

/// The dead-letter producer's properties: the same brokers and the same way to them, and nothing of the consumer's.
pub fn producer_properties(settings: &KafkaSettings) -> Result<Properties, ClientError> {
    let mut properties = Properties::new();
    for (name, value) in settings.pass_through.iter().filter(|(name, _)| is_shared(name)) {
        check(name, value)?;
        properties.insert(name.clone(), value.clone());
    }
    let mut set = |name: &str, value: String| properties.insert(name.to_owned(), value);
    set("bootstrap.servers", settings.brokers.clone());
    set("client.id", format!("{}-dlq", settings.client_id));
    set("enable.idempotence", "true".to_owned());
    set("acks", "all".to_owned());
    set("message.timeout.ms", DEAD_LETTER_TIMEOUT_MS.to_string());
    // Dead letters are rare and their records are held until they are acknowledged: no lingering. How large one may
    // be is the topic's business.
    set("linger.ms", "0".to_owned());
    set("message.max.bytes", "1000000000".to_owned());
    set("enable.metrics.push", "false".to_owned());
    Ok(properties)
}

/// The properties of a producer of many records that are in no hurry.
pub fn bulk_properties(settings: &KafkaSettings) -> Result<Properties, ClientError> {
    let mut properties = producer_properties(settings)?;
    properties.insert("client.id".to_owned(), format!("{}-produce", settings.client_id));
    properties.insert("linger.ms".to_owned(), "5".to_owned());
    Ok(properties)
}

/// Whether a pass-through property is about reaching and trusting the brokers, so that the producer needs it too.
fn is_shared(name: &str) -> bool {
    const PREFIXES: &[&str] = &[
        "sasl.",
        "ssl.",
        "security.",
        "socket.",
        "broker.address.",
        "reconnect.backoff.",
        "client.",
        "metadata.recovery.",
        "api.version.",
        "enable.ssl.",
        "enable.sasl.",
        "https.",
        "log.",
        "resolve.",
    ];
    const NAMES: &[&str] =
        &["debug", "connections.max.idle.ms", "broker.version.fallback", "compression.codec", "compression.type"];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || NAMES.contains(&name)
}

/// Makes a client. The tracing subscriber is to be installed before.
pub fn create<T: FromClientConfigAndContext<C>, C: rdkafka::ClientContext>(
    properties: &Properties,
    context: C,
) -> Result<T, ClientError> {
    let mut config = ClientConfig::new();
    for (name, value) in properties {
        config.set(name, value);
    }
    // Let through what the log level may ask for later; tracing drops the rest.
    let level = if properties.contains_key("debug") { RDKafkaLogLevel::Debug } else { RDKafkaLogLevel::Info };
    config.set_log_level(level);
    let values: Vec<&str> = properties.values().map(String::as_str).collect();
    config.create_with_context(context).map_err(|error| explain(error, &values))
}

/// The consumer's context, with the token file if there is one.
pub fn consumer_context(settings: &KafkaSettings) -> Context {
    Context::new(settings.oauth_token_file.clone())
}

/// An error in our words. `values` are what must not be repeated: any of them may be a secret, and librdkafka quotes
/// them.
fn explain(error: KafkaError, values: &[&str]) -> ClientError {
    match error {
        KafkaError::ClientConfig(_, said, name, _) => ClientError::Property { why: why(&said).to_owned(), name },
        KafkaError::ClientCreation(said) => {
            let advice = complaints::advice(&said);
            ClientError::Client(scrub(said, values) + advice)
        }
        KafkaError::Nul(_) => ClientError::Client("a property holds a NUL".to_owned()),
        other => ClientError::Client(scrub(other.to_string(), values)),
    }
}

/// The harmless part of what librdkafka says about a property.
fn why(said: &str) -> &str {
    if said.contains("No such configuration property") {
        "is not known to librdkafka"
    } else if said.contains("not available at build time") || said.contains("not supported in this build") {
        "needs a build with the `tls` feature"
    } else if let Some(range) = said.find("allowed range") {
        said.get(range..).unwrap_or_default().trim_end()
    } else {
        "does not take the value it was given"
    }
}

/// Takes out every value long enough to be told from ordinary words.
fn scrub(mut said: String, values: &[&str]) -> String {
    for value in values.iter().filter(|value| value.len() >= 6) {
        said = said.replace(value, "…");
    }
    said
}

#[cfg(test)]
mod tests;
