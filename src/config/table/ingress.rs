//! Requests over HTTP: who may ask, for how long, and what is kept for whom.

use super::section;
use crate::config::flag::{
    Kind,
    Preset::{Derived, Unset, Value},
};

section! {
    /// The listener, the callers' time, and the shares.
    INGRESS = Ingress;

    INGRESS_ADDR: Kind::Address, Unset("no requests over HTTP"),
        "where the worker's own HTTP clients are taken in, beside the Kafka records, such as 0.0.0.0:8080";
    INGRESS_PATHS: Kind::List, Value("/predict"),
        "paths that may be POSTed to; any other is 404";
    INGRESS_TOPIC: Kind::Text, Derived("the first of KAFKA_TOPICS"),
        "the topic that the worker sees requests as records of; of the same topic they share batches";
    INGRESS_TIMEOUT: Kind::duration(10, 3_600_000), Value("30s"),
        "the longest any request waits for its answer; a deadline of its own can only be sooner";
    INGRESS_WEIGHT: Kind::percent(1.0, 99.0), Value("50"),
        "the requests' share of the records sent while both sides wait";
    INGRESS_RESERVED_PCT: Kind::percent(1.0, 50.0), Value("20"),
        "share of the queue that Kafka cannot take, and as much again that requests cannot take";
    INGRESS_HEADERS: Kind::List, Value("traceparent,tracestate,x-request-id"),
        "request headers passed on to the worker beside content-type, at most 1 KiB each";
    INGRESS_CONNECTIONS_MAX: Kind::int(1, 65_536, "connections"), Value("1024"),
        "connections at a time; further ones wait to be accepted";
    INGRESS_KEEP_ALIVE: Kind::duration(30_000, 3_600_000), Value("75s"),
        "a connection on which no whole request head came for this long is closed";
    INGRESS_DRAIN_GRACE: Kind::duration(0, 60_000), Value("1s"),
        "how long a drain at least goes on taking connections, to answer them 503 and close them in order";
}
