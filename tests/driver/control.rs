//! `ADAPTIVE=off|shadow|on`, pinned knobs and `TTL_MODE`, as the driver plays them.

use std::time::Duration;

use sluicegate::{
    control::{
        knobs::KnobName,
        settings::{Adaptive, ControlSettings, Range, TtlMode},
    },
    engine::settings::EngineSettings,
};

use crate::endless::{Curve, Feed, Rig, mean};

const SECOND: Duration = Duration::from_secs(1);

/// The flags at odd values, so that a default that slips in shows.
fn flags(control: ControlSettings) -> EngineSettings {
    EngineSettings {
        concurrency: 3,
        batch_records_max: 7,
        linger: Duration::from_millis(40),
        pause_threshold_pct: 77.0,
        resume_threshold_pct: 33.0,
        control,
        ..EngineSettings::default()
    }
}

fn adaptive(adaptive: Adaptive) -> ControlSettings {
    ControlSettings { adaptive, ..ControlSettings::default() }
}

#[tokio::test(start_paused = true)]
async fn off_takes_every_flag_literally_however_bad_it_is() {
    let settings = flags(adaptive(Adaptive::Off));
    let values = settings.values();
    let mut rig = Rig::new(settings, Feed::BACKLOG);
    for _ in 0..30 {
        let seen = rig.run_for(SECOND).await;
        assert_eq!((seen.knobs.concurrency, seen.knobs.batch_records_max), (3, 7));
        assert_eq!((seen.knobs.pause_threshold_pct, seen.knobs.resume_threshold_pct), (77.0, 33.0));
        assert_eq!(seen.knobs.linger_ms, 1e3 * values.linger.as_secs_f64());
        assert_eq!(seen.in_flight.batches, 3, "a backlog fills every place");
        assert_eq!(seen.control.wanted, seen.knobs);
    }
    assert!(rig.sizes(0).iter().all(|records| *records == 7), "{:?}", &rig.sizes(0)[..20]);
    let told = rig.told.borrow();
    assert!(told.moves.is_empty() && told.foretold_late == 0, "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn off_waits_for_the_linger_it_was_given() {
    let feed = Feed { rate: Some(20), life: None, all_dated: false };
    let mut rig = Rig::new(flags(adaptive(Adaptive::Off)), feed);
    rig.run_for(10 * SECOND).await;
    let waited = rig.worker.seen.lock().unwrap().iter().map(|(at, _)| *at).collect::<Vec<_>>();
    // A record every 50 ms, each alone, each 40 ms after it came.
    assert!(waited.len() > 150 && waited.iter().all(|at| (40..=43).contains(&(at % 50))), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn on_finds_larger_batches_for_a_worker_with_a_fixed_cost() {
    let mut on = Rig::new(flags(adaptive(Adaptive::On)), Feed::BACKLOG);
    on.run_for(30 * SECOND).await;
    assert_eq!(on.sizes(0)[0], 1, "a heavy model must not get a large first batch");
    assert!(mean(&on.sizes(10_000)) > 32.0, "{}", mean(&on.sizes(10_000)));
    let mut off = Rig::new(flags(adaptive(Adaptive::Off)), Feed::BACKLOG);
    off.run_for(30 * SECOND).await;
    let (on, off) = (on.told.borrow().completed, off.told.borrow().completed);
    // Two at a time, 27 ms for seven: 519 a second. Without the fixed cost it would be 2000.
    println!("30 s of backlog, 20 ms + 1 ms a record, two at a time: on {on}, 3 x 7 {off}");
    assert!(on > 2 * off, "{on} {off}");
}

#[tokio::test(start_paused = true)]
async fn a_pinned_knob_stays_where_it_was_set() {
    let control = ControlSettings { batch_records: Range::pinned(8), ..ControlSettings::default() };
    let mut rig = Rig::before(flags(control), Feed::BACKLOG, 20 * SECOND / 1000, SECOND / 1000, 6);
    let seen = rig.run_for(60 * SECOND).await;
    assert!(rig.sizes(0).iter().all(|records| *records == 8), "{:?}", &rig.sizes(0)[..20]);
    let moved = |knob| rig.told.borrow().moves.iter().any(|(decision, _)| decision.knob == knob);
    assert!(!moved(KnobName::BatchSize) && moved(KnobName::Concurrency));
    assert!((5..=7).contains(&seen.knobs.concurrency), "six at once: {}", seen.knobs.concurrency);
}

#[tokio::test(start_paused = true)]
async fn shadow_decides_and_tells_and_does_exactly_what_off_does() {
    let feed = Feed { rate: Some(700), life: Some(SECOND / 2), all_dated: false };
    let mut shadow = Rig::new(flags(adaptive(Adaptive::Shadow)), feed);
    let seen = shadow.run_for(20 * SECOND).await;
    let mut off = Rig::new(flags(adaptive(Adaptive::Off)), feed);
    off.run_for(20 * SECOND).await;
    let sent = |rig: &Rig| rig.worker.seen.lock().unwrap().clone();
    assert!(sent(&shadow).len() > 500 && sent(&shadow) == sent(&off));
    let told = shadow.told.borrow();
    assert!(told.moves.len() > 3 && told.moves.iter().all(|(_, applied)| !applied), "{:?}", told.moves);
    assert_eq!((seen.knobs.batch_records_max, seen.knobs.concurrency), (7, 3));
    assert!(seen.control.wanted != seen.knobs, "{:?}", seen.control.wanted);
    assert!(told.hopeless.is_empty() && told.foretold_late > 0, "what would have been given up is measured");
    assert_eq!(told.completed, off.told.borrow().completed);
}

#[tokio::test(start_paused = true)]
async fn only_a_record_with_a_deadline_is_given_up_early_and_only_where_that_is_asked_for() {
    // Some three times what the worker can do, in batches of eight, and a little more to live than a batch takes.
    let feed = Feed { rate: Some(1_500), life: Some(SECOND / 10), all_dated: false };
    let settings = |ttl_mode| {
        let batch_records = Range::pinned(8);
        flags(ControlSettings { ttl_mode, batch_records, ..ControlSettings::default() })
    };
    let mut predictive = Rig::new(settings(TtlMode::Predictive), feed);
    predictive.run_for(20 * SECOND).await;
    let mut expired = Rig::new(settings(TtlMode::Expired), feed);
    expired.run_for(20 * SECOND).await;
    let (predictive, expired) = (predictive.told.borrow(), expired.told.borrow());
    println!(
        "predictive: {} hopeless, {} expired, {} late; expired: {} expired, {} late, {} foretold",
        predictive.hopeless.len(),
        predictive.expired,
        predictive.late,
        expired.expired,
        expired.late,
        expired.foretold_late
    );
    assert!(!predictive.hopeless.is_empty());
    assert!(predictive.hopeless.iter().all(|offset| offset % 2 == 1), "one without a deadline was given up");
    assert!(expired.hopeless.is_empty());
}

/// In time, of what came in a minute, before a worker with this trouble.
async fn in_time(settings: EngineSettings, trouble: fn(&mut Curve)) -> f64 {
    const RATE: u32 = 400;
    let feed = Feed { rate: Some(RATE), life: Some(SECOND), all_dated: true };
    let mut rig = Rig::made(settings, feed, (20 * SECOND / 1000, 2 * SECOND / 1000), 2, trouble);
    rig.run_for(60 * SECOND).await;
    let told = rig.told.borrow();
    (told.completed - told.late) as f64 / f64::from(RATE * 60)
}

/// The reality check of docs/CONTROL.md in miniature, without its noise: no less in time than with the best of five
/// static settings, or no more than this share less.
async fn is_followed(less: f64, trouble: fn(&mut Curve)) {
    let fixed = |(concurrency, batch_records_max): (u32, u32)| {
        let control = adaptive(Adaptive::Off);
        EngineSettings { concurrency, batch_records_max, control, ..EngineSettings::default() }
    };
    let on = in_time(EngineSettings::default(), trouble).await;
    let mut best = 0.0_f64;
    for setting in [(1, 8), (2, 32), (4, 16), (2, 128), (8, 64)] {
        let share = in_time(fixed(setting), trouble).await;
        println!("{} x {}: {share:.3}", setting.0, setting.1);
        best = best.max(share);
    }
    println!("on: {on:.3}");
    assert!(on > best - less, "{on} is less than {best}");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_becomes_ten_times_as_slow_is_followed_as_well_as_the_best_static_setting_does() {
    is_followed(0.01, |curve| curve.slow = Some((20 * SECOND, 40 * SECOND, 10))).await;
}

/// Nothing is known of it: the search takes two or three seconds of the sixty.
#[tokio::test(start_paused = true)]
async fn one_that_starts_cold_is_followed_within_seconds() {
    is_followed(0.05, |curve| curve.slow = Some((Duration::ZERO, 20 * SECOND, 10))).await;
}

#[tokio::test(start_paused = true)]
async fn one_of_two_kinds_of_latency_is_followed_as_well() {
    is_followed(0.01, |curve| curve.heavy = Some((10, 10))).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_pauses_for_five_seconds_is_followed_as_well() {
    is_followed(0.01, |curve| curve.pause = Some((20 * SECOND, 25 * SECOND))).await;
}

/// Records a second over the last half of a minute before a worker that never answers one call of so many.
async fn rate_with_hangs(control: ControlSettings, every: usize) -> f64 {
    let mut retry = EngineSettings::default().retry;
    retry.attempts_max = 1_000;
    let settings = EngineSettings {
        concurrency: 4,
        batch_records_max: 32,
        inference_timeout: SECOND,
        retry,
        control,
        ..EngineSettings::default()
    };
    let mut rig = Rig::hanging(settings, Feed::BACKLOG, every);
    rig.run_for(30 * SECOND).await;
    let before = rig.told.borrow().completed;
    let seen = rig.run_for(30 * SECOND).await;
    let rate = (rig.told.borrow().completed - before) as f64 / 30.0;
    let knobs = seen.knobs;
    println!("one of {every} hangs: {rate:.0}/s with {} x {}", knobs.concurrency, knobs.batch_records_max);
    rate
}

/// A call that is lost has nothing to do with how large it was or how many were out.
#[tokio::test(start_paused = true)]
async fn a_worker_that_loses_calls_is_sent_batches_as_large_and_as_many_as_before() {
    for every in [3, 10, 100] {
        let on = rate_with_hangs(adaptive(Adaptive::On), every).await;
        let off = rate_with_hangs(adaptive(Adaptive::Off), every).await;
        assert!(on > 0.9 * off, "one of {every}: {on} a second, and {off} with four batches of 32");
    }
}
