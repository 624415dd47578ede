//! Who may be talked to, and who may listen.

use std::net::SocketAddr;

use super::Review;
use crate::{
    config::{flag::Flag, parse::is_local, table::*},
    worker::settings::Target,
};

pub(super) fn check(review: &mut Review<'_>) {
    remote(review, &WORKER_URL);
    remote(review, &WORKER_HEALTH_URL);
    if review.values.get(&INFERENCE_PREWARM) == Some(true) && !review.values.is_set(&PREWARM_BODY) {
        review.clash(&INFERENCE_PREWARM, "needs", &PREWARM_BODY, "set PREWARM_BODY to a request the worker takes");
    }
    listeners(review);
}

fn remote(review: &mut Review<'_>, flag: &Flag) {
    if review.values.get(&ALLOW_REMOTE_WORKER) != Some(false) {
        return;
    }
    if let Some(target) = review.values.get::<Target>(flag)
        && !is_local(&target)
    {
        let next = "use a loopback address (127.0.0.1, localhost) or unix:, or set ALLOW_REMOTE_WORKER=true to send records over the network in the clear";
        review.clash(flag, "is on another machine, which is not allowed by", &ALLOW_REMOTE_WORKER, next);
    }
}

fn listeners(review: &mut Review<'_>) {
    let Some(admin) = review.values.get::<SocketAddr>(&ADMIN_ADDR) else { return };
    if !admin.ip().to_canonical().is_loopback() {
        let next = "keep it on 127.0.0.1 or ::1; to let others reach probes and metrics, set PROBE_ADDR=0.0.0.0:9465";
        review.report(&ADMIN_ADDR, "is not a loopback address, and the routes there change things", next);
    }
    let probe = review.values.get::<SocketAddr>(&PROBE_ADDR);
    if probe == Some(admin) && admin.port() != 0 {
        review.clash(&PROBE_ADDR, "is the same as", &ADMIN_ADDR, "give it another port, or remove it");
    }
}
