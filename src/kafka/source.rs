//! The driver's end of the polling thread: commands in, events out.

use std::{
    sync::{
        Arc,
        mpsc::{Sender, channel},
    },
    thread,
};

use tokio::sync::mpsc;

use crate::{
    engine::event::{Command, Event},
    kafka::{
        client::{self, ClientError},
        context::Consumer,
        ffi::{Queue, Reader},
        heartbeat::Heartbeat,
        lookup::Lookup,
        outbox::Outbox,
        settings::KafkaSettings,
        thread::{Parts, Poller, Request, Waker},
    },
    runtime::{Source, SourceEvent},
};

/// Events in the channel to the driver; what is beyond waits on the thread.
const CHANNEL: usize = 64;

/// Records from Kafka. Dropping it makes the thread leave the group on its own; nobody waits for that.
pub struct KafkaSource {
    requests: Sender<Request>,
    waker: Waker,
    events: mpsc::Receiver<SourceEvent>,
    heartbeat: Heartbeat,
    /// Nothing comes any more, and that is in order.
    over: bool,
}

impl KafkaSource {
    /// Makes the client and its thread, which connects but joins no group yet. Blocks for milliseconds, never for a
    /// broker.
    ///
    /// # Errors
    /// [`ClientError`], naming the property that librdkafka does not take.
    pub fn connect(settings: &KafkaSettings) -> Result<Self, ClientError> {
        if settings.topics.is_empty() || settings.topics.iter().any(|t| t.is_empty() || t.contains('\0')) {
            return Err(ClientError::Topics);
        }
        let properties = client::consumer_properties(settings)?;
        let consumer: Consumer = client::create(&properties, client::consumer_context(settings))?;
        let consumer = Arc::new(consumer);
        let no_queue = || ClientError::Client("no queue".to_owned());
        let reader = Reader::new(&consumer).ok_or_else(no_queue)?;
        let main = Queue::of_consumer(&consumer).ok_or_else(no_queue)?;
        let no_thread = |error: std::io::Error| ClientError::Thread(error.to_string());
        let lookup = Lookup::spawn(Arc::clone(&consumer)).map_err(no_thread)?;
        let waker = Waker::new(Arc::clone(reader.queue()));
        let heartbeat = Heartbeat::new();
        let (requests, inbox) = channel();
        let (outbox, events) = mpsc::channel(CHANNEL);
        let parts = Parts {
            consumer,
            reader,
            main,
            lookup,
            waker: waker.clone(),
            inbox,
            outbox: Outbox::new(outbox),
            heartbeat: heartbeat.clone(),
        };
        let poller = Poller::new(parts, settings);
        thread::Builder::new().name("kafka-poll".to_owned()).spawn(move || poller.run()).map_err(no_thread)?;
        Ok(Self { requests, waker, events, heartbeat, over: false })
    }

    /// Joins the group. Once; it is separate from [`KafkaSource::connect`] so that settings can be found wanting before
    /// the model is waited for.
    pub fn join(&self) {
        self.request(Request::Join);
    }

    /// The polling thread's pulse, for `/livez`.
    pub fn heartbeat(&self) -> Heartbeat {
        self.heartbeat.clone()
    }

    fn request(&self, request: Request) {
        // A thread that is gone says so by the end of its events.
        if self.requests.send(request).is_ok() {
            self.waker.wake();
        }
    }
}

impl Source for KafkaSource {
    fn perform(&mut self, command: Command) {
        self.request(Request::Engine(command));
    }

    async fn next(&mut self) -> SourceEvent {
        if self.over {
            return std::future::pending().await;
        }
        match self.events.recv().await {
            Some(event) => {
                self.over = matches!(event, SourceEvent::Engine(Event::Left));
                event
            }
            None => {
                self.over = true;
                SourceEvent::Fatal("the Kafka thread is gone".to_owned())
            }
        }
    }
}
