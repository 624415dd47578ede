//! The Kafka adapter: librdkafka on a thread of its own. Commands in, events out; it decides nothing.
//!
//! [`KafkaSource`] is the driver's end of the thread, [`KafkaDeadLetters`] produces dead letters. In the order a record
//! meets them: `client` (settings to properties), `thread` (the loop that owns the client), `ffi` (our one queue that
//! every partition is forwarded to, and all the unsafe code), `partitions` (numbers and positions), `stash` (credit),
//! `outbox`, `source`. Beside the path: `context` (what the client calls back with), `pauses`, `commits`, `lookup`
//! (questions that take a round trip), `heartbeat`, `oauth`.

#![deny(unsafe_code)]

pub mod client;
mod commits;
mod context;
#[allow(unsafe_code)]
mod ffi;
mod heartbeat;
mod lookup;
mod oauth;
mod outbox;
mod partitions;
mod pauses;
mod producer;
pub mod settings;
mod source;
mod stash;
mod thread;

pub use client::ClientError;
pub use heartbeat::Heartbeat;
pub use producer::KafkaDeadLetters;
pub use source::KafkaSource;
