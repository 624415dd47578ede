//! Where records come from. Everything else librdkafka can be told goes through `KAFKA_CFG_*`.

use super::section;
use crate::config::flag::{
    Kind,
    Preset::{Required, Unset, Value},
};

section! {
    /// Brokers, topics, group, prefetch, credentials.
    KAFKA = Kafka;

    KAFKA_BROKERS: Kind::List, Required,
        "brokers to start from, host:port with commas between";
    KAFKA_TOPICS: Kind::List, Required,
        "topics to consume; a name that starts with ^ is a regular expression (without commas)";
    KAFKA_GROUP_ID: Kind::Text, Required,
        "consumer group";
    KAFKA_GROUP_INSTANCE_ID: Kind::Text, Unset("dynamic membership"),
        "static membership: a name that stays the same over restarts and is this process's alone";
    KAFKA_GROUP_PROTOCOL: Kind::Words(&["classic", "consumer"]), Value("classic"),
        "the group protocol: classic, or the newer one (KIP-848, brokers from 4.0 on), which leaves session and assignment to the broker";
    KAFKA_CLIENT_ID: Kind::Text, Value("sluicegate"),
        "what the brokers' logs and quotas know this process by";
    KAFKA_OFFSET_RESET: Kind::Words(&["earliest", "latest", "error"]), Value("earliest"),
        "where to start when the group has no valid offset";
    FETCH_MAX_WAIT_MS: Kind::millis(0, 300_000), Value("50"),
        "how long a broker may hold a fetch that has nothing to return (librdkafka's fetch.wait.max.ms)";
    FETCH_QUEUE_BACKOFF_MS: Kind::millis(0, 10), Value("5"),
        "pause of fetching after the prefetch was full; more than a few milliseconds starves the worker";
    PREFETCH_MAX_BYTES: Kind::size(64 << 10, 2_097_151 << 10), Value("4MiB"),
        "bytes fetched ahead, for the whole process; too little halves the rate on a real broker";
    PREFETCH_RECORDS: Kind::int(1, 10_000_000, "records"), Value("20000"),
        "records fetched ahead, for the whole process";
    KAFKA_SASL_USERNAME: Kind::Text, Unset("no SASL user"),
        "SASL user (librdkafka's sasl.username)", secret;
    KAFKA_SASL_PASSWORD: Kind::Text, Unset("no SASL password"),
        "SASL password (librdkafka's sasl.password)", secret;
    KAFKA_SSL_KEY_PASSWORD: Kind::Text, Unset("the key has no passphrase"),
        "passphrase of the client key (librdkafka's ssl.key.password)", secret;
    KAFKA_OAUTH_TOKEN_FILE: Kind::Path, Unset("no token"),
        "OAUTHBEARER: the token is read from this file each time the client wants one";
}
