//! The Kafka adapter against librdkafka's mock cluster: what a real broker cannot be made to do on demand.

#![cfg(feature = "kafka")]

mod committing;
#[path = "../support/kafka/mod.rs"]
mod kafka;
mod letters;
mod pausing;
mod reading;
mod rebalancing;
mod standing;
mod starting;

use std::time::Duration;

use kafka::{Writer, mock::Mock, settings, unique};
use sluicegate::kafka::settings::KafkaSettings;

pub const TOPIC: &str = "t";

/// A cluster with a topic, and settings of a member of a group of its own.
pub fn start(partitions: i32) -> (Mock, Writer, KafkaSettings) {
    let mock = Mock::start();
    mock.create_topic(TOPIC, partitions);
    let writer = Writer::new(&mock.brokers(), TOPIC);
    let mut settings = settings(&mock.brokers(), TOPIC, &unique("group"));
    settings.session_timeout = Duration::from_secs(3);
    (mock, writer, settings)
}
