//! Bounds that have to fit into one another, and policies that contradict each other.

use super::Review;
use crate::config::{flag::Flag, table::*};

pub(super) fn check(review: &mut Review<'_>) {
    watermarks(review);
    records(review);
    span(review);
    bytes(review, &MAX_RECORD_BYTES, &BATCH_MAX_BYTES, "a record of that size would fit into no batch");
    bytes(review, &MAX_RECORD_BYTES, &QUEUE_MAX_BYTES, "a record of that size would fit into no queue");
    bytes(review, &BATCH_MAX_BYTES, &QUEUE_MAX_BYTES, "no batch could fill up");
    policies(review);
}

fn watermarks(review: &mut Review<'_>) {
    let (low, high) = (review.values.get::<f64>(&RESUME_THRESHOLD_PCT), review.values.get::<f64>(&PAUSE_THRESHOLD_PCT));
    if let (Some(low), Some(high)) = (low, high)
        && low >= high
    {
        let next = "lower RESUME_THRESHOLD_PCT or raise PAUSE_THRESHOLD_PCT: the gate has to open below where it shuts";
        review.clash(&RESUME_THRESHOLD_PCT, "is not below", &PAUSE_THRESHOLD_PCT, next);
    }
}

fn records(review: &mut Review<'_>) {
    let on = |flag: &Flag| review.values.get::<bool>(flag) == Some(true);
    if !on(&USE_BOUNDED_QUEUE) || !on(&ENABLE_MICROBATCH) {
        return;
    }
    let (batch, queue) = (review.values.get::<u64>(&BATCH_SIZE), review.values.get::<u64>(&QUEUE_MAXSIZE));
    if batch.zip(queue).is_some_and(|(batch, queue)| batch > queue) {
        review.clash(
            &BATCH_SIZE,
            "is above",
            &QUEUE_MAXSIZE,
            "lower BATCH_SIZE or raise QUEUE_MAXSIZE: no batch could fill up",
        );
    }
}

/// A partition is paused a few polls before its span is used up, because what was asked for already still comes.
fn span(review: &mut Review<'_>) {
    const POLLS: u64 = 4;
    let (span, poll) = (review.values.get::<u64>(&MAX_UNCOMMITTED_SPAN), review.values.get::<u64>(&MAX_POLL_RECORDS));
    if span.zip(poll).is_some_and(|(span, poll)| span < POLLS * poll) {
        let next = format!("raise MAX_UNCOMMITTED_SPAN to {POLLS} times MAX_POLL_RECORDS, or lower MAX_POLL_RECORDS");
        review.clash(&MAX_UNCOMMITTED_SPAN, "is not even four times", &MAX_POLL_RECORDS, next);
    }
}

fn bytes(review: &mut Review<'_>, small: &Flag, large: &Flag, why: &str) {
    let sizes = review.values.get::<u64>(small).zip(review.values.get::<u64>(large));
    if sizes.is_some_and(|(small, large)| small > large) {
        review.clash(small, "is above", large, format!("lower {} or raise {}: {why}", small.name, large.name));
    }
}

fn policies(review: &mut Review<'_>) {
    let has_dlq = review.values.is_set(&DLQ_TOPIC);
    if review.values.get(&TOMBSTONE_POLICY) == Some("dlq") && !has_dlq {
        review.clash(&TOMBSTONE_POLICY, "needs", &DLQ_TOPIC, "set DLQ_TOPIC, or TOMBSTONE_POLICY to deliver or skip");
    }
    if review.values.get(&HEAD_OF_LINE_POLICY) == Some("dlq") && !has_dlq {
        review.clash(&HEAD_OF_LINE_POLICY, "needs", &DLQ_TOPIC, "set DLQ_TOPIC, or HEAD_OF_LINE_POLICY to report");
    }
    if review.values.is_set(&POISON_POLICY) && has_dlq {
        let next = "remove POISON_POLICY to use the dead-letter topic, or DLQ_TOPIC to do without one";
        review.clash(&POISON_POLICY, "contradicts", &DLQ_TOPIC, next);
    }
}
