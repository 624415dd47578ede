//! Who does the inference, and how it is called.

use super::section;
use crate::config::flag::{
    Kind,
    Preset::{Required, Unset, Value},
};

section! {
    /// The worker's address, its protocol and its readiness.
    WORKER = Worker;

    WORKER_URL: Kind::Url, Required,
        "where batches are POSTed to";
    WORKER_HEALTH_URL: Kind::Url, Unset("a connect to WORKER_URL"),
        "a GET here that answers 2xx means the worker is ready";
    WORKER_PROTOCOL: Kind::Words(&["json"]), Value("json"),
        "the form of a request and its answer";
    ALLOW_REMOTE_WORKER: Kind::Bool, Value("false"),
        "let the worker be on another machine; records then cross the network in the clear";
    VALUE_FORMAT: Kind::Words(&["auto", "json", "binary"]), Value("auto"),
        "auto: valid JSON travels as JSON, anything else as base64; json: anything else is undecodable; binary: all base64";
    INFERENCE_TIMEOUT: Kind::duration(10, 3_600_000), Value("15s"),
        "bound on one call; shorter when every record of the batch has a deadline before it";
    WORKER_CONNECT_TIMEOUT: Kind::duration(1, 60_000), Value("1s"),
        "bound on opening a connection";
    WORKER_POOL_IDLE: Kind::duration(1, 60_000), Value("1500ms"),
        "idle connections are closed after this; keep it below the worker's own keep-alive";
    RESPONSE_MAX_BYTES: Kind::size(1 << 10, 1 << 30), Value("1MiB"),
        "cap on the body of an answer";
    WAIT_FOR_MODEL: Kind::Bool, Value("true"),
        "join the group only once the worker answers";
    MODEL_WAIT_TIMEOUT: Kind::duration(0, 3_600_000), Value("5s"),
        "after this long of waiting it is said aloud; the waiting goes on, not ready";
    INFERENCE_PREWARM: Kind::Bool, Value("false"),
        "POST PREWARM_BODY once before the group is joined";
    PREWARM_BODY: Kind::Text, Unset("no body"),
        "body of the prewarming call";
}
