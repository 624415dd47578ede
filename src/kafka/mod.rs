//! The Kafka adapter: librdkafka on a thread of its own. Commands in, events out; it decides nothing.
//!
//! Only [`settings`] is always there, because `config` builds it; everything that touches the client sits behind the
//! `kafka` feature.

pub mod settings;
