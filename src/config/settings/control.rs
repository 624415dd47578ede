//! Which thresholds may move: a value that somebody has set stays, one with a bound beside it starts there, and one
//! that was left alone is tuned within its bounds.

use std::time::Duration;

use crate::{
    config::{
        flag::Flag,
        table::*,
        value::{Absent, Typed, Values},
    },
    control::settings::{Adaptive, ControlSettings, QueueOrder, Range, TtlMode},
};

/// A flag, the flags of its bounds, and where it starts when it was left alone.
struct Tuned<T> {
    flag: &'static Flag,
    min: &'static Flag,
    max: &'static Flag,
    start: Option<T>,
}

pub(super) fn build(values: &Values) -> Result<ControlSettings, Absent> {
    let count = |flag, min, max, start| range::<u32>(values, &Tuned { flag, min, max, start });
    let percent = |flag, min, max| range::<f64>(values, &Tuned { flag, min, max, start: None });
    let linger = Tuned { flag: &BATCH_TIMEOUT_MS, min: &BATCH_TIMEOUT_MS_MIN, max: &BATCH_TIMEOUT_MS_MAX, start: None };
    let linger = range::<Duration>(values, &linger)?;
    let pause_pct = percent(&PAUSE_THRESHOLD_PCT, &PAUSE_THRESHOLD_PCT_MIN, &PAUSE_THRESHOLD_PCT_MAX)?;
    let resume_pct = percent(&RESUME_THRESHOLD_PCT, &RESUME_THRESHOLD_PCT_MIN, &RESUME_THRESHOLD_PCT_MAX)?;
    let ms = |duration: Duration| u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
    Ok(ControlSettings {
        adaptive: match values.need(&ADAPTIVE)? {
            "off" => Adaptive::Off,
            "shadow" => Adaptive::Shadow,
            _ => Adaptive::On,
        },
        ttl_mode: match values.need(&TTL_MODE)? {
            "predictive" => TtlMode::Predictive,
            _ => TtlMode::Expired,
        },
        queue_order: match values.need(&QUEUE_ORDER)? {
            "deadline" => QueueOrder::Deadline,
            "auto" => QueueOrder::Auto,
            _ => QueueOrder::Fifo,
        },
        concurrency: count(&QUEUE_WORKERS, &QUEUE_WORKERS_MIN, &QUEUE_WORKERS_MAX, None)?,
        batch_records: batch_records(values)?,
        linger_ms: Range::new(ms(linger.start), ms(linger.min), ms(linger.max)),
        resume_pct: below(resume_pct, pause_pct.start),
        pause_pct,
    })
}

/// The low watermark starts below the high one, wherever that starts.
fn below(low: Range<f64>, high: f64) -> Range<f64> {
    let start = if low.start < high { low.start } else { (high - WATERMARKS_APART).max(low.min) };
    Range::new(start, low.min, low.max)
}

/// Percent of the queue, where bounds that were set leave the defaults no room.
const WATERMARKS_APART: f64 = 10.0;

/// Never more than the queue can hold: a batch of that size could not fill up.
fn batch_records(values: &Values) -> Result<Range<u32>, Absent> {
    if !values.need::<bool>(&ENABLE_MICROBATCH)? {
        return Ok(Range::pinned(1));
    }
    let start = Some(ControlSettings::BATCH_START);
    let tuned = Tuned { flag: &BATCH_SIZE, min: &BATCH_SIZE_MIN, max: &BATCH_SIZE_MAX, start };
    let Range { start, min, max } = range::<u32>(values, &tuned)?;
    let most = if values.need::<bool>(&USE_BOUNDED_QUEUE)? { values.need(&QUEUE_MAXSIZE)? } else { u32::MAX };
    Ok(Range::new(start.min(most), min.min(most), max.min(most)))
}

fn range<T: Typed + Copy + PartialOrd>(values: &Values, tuned: &Tuned<T>) -> Result<Range<T>, Absent> {
    let (value, min, max): (T, T, T) = (values.need(tuned.flag)?, values.need(tuned.min)?, values.need(tuned.max)?);
    let (min_is_set, max_is_set) = (values.is_chosen(tuned.min), values.is_chosen(tuned.max));
    if !values.is_chosen(tuned.flag) {
        let start = tuned.start.unwrap_or(value);
        let start = if start < min { min } else { start };
        return Ok(Range::new(if start > max { max } else { start }, min, max));
    }
    if !min_is_set && !max_is_set {
        return Ok(Range::pinned(value));
    }
    // The end that was left alone reaches as far as the value.
    let min = if !min_is_set && value < min { value } else { min };
    let max = if !max_is_set && value > max { value } else { max };
    Ok(Range::new(value, min, max))
}
