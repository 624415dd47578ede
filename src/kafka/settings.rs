//! The Kafka adapter's numbers, validated by `config`.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

#[derive(Clone, PartialEq, Eq)]
pub struct KafkaSettings {
    /// `host:port[,host:port]`
    pub brokers: String,
    /// At least one; a name that starts with `^` is a regular expression.
    pub topics: Vec<String>,
    pub group_id: String,
    /// Static membership; `None` is dynamic.
    pub group_instance_id: Option<String>,
    pub group_protocol: GroupProtocol,
    pub client_id: String,
    /// `fetch.wait.max.ms`
    pub fetch_max_wait: Duration,
    /// `fetch.queue.backoff.ms`, at most 10.
    pub fetch_queue_backoff: Duration,
    /// `queued.max.messages.kbytes`: the prefetch budget of the whole process.
    pub prefetch_bytes_max: u64,
    /// `queued.min.messages`
    pub prefetch_records: u32,
    /// `auto.offset.reset`: `earliest`, `latest` or `error`.
    pub offset_reset: String,
    pub session_timeout: Duration,
    pub max_poll_interval: Duration,
    /// Records over this pass the byte credit (the engine refuses them).
    pub max_record_bytes: u64,
    pub max_poll_records: u32,
    /// `USE_MANUAL_COMMIT`; when false, offsets are stored at enqueue and committed by the client every
    /// `auto_commit_interval`.
    pub manual_commit: bool,
    pub auto_commit_interval: Duration,
    /// OAUTHBEARER: the token is read from this file each time the client wants one.
    pub oauth_token_file: Option<PathBuf>,
    /// librdkafka properties passed through, names already dotted. Secret values are in here: never print.
    pub pass_through: BTreeMap<String, String>,
    pub dead_letter_topic: Option<String>,
}

/// `group.protocol`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupProtocol {
    Classic,
    /// KIP-848: session and assignment are the broker's.
    Consumer,
}

impl GroupProtocol {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
        }
    }
}

/// By hand, because of the secrets in `pass_through`: of those properties only the names are shown.
impl fmt::Debug for KafkaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSettings")
            .field("brokers", &self.brokers)
            .field("topics", &self.topics)
            .field("group_id", &self.group_id)
            .field("group_instance_id", &self.group_instance_id)
            .field("group_protocol", &self.group_protocol)
            .field("client_id", &self.client_id)
            .field("fetch_max_wait", &self.fetch_max_wait)
            .field("fetch_queue_backoff", &self.fetch_queue_backoff)
            .field("prefetch_bytes_max", &self.prefetch_bytes_max)
            .field("prefetch_records", &self.prefetch_records)
            .field("offset_reset", &self.offset_reset)
            .field("session_timeout", &self.session_timeout)
            .field("max_poll_interval", &self.max_poll_interval)
            .field("max_record_bytes", &self.max_record_bytes)
            .field("max_poll_records", &self.max_poll_records)
            .field("manual_commit", &self.manual_commit)
            .field("auto_commit_interval", &self.auto_commit_interval)
            .field("oauth_token_file", &self.oauth_token_file)
            .field("pass_through", &self.pass_through.keys())
            .field("dead_letter_topic", &self.dead_letter_topic)
            .finish()
    }
}
