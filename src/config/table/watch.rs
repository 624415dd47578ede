//! How people look inside.

use super::section;
use crate::config::flag::{
    Kind,
    Preset::{Unset, Value},
};

section! {
    /// Admin listeners and the log.
    WATCH = Watch;

    ADMIN_ADDR: Kind::Address, Value("127.0.0.1:9464"),
        "probes, metrics, state and the mutating routes; loopback only";
    PROBE_ADDR: Kind::Address, Unset("no second listener"),
        "probes and metrics alone, for the kubelet and the scraper, such as 0.0.0.0:9465";
    LOG_FORMAT: Kind::Words(&["human", "json"]), Value("human"),
        "json is one object per line";
    LOG_LEVEL: Kind::Words(&["error", "warn", "info", "debug", "trace"]), Value("info"),
        "the least that is logged";
}
