//! What has to fit before anybody may ask over HTTP. Silent without `INGRESS_ADDR`.

use std::net::SocketAddr;

use super::{Review, kafka::is_topic};
use crate::config::{show, table::*};

pub(super) fn check(review: &mut Review<'_>) {
    let Some(addr) = review.values.get::<SocketAddr>(&INGRESS_ADDR) else { return };
    for other in [&ADMIN_ADDR, &PROBE_ADDR] {
        if review.values.get(other) == Some(addr) && addr.port() != 0 {
            review.clash(&INGRESS_ADDR, "is the same as", other, "give it another port");
        }
    }
    topic(review);
    paths(review);
    headers(review);
    reserve(review);
}

fn topic(review: &mut Review<'_>) {
    let topics: Vec<String> = review.values.get(&KAFKA_TOPICS).unwrap_or_default();
    match review.values.get::<String>(&INGRESS_TOPIC) {
        Some(topic) if !is_topic(&topic) => {
            let next = "use letters, digits, '.', '_' and '-', 249 at most";
            review.report(&INGRESS_TOPIC, "is not a name a topic can have", next);
        }
        None if topics.first().is_some_and(|topic| topic.starts_with('^')) => {
            let next = "set INGRESS_TOPIC to the name the worker is to see";
            review.report(&INGRESS_TOPIC, "is not set, and the first of KAFKA_TOPICS is a regular expression", next);
        }
        _ => {}
    }
}

fn paths(review: &mut Review<'_>) {
    let paths: Vec<String> = review.values.get(&INGRESS_PATHS).unwrap_or_default();
    let fits =
        |path: &String| path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic() && b != b'?' && b != b'#');
    for path in paths.iter().filter(|path| !fits(path)) {
        let what = format!("has an entry that is no path: {}", show::plain(path));
        review.report(&INGRESS_PATHS, what, "write it as /predict,/v1/score, without a query");
    }
}

/// Of one hop only, or set by Sluicegate itself: they say nothing to the worker, or something else.
const OWN: &[&str] = &[
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "deadline_ms",
    "x-deadline-ms",
    "x-request-timeout-ms",
];

fn headers(review: &mut Review<'_>) {
    let names: Vec<String> = review.values.get(&INGRESS_HEADERS).unwrap_or_default();
    let is_token = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    for name in names.iter().filter(|name| !is_token(name)) {
        let what = format!("has an entry that no header can be called: {}", show::plain(name));
        review.report(&INGRESS_HEADERS, what, "use letters, digits, '-', '_' and '.'");
    }
    for name in names.iter().filter(|name| OWN.contains(&name.to_ascii_lowercase().as_str())) {
        let what = format!("has an entry that is not passed on: {name}");
        review.report(&INGRESS_HEADERS, what, "remove it: it belongs to the connection, or is read here");
    }
}

/// Either side's reserve has to take the largest record, or a full queue could keep it out for ever.
fn reserve(review: &mut Review<'_>) {
    let Some(pct) = review.values.get::<f64>(&INGRESS_RESERVED_PCT) else { return };
    let sizes = review.values.get::<u64>(&QUEUE_MAX_BYTES).zip(review.values.get::<u64>(&MAX_RECORD_BYTES));
    if sizes.is_some_and(|(queue, record)| (queue / 100) as f64 * pct.round() < record as f64) {
        let next = "raise QUEUE_MAX_BYTES or INGRESS_RESERVED_PCT, or lower MAX_RECORD_BYTES: what is kept for each side has to take one record of that size";
        review.clash(&INGRESS_RESERVED_PCT, "keeps less of QUEUE_MAX_BYTES than", &MAX_RECORD_BYTES, next);
    }
    let bounded = review.values.get::<bool>(&USE_BOUNDED_QUEUE) == Some(true);
    if bounded && review.values.get::<u64>(&QUEUE_MAXSIZE).is_some_and(|max| max < 2) {
        review.clash(&INGRESS_ADDR, "needs room for two in", &QUEUE_MAXSIZE, "raise QUEUE_MAXSIZE");
    }
}
