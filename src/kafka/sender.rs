//! Producing records that are ours, for trying things out: what is sent is counted until every one is acknowledged.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    message::OwnedHeaders,
    producer::{BaseRecord, DeliveryResult, NoCustomPartitioner, Producer as _, ProducerContext, ThreadedProducer},
};

use crate::{
    engine::admission::DEADLINE_HEADER,
    kafka::{
        client::{self, ClientError},
        ffi,
        producing::Producing,
        settings::KafkaSettings,
    },
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
    producer: ThreadedProducer<Producing<Arc<Tally>>>,
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
        let context = Producing::new("producer", settings, Arc::clone(&tally));
        let producer = client::create(&client::bulk_properties(settings)?, context)?;
        Ok(Self { producer, tally })
    }

    /// Hands a record to the client, and waits for room there while it is full.
    pub fn send(&self, draft: &Draft<'_>) {
        let mut record = BaseRecord::to(draft.topic).payload(draft.value);
        (record.key, record.partition) = (draft.key, draft.partition);
        if let Some(deadline) = draft.deadline_ms.map(|ms| ms.to_string()) {
            let mut headers = OwnedHeaders::new();
            ffi::add_header(&mut headers, DEADLINE_HEADER, Some(deadline.as_bytes()));
            record = record.headers(headers);
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

impl ProducerContext<NoCustomPartitioner> for Producing<Arc<Tally>> {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        self.told.count(result.as_ref().err().map(|(error, _)| error));
    }
}
