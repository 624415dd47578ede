//! The poll thread: from Kafka to request bodies.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, ClientContext,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance},
};
use tokio::sync::mpsc::{Sender, error::TrySendError};

use super::{
    FloorSettings, envelope,
    progress::Ends,
    queue::{Message, Queue},
};
use crate::Outcome;

/// Messages taken at once.
const READ_MAX: usize = 256;

/// How often the consumer's own queue is asked for events, and the longest wait for a first message.
const TURN: Duration = Duration::from_millis(2);

pub type Client = BaseConsumer<Context>;

/// A request to make, and what is finished when it is answered.
pub struct Request {
    pub sequence: u64,
    pub body: Vec<u8>,
    pub ends: Ends,
}

/// Sends every partition to our queue, before it is assigned, so that nothing leaks into the consumer's own.
pub struct Context {
    queue: OnceLock<Queue>,
}

impl ClientContext for Context {}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, client: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let (Rebalance::Assign(partitions), Some(queue)) = (rebalance, self.queue.get()) {
            for partition in partitions.elements() {
                queue.adopt(client, partition.topic(), partition.partition());
            }
        }
    }
}

/// The client with the sidecar's default settings, subscribed.
pub fn connect(settings: &FloorSettings) -> Outcome<(Arc<Client>, Queue)> {
    // The sidecar bounds one fetch response by the prefetch budget, and a partition's part of it by a quarter of that.
    let prefetch_bytes = settings.prefetch_kib * 1024;
    let client: Client = ClientConfig::new()
        .set("bootstrap.servers", &settings.brokers)
        .set("group.id", &settings.group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "false")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("fetch.wait.max.ms", "50")
        .set("fetch.queue.backoff.ms", "5")
        .set("queued.max.messages.kbytes", settings.prefetch_kib.to_string())
        .set("queued.min.messages", settings.prefetch_records.to_string())
        .set("fetch.max.bytes", prefetch_bytes.clamp(1 << 20, 50 << 20).to_string())
        .set("fetch.message.max.bytes", (prefetch_bytes / 4).clamp(64 << 10, 1 << 20).to_string())
        .set("enable.metrics.push", "false")
        .create_with_context(Context { queue: OnceLock::new() })?;
    let client = Arc::new(client);
    let queue = Queue::new(&client).ok_or("no queue")?;
    client.context().queue.set(queue).map_err(|_| "a second queue")?;
    client.subscribe(&[&settings.topic])?;
    Ok((client, queue))
}

pub struct Poller {
    client: Arc<Client>,
    queue: Queue,
    feed: Sender<Request>,
    topic: Arc<str>,
    copied: bool,
    batch_size: usize,
    linger: Duration,
    /// Requests so far, which is the number of the next.
    sequence: Arc<AtomicU64>,
    polled_at: Instant,
}

impl Poller {
    pub fn new(client: Arc<Client>, queue: Queue, feed: Sender<Request>, settings: &FloorSettings) -> Self {
        Self {
            client,
            queue,
            feed,
            topic: Arc::from(settings.topic.as_str()),
            copied: settings.copied,
            batch_size: settings.batch_size,
            linger: Duration::from_millis(settings.linger_ms),
            sequence: Arc::default(),
            polled_at: Instant::now(),
        }
    }

    pub fn handed_over(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.sequence)
    }

    /// # Errors
    /// Anything out of the ordinary.
    pub fn run(mut self) -> Outcome<()> {
        let mut messages: Vec<Message> = Vec::with_capacity(READ_MAX);
        let mut oldest = Instant::now();
        loop {
            self.serve_events()?;
            let kept = messages.len();
            if self.queue.read(&mut messages, READ_MAX - kept, Duration::ZERO) == 0 {
                let wait = if kept == 0 { TURN } else { self.linger.saturating_sub(oldest.elapsed()).min(TURN) };
                self.queue.read(&mut messages, 1, wait);
            }
            if let Some(error) = messages.iter().map(Message::error).find(|error| *error != 0) {
                return Err(format!("librdkafka error {error} on a partition").into());
            }
            if kept == 0 {
                oldest = Instant::now();
            }
            let left = messages.len() % self.batch_size;
            let ripe = if oldest.elapsed() >= self.linger { messages.len() } else { messages.len() - left };
            for batch in messages[..ripe].chunks(self.batch_size) {
                self.send(batch)?;
            }
            if ripe > 0 {
                messages.drain(..ripe);
                oldest = Instant::now();
            }
        }
    }

    /// Hands a request over; while there is no room the consumer's own queue is still served.
    fn send(&mut self, batch: &[Message]) -> Outcome<()> {
        let sequence = self.sequence.fetch_add(1, Relaxed);
        let body = if self.copied {
            envelope::encode_copied(&self.topic, sequence, batch)?
        } else {
            envelope::encode(&self.topic, sequence, batch)?
        };
        let mut request = Request { sequence, body, ends: Ends::of(batch) };
        loop {
            match self.feed.try_send(request) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Closed(_)) => return Err("nobody sends any more".into()),
                Err(TrySendError::Full(back)) => request = back,
            }
            std::thread::park_timeout(TURN);
            self.serve_events()?;
        }
    }

    /// Rebalances and errors. No record ever comes this way.
    fn serve_events(&mut self) -> Outcome<()> {
        if self.polled_at.elapsed() < TURN {
            return Ok(());
        }
        self.polled_at = Instant::now();
        match self.client.poll(Duration::ZERO) {
            None => Ok(()),
            Some(Ok(_)) => Err("a record came out of the consumer's own queue".into()),
            Some(Err(error)) => Err(error.into()),
        }
    }
}
