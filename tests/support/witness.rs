//! What producers and dead letters tell the judge.

use rdkafka::message::{BorrowedMessage, Headers as _, Message as _, Timestamp};

use crate::{
    judge::{Happening, History},
    kafka::Writer,
    worker::number,
};

/// A writer whose every record gets into the history.
pub fn witnessed(brokers: &str, topic: &str, history: &History) -> Writer {
    let told = history.clone();
    Writer::telling(brokers, topic, move |record| produced(&told, record))
}

/// Writes down what the broker has acknowledged. Values without a number are not the judge's.
fn produced(history: &History, record: &BorrowedMessage<'_>) {
    let value = String::from_utf8_lossy(record.payload().unwrap_or_default());
    let Some(number) = number(&value) else { return };
    let headers = record.headers().into_iter().flat_map(|headers| headers.iter());
    let deadline = headers.filter(|header| header.key == "deadline_ms").find_map(|header| header.value);
    let deadline_ms = deadline.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    history.add(Happening::Produced { place: (record.partition(), record.offset()), number, deadline_ms });
}

/// What a dead letter tells the judge.
pub fn lettered(letter: &BorrowedMessage<'_>) -> Option<Happening> {
    let headers = letter.headers()?;
    let text = |name| std::str::from_utf8(headers.iter().find(|header| header.key == name)?.value?).ok();
    let place = (text("sluicegate-source-partition")?.parse().ok()?, text("sluicegate-source-offset")?.parse().ok()?);
    let Timestamp::LogAppendTime(at_ms) = letter.timestamp() else { return None };
    Some(Happening::Lettered { place, at_ms })
}
