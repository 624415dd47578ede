//! Times that have to fit into one another.

use std::time::Duration;

use super::Review;
use crate::config::{
    flag::{Flag, Millis},
    pass_through::{PassThrough, variable},
    problem::Problem,
    table::*,
    value::Values,
};

const SESSION_TIMEOUT: &str = "session.timeout.ms";
const MAX_POLL_INTERVAL: &str = "max.poll.interval.ms";
const HEARTBEAT_INTERVAL: &str = "heartbeat.interval.ms";

/// librdkafka's own, in milliseconds.
const SESSION_TIMEOUT_DEFAULT: u64 = 45_000;
const MAX_POLL_INTERVAL_DEFAULT: u64 = 300_000;

const DRAIN_DEFAULT: Duration = Duration::from_secs(10);

pub(crate) fn session_timeout(pass_through: &PassThrough) -> Duration {
    Duration::from_millis(pass_through.millis(SESSION_TIMEOUT).unwrap_or(SESSION_TIMEOUT_DEFAULT))
}

pub(crate) fn max_poll_interval(pass_through: &PassThrough) -> Duration {
    Duration::from_millis(pass_through.millis(MAX_POLL_INTERVAL).unwrap_or(MAX_POLL_INTERVAL_DEFAULT))
}

/// `REVOKE_DRAIN_TIMEOUT`, worked out where nobody set it. Whole milliseconds.
pub(crate) fn drain_timeout(values: &Values, pass_through: &PassThrough) -> Duration {
    let half_session = Duration::from_millis(session_timeout(pass_through).as_millis() as u64 / 2);
    values.get(&REVOKE_DRAIN_TIMEOUT).unwrap_or_else(|| DRAIN_DEFAULT.min(half_session))
}

pub(super) fn check(review: &mut Review<'_>) {
    not_longer(review, &INFERENCE_TIMEOUT, &SHUTDOWN_TIMEOUT, "a call in flight at SIGTERM could not finish");
    not_longer(review, &WORKER_CONNECT_TIMEOUT, &INFERENCE_TIMEOUT, "opening a connection is part of the call");
    not_longer(review, &RETRY_BACKOFF_MIN, &RETRY_BACKOFF_MAX, "the back-off grows from the first to the second");
    if review.values.is_set(&INGRESS_ADDR) {
        let why = "connections could not be closed in order before the process ends";
        not_longer(review, &INGRESS_DRAIN_GRACE, &SHUTDOWN_TIMEOUT, why);
    }
    group(review);
}

fn not_longer(review: &mut Review<'_>, short: &Flag, long: &Flag, why: &str) {
    let times = review.values.get::<Duration>(short).zip(review.values.get::<Duration>(long));
    if times.is_some_and(|(short, long)| short > long) {
        review.clash(short, "is longer than", long, format!("lower {} or raise {}: {why}", short.name, long.name));
    }
}

/// The group's own times, the client's defaults included.
fn group(review: &mut Review<'_>) {
    let (session, poll) = (session_timeout(review.pass_through), max_poll_interval(review.pass_through));
    let drain = review.values.get::<Duration>(&REVOKE_DRAIN_TIMEOUT);
    for (limit, property) in [(session, SESSION_TIMEOUT), (poll, MAX_POLL_INTERVAL)] {
        if drain.is_some_and(|drain| drain >= limit) {
            let what = format!("is not shorter than {property}, which is {}", described(review, property, limit));
            let next = format!("lower REVOKE_DRAIN_TIMEOUT or raise {}: the group would not wait", variable(property));
            review.report(&REVOKE_DRAIN_TIMEOUT, what, next);
        }
    }
    if poll < session {
        clash(review, MAX_POLL_INTERVAL, poll, "is shorter than", SESSION_TIMEOUT, session);
    }
    let heartbeat = review.pass_through.millis(HEARTBEAT_INTERVAL).unwrap_or(3000);
    let heartbeat = Duration::from_millis(heartbeat);
    if heartbeat >= session {
        clash(review, HEARTBEAT_INTERVAL, heartbeat, "is not shorter than", SESSION_TIMEOUT, session);
    }
}

fn clash(review: &mut Review<'_>, a: &str, a_time: Duration, relation: &str, b: &str, b_time: Duration) {
    let what = format!("{relation} {b}, which is {}", described(review, b, b_time));
    let next = format!("change {} or {}: the client does not start with the two as they are", variable(a), variable(b));
    let mut problem = Problem::new(variable(a), what, next).given(Millis(a_time.as_millis() as u64).to_string());
    if let Some(given) = review.pass_through.given(a) {
        problem = problem.origin(given.origin.clone());
    }
    review.problems.push(problem);
}

/// `45s (the client's default)`
fn described(review: &Review<'_>, property: &str, time: Duration) -> String {
    let origin = review.pass_through.given(property).map(|given| given.origin.to_string());
    let origin = origin.unwrap_or_else(|| "the client's default".into());
    format!("{} ({origin})", Millis(time.as_millis() as u64))
}
