//! Producing records that are ours, for trying things out: what is sent is counted until every one is acknowledged.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use rdkafka::{
    ClientContext,
    client::OAuthToken,
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{BaseRecord, DeliveryResult, NoCustomPartitioner, Producer as _, ProducerContext, ThreadedProducer},
};

use crate::kafka::{
    client::{self, ClientError},
    oauth,
    settings::KafkaSettings,
};

/// One record to produce.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'a> {
    pub topic: &'a str,
    /// The client chooses when `None`.
    pub partition: Option<i32>,
    pub key: Option<&'a str>,
    pub value: &'a str,
    /// Unix epoch milliseconds.
    pub deadline_ms: Option<i64>,
}

/// What became of everything that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub acknowledged: u64,
    pub failed: u64,
    /// Of the failed ones.
    pub first_error: Option<String>,
}

pub struct Sender {
    producer: ThreadedProducer<Context>,
    tally: Arc<Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    acknowledged: AtomicU64,
    failed: AtomicU64,
    first_error: Mutex<Option<String>>,
}

impl Tally {
    fn count(&self, error: Option<&KafkaError>) {
        let Some(error) = error else {
            self.acknowledged.fetch_add(1, Relaxed);
            return;
        };
        self.failed.fetch_add(1, Relaxed);
        self.first_error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.to_string());
    }
}

impl Sender {
    /// Makes the producer; asks no broker.
    ///
    /// # Errors
    /// [`ClientError`], naming the property that librdkafka does not take.
    pub fn new(settings: &KafkaSettings) -> Result<Self, ClientError> {
        let tally = Arc::new(Tally::default());
        let context = Context { tally: Arc::clone(&tally), token_file: settings.oauth_token_file.clone() };
        let producer = client::create(&client::bulk_properties(settings)?, context)?;
        Ok(Self { producer, tally })
    }

    /// Hands a record to the client, and waits for room there while it is full.
    pub fn send(&self, draft: &Draft<'_>) {
        let mut record = BaseRecord::to(draft.topic).payload(draft.value);
        (record.key, record.partition) = (draft.key, draft.partition);
        if let Some(deadline) = draft.deadline_ms.map(|ms| ms.to_string()) {
            record = record.headers(OwnedHeaders::new().insert(Header { key: "deadline_ms", value: Some(&deadline) }));
        }
        loop {
            match self.producer.send(record) {
                Ok(()) => return,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    std::thread::park_timeout(Duration::from_millis(5));
                }
                Err((error, _)) => return self.tally.count(Some(&error)),
            }
        }
    }

    /// Waits for the acknowledgements; what has none by then counts as failed.
    pub fn finish(self, within: Duration) -> Sent {
        let late = self.producer.flush(within).err();
        let missing = u64::try_from(self.producer.in_flight_count()).unwrap_or_default();
        for _ in 0..missing {
            self.tally.count(late.as_ref());
        }
        let first_error = self.tally.first_error.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Tally { acknowledged, failed, .. } = &*self.tally;
        Sent { acknowledged: acknowledged.load(Relaxed), failed: failed.load(Relaxed), first_error }
    }
}

struct Context {
    tally: Arc<Tally>,
    token_file: Option<std::path::PathBuf>,
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(target: "librdkafka", "producer: {error}: {reason}");
    }

    fn stats_raw(&self, _statistics: &[u8]) {}

    fn generate_oauth_token(&self, _config: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        oauth::token(self.token_file.as_deref())
    }
}

impl ProducerContext<NoCustomPartitioner> for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        self.tally.count(result.as_ref().err().map(|(error, _)| error));
    }
}
