//! Dead letters: the record as it was, with headers that say where it came from and why it is here.
//!
//! A letter counts as delivered when all in-sync replicas have it. What cannot be delivered comes back, and the engine
//! decides what becomes of it; nothing is retried here beyond what the client does within its time limit.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    message::OwnedHeaders,
    producer::{BaseRecord, DeliveryResult, NoCustomPartitioner, Producer as _, ProducerContext, ThreadedProducer},
};
use tokio::sync::oneshot;

use crate::{
    engine::event::{DeadLetter, DeadLettered},
    kafka::{
        client::{self, ClientError},
        ffi,
        producing::Producing,
        settings::KafkaSettings,
    },
    runtime::DeadLetterSink,
};

/// The most of the worker's answer that travels with a letter, in bytes.
const DETAIL_MAX: usize = 1024;

type Producer = ThreadedProducer<Producing<()>>;

/// Produces dead letters, with the consumer's brokers and credentials. Cheap to clone.
#[derive(Clone)]
pub struct KafkaDeadLetters {
    shared: Arc<Shared>,
}

struct Shared {
    settings: KafkaSettings,
    topic: String,
    producer: Mutex<Option<Producer>>,
}

impl KafkaDeadLetters {
    /// Makes the producer. Blocks for milliseconds, never for a broker.
    ///
    /// # Errors
    /// [`ClientError`], naming the property that librdkafka does not take, or saying that there is no topic.
    pub fn connect(settings: &KafkaSettings) -> Result<Self, ClientError> {
        let topic = settings.dead_letter_topic.clone().filter(|t| !t.is_empty() && !t.contains('\0'));
        let topic = topic.ok_or(ClientError::Topics)?;
        let producer = Mutex::new(Some(make(settings)?));
        Ok(Self { shared: Arc::new(Shared { settings: settings.clone(), topic, producer }) })
    }
}

fn make(settings: &KafkaSettings) -> Result<Producer, ClientError> {
    client::create(&client::producer_properties(settings)?, Producing::new("dead-letter producer", settings, ()))
}

impl DeadLetterSink for KafkaDeadLetters {
    fn send(&self, letter: DeadLetter) -> impl Future<Output = DeadLettered> + Send + 'static {
        // Handed to the client before the future is first polled; what is awaited is only the acknowledgement.
        let (sent, topic) = (self.shared.send(&letter), self.shared.topic.clone());
        async move {
            let acknowledged = match sent {
                Ok(answer) => answer.await.unwrap_or_else(|_| Err("the producer is gone".to_owned())),
                Err(error) => Err(error),
            };
            match acknowledged {
                Ok(()) => DeadLettered::Acknowledged { letter },
                Err(error) => DeadLettered::Failed { letter, error: format!("{topic}: {error}") },
            }
        }
    }
}

type Answer = Result<(), String>;

impl Shared {
    fn send(&self, letter: &DeadLetter) -> Result<oneshot::Receiver<Answer>, String> {
        let (tell, answer) = oneshot::channel();
        let payload = &letter.record.payload;
        let mut record = BaseRecord::with_opaque_to(&self.topic, Box::new(tell)).headers(headers(letter));
        (record.key, record.payload) = (payload.key(), payload.value());
        let producer = self.producer()?;
        producer.send(record).map_err(|(error, _)| said(&error))?;
        Ok(answer)
    }

    /// The producer, made anew when the old one met an error that ends it (an idempotent producer may): nothing of it
    /// is owed then, every letter under way was given back.
    fn producer(&self) -> Result<Producer, String> {
        let mut slot = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(producer) = slot.as_ref().filter(|p| p.client().fatal_error().is_none()) {
            return Ok(producer.clone());
        }
        drop_elsewhere(slot.take());
        let producer = make(&self.settings).map_err(|error| error.to_string())?;
        Ok(slot.insert(producer).clone())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        drop_elsewhere(self.producer.get_mut().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Dropping a producer waits for its thread: not here, which may be an async worker.
fn drop_elsewhere(producer: Option<Producer>) {
    if let Some(producer) = producer {
        // Without a thread it is dropped here after all: the closure is.
        let _ = thread::Builder::new().name("kafka-close".to_owned()).spawn(move || drop(producer));
    }
}

/// The original headers in their order, then ours.
fn headers(letter: &DeadLetter) -> OwnedHeaders {
    let record = &letter.record;
    let mut headers = OwnedHeaders::new_with_capacity(16);
    for (name, value) in record.payload.headers() {
        ffi::add_header(&mut headers, name, value);
    }
    let mut add = |name: &str, value: &str| ffi::add_header(&mut headers, name.as_bytes(), Some(value.as_bytes()));
    add("sluicegate-source-topic", &letter.topic);
    add("sluicegate-source-partition", &record.number.to_string());
    add("sluicegate-source-offset", &record.offset.to_string());
    add("sluicegate-source-timestamp", &record.timestamp.to_string());
    add("sluicegate-attempts", &record.notes.attempts.to_string());
    add("sluicegate-reason", letter.reason.code());
    if let Some(status) = letter.status {
        add("sluicegate-worker-status", &status.to_string());
    }
    if let Some(detail) = &letter.detail {
        add("sluicegate-worker-detail", cut(detail));
    }
    headers
}

/// At most [`DETAIL_MAX`] bytes, at a character's border.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(DETAIL_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

fn said(error: &KafkaError) -> String {
    let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
    let needed = if code == RDKafkaErrorCode::TopicAuthorizationFailed { ": WRITE on it is needed" } else { "" };
    format!("{}: {error}{needed}", ffi::code_name(code as i32))
}

impl ProducerContext<NoCustomPartitioner> for Producing<()> {
    type DeliveryOpaque = Box<oneshot::Sender<Answer>>;

    fn delivery(&self, result: &DeliveryResult<'_>, tell: Self::DeliveryOpaque) {
        // Nobody listens when the future was dropped.
        let _ = tell.send(result.as_ref().map(drop).map_err(|(error, _)| said(error)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_cut_at_a_character() {
        assert_eq!(cut("short"), "short");
        let long = "ä".repeat(600);
        assert_eq!(cut(&long).len(), 1024);
        let odd = format!("x{long}");
        assert_eq!(cut(&odd).len(), 1023);
    }
}
