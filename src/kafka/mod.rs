//! The Kafka adapter: librdkafka on a thread of its own. Commands in, events out; it decides nothing.
//!
//! [`KafkaSource`] is the driver's end of the thread, [`KafkaDeadLetters`] produces dead letters. In the order a record
//! meets them: `client` (settings to properties), `thread` (the loop that owns the client), `ffi` (our one queue that every partition is forwarded to,
//! and all the unsafe code), `partitions` (numbers and positions), `stash` (credit), `outbox`, `source`. Beside the
//! path: `context` (what the client calls back with), `complaints` (its errors in our words), `refusals`, `pauses`, `commits`,
//! `lookup` (questions that take a round trip), `heartbeat`, `oauth`.
//!
//! Only [`settings`] is always there, because `config` builds it; everything that touches the client sits behind the
//! `kafka` feature.

#![deny(unsafe_code)]

pub mod settings;

#[cfg(feature = "kafka")]
pub mod client;
#[cfg(feature = "kafka")]
mod commits;
#[cfg(feature = "kafka")]
mod complaints;
#[cfg(feature = "kafka")]
mod context;
#[cfg(feature = "kafka")]
#[allow(unsafe_code)]
mod ffi;
#[cfg(feature = "kafka")]
mod heartbeat;
#[cfg(feature = "kafka")]
mod lookup;
#[cfg(feature = "kafka")]
pub mod oauth;
#[cfg(feature = "kafka")]
mod outbox;
#[cfg(feature = "kafka")]
mod partitions;
#[cfg(feature = "kafka")]
mod pauses;
#[cfg(feature = "kafka")]
mod producer;
#[cfg(feature = "kafka")]
mod producing;
#[cfg(feature = "kafka")]
mod refusals;
#[cfg(feature = "kafka")]
mod sender;
#[cfg(feature = "kafka")]
mod source;
#[cfg(feature = "kafka")]
mod stash;
#[cfg(feature = "kafka")]
mod thread;

#[cfg(feature = "kafka")]
pub use {
    client::ClientError,
    heartbeat::Heartbeat,
    producer::KafkaDeadLetters,
    sender::{Draft, Sender, Sent},
    source::KafkaSource,
};
