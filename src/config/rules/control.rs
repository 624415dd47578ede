//! Bounds of what tunes itself, and modes that need one another.

use std::{path::PathBuf, time::Duration};

use super::Review;
use crate::{
    config::{flag::Flag, table::*, value::Typed},
    store,
};

pub(super) fn check(review: &mut Review<'_>) {
    bounds::<u64>(review, &QUEUE_WORKERS, &QUEUE_WORKERS_MIN, &QUEUE_WORKERS_MAX);
    bounds::<u64>(review, &BATCH_SIZE, &BATCH_SIZE_MIN, &BATCH_SIZE_MAX);
    bounds::<Duration>(review, &BATCH_TIMEOUT_MS, &BATCH_TIMEOUT_MS_MIN, &BATCH_TIMEOUT_MS_MAX);
    bounds::<f64>(review, &PAUSE_THRESHOLD_PCT, &PAUSE_THRESHOLD_PCT_MIN, &PAUSE_THRESHOLD_PCT_MAX);
    bounds::<f64>(review, &RESUME_THRESHOLD_PCT, &RESUME_THRESHOLD_PCT_MIN, &RESUME_THRESHOLD_PCT_MAX);
    watermarks(review);
    batch_in_queue(review);
    modes(review);
    state_dir(review);
}

/// Found wanting at the start it is a mistake; what goes wrong with it later is only told.
fn state_dir(review: &mut Review<'_>) {
    let Some(dir) = review.values.get::<PathBuf>(&STATE_DIR) else { return };
    if let Err(what) = store::examine(&dir) {
        let next = "make it a directory that this process may write to, or leave STATE_DIR unset to keep nothing";
        review.report(&STATE_DIR, what, next);
    }
}

/// MIN ≤ MAX, and a value set beside a bound lies within it.
fn bounds<T: Typed + PartialOrd>(review: &mut Review<'_>, flag: &Flag, min: &Flag, max: &Flag) {
    let values = review.values;
    let (low, high) = (values.get::<T>(min), values.get::<T>(max));
    if low.as_ref().zip(high.as_ref()).is_some_and(|(low, high)| low > high) {
        let flag = if values.is_chosen(min) { (min, max) } else { (max, min) };
        let relation = if values.is_chosen(min) { "is above" } else { "is below" };
        return review.clash(flag.0, relation, flag.1, format!("lower {} or raise {}", min.name, max.name));
    }
    let Some(value) = values.get::<T>(flag).filter(|_| values.is_chosen(flag)) else { return };
    if values.is_chosen(min) && low.is_some_and(|low| value < low) {
        review.clash(flag, "is below", min, format!("raise {} or lower {}", flag.name, min.name));
    } else if values.is_chosen(max) && high.is_some_and(|high| value > high) {
        review.clash(flag, "is above", max, format!("lower {} or raise {}", flag.name, max.name));
    }
}

/// There has to be a place for the low watermark below every place of the high one.
fn watermarks(review: &mut Review<'_>) {
    let values = review.values;
    let low = lowest(review, &RESUME_THRESHOLD_PCT, &RESUME_THRESHOLD_PCT_MIN, &RESUME_THRESHOLD_PCT_MAX);
    let high = lowest(review, &PAUSE_THRESHOLD_PCT, &PAUSE_THRESHOLD_PCT_MIN, &PAUSE_THRESHOLD_PCT_MAX);
    let is_tuned =
        [&RESUME_THRESHOLD_PCT_MIN, &RESUME_THRESHOLD_PCT_MAX, &PAUSE_THRESHOLD_PCT_MIN, &PAUSE_THRESHOLD_PCT_MAX]
            .into_iter()
            .any(|flag| values.is_chosen(flag));
    if is_tuned && low.zip(high).is_some_and(|(low, high)| low >= high) {
        let next = "lower RESUME_THRESHOLD_PCT_MIN or raise PAUSE_THRESHOLD_PCT_MIN: the gate has to open below where it shuts";
        review.clash(&RESUME_THRESHOLD_PCT_MIN, "leaves no room below", &PAUSE_THRESHOLD_PCT_MIN, next);
    }
}

/// How low a watermark may be, given what was set.
fn lowest(review: &Review<'_>, flag: &Flag, min: &Flag, max: &Flag) -> Option<f64> {
    let values = review.values;
    let is_pinned = values.is_chosen(flag) && !values.is_chosen(min) && !values.is_chosen(max);
    values.get::<f64>(if is_pinned { flag } else { min })
}

fn batch_in_queue(review: &mut Review<'_>) {
    let values = review.values;
    if values.get::<bool>(&USE_BOUNDED_QUEUE) != Some(true) || !values.is_chosen(&BATCH_SIZE_MAX) {
        return;
    }
    let (batch, queue) = (values.get::<u64>(&BATCH_SIZE_MAX), values.get::<u64>(&QUEUE_MAXSIZE));
    if batch.zip(queue).is_some_and(|(batch, queue)| batch > queue) {
        let next = "lower BATCH_SIZE_MAX or raise QUEUE_MAXSIZE: no batch could fill up";
        review.clash(&BATCH_SIZE_MAX, "is above", &QUEUE_MAXSIZE, next);
    }
}

fn modes(review: &mut Review<'_>) {
    let values = review.values;
    let word = |flag: &Flag| values.get::<&'static str>(flag);
    let is_on = word(&ADAPTIVE) == Some("on");
    if word(&TTL_MODE) == Some("predictive") {
        if !is_on {
            review.clash(&TTL_MODE, "needs the model of", &ADAPTIVE, "set ADAPTIVE=on, or TTL_MODE=expired");
        }
        if values.get::<bool>(&ENABLE_TTL) == Some(false) {
            review.clash(
                &TTL_MODE,
                "has no deadlines to go by with",
                &ENABLE_TTL,
                "set ENABLE_TTL=true, or TTL_MODE=expired",
            );
        }
    }
    if word(&QUEUE_ORDER).is_some_and(|order| order != "fifo") {
        if !is_on {
            review.clash(&QUEUE_ORDER, "needs", &ADAPTIVE, "set ADAPTIVE=on, or QUEUE_ORDER=fifo");
        }
        if word(&ORDERING).is_some_and(|ordering| ordering != "none") {
            review.clash(&QUEUE_ORDER, "contradicts", &ORDERING, "set ORDERING=none, or QUEUE_ORDER=fifo");
        }
    }
}
