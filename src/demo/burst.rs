//! The records of the demo: a burst, some of them too late already, some with little time, one poisonous.

use std::time::Duration;

use super::{PARTITIONS, TOPIC};
use crate::{
    kafka::{ClientError, Draft, Sender, settings::KafkaSettings},
    runtime::clock::system_wall,
};

pub const RECORDS: u32 = 20_000;
/// A record with this key in its value makes the worker fail.
pub const POISON: &str = "poison";

/// Produces them all and waits for the acknowledgements; true when every one came.
///
/// # Errors
/// When there can be no producer.
pub fn produce(settings: &KafkaSettings) -> Result<bool, ClientError> {
    let sender = Sender::new(settings)?;
    for number in 0..RECORDS {
        let (key, value) = (format!("k{}", number % 100), value(number));
        let partition = Some((number % PARTITIONS as u32) as i32);
        let deadline_ms = deadline_ms(number);
        sender.send(&Draft { topic: TOPIC, partition, key: Some(&key), value: &value, deadline_ms });
    }
    Ok(sender.finish(Duration::from_secs(30)).failed == 0)
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
