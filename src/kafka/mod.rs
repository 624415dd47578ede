//! The Kafka adapter: librdkafka on a thread of its own. Commands in, events out; it decides nothing.

pub mod settings;
