//! The records of the demo: a burst, some of them too late already, some with little time, one poisonous.

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{BaseRecord, Producer as _, ThreadedProducer},
};

use super::{PARTITIONS, TOPIC};
use crate::runtime::clock::system_wall;

pub const RECORDS: u32 = 20_000;
/// A record with this key in its value makes the worker fail.
pub const POISON: &str = "poison";

/// Produces them all and waits for the acknowledgements.
///
/// # Errors
/// When the mock broker does not take them.
pub fn produce(servers: &str) -> Result<(), KafkaError> {
    let producer: ThreadedProducer<_> =
        ClientConfig::new().set("bootstrap.servers", servers).set("linger.ms", "5").create()?;
    for number in 0..RECORDS {
        let (key, value) = (format!("k{}", number % 100), value(number));
        let deadline = deadline_ms(number).map(|ms| ms.to_string());
        let headers = deadline
            .as_deref()
            .map(|text| OwnedHeaders::new().insert(Header { key: "deadline_ms", value: Some(text) }));
        let mut record = BaseRecord::to(TOPIC).key(&key).payload(&value).partition((number % PARTITIONS as u32) as i32);
        record.headers = headers;
        loop {
            match producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    producer.poll(Duration::from_millis(5));
                }
                Err((error, _)) => return Err(error),
            }
        }
    }
    producer.flush(Duration::from_secs(30))
}

fn value(number: u32) -> String {
    if number == RECORDS / 3 { format!(r#"{{"{POISON}":true,"n":{number}}}"#) } else { format!(r#"{{"n":{number}}}"#) }
}

/// One in a hundred is too late already; one in ten has seconds, which the last of them will not survive.
fn deadline_ms(number: u32) -> Option<i64> {
    let now = system_wall().0;
    match number % 100 {
        7 => Some(now - 1),
        n if n % 10 == 3 => Some(now + 6_000),
        _ => None,
    }
}
