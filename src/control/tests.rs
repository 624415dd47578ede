use proptest::prelude::*;

use super::{
    knobs::{KnobName, Reason},
    limit::Condition,
    sample::{BatchSample, Outcome},
    *,
};

fn control(settings: ControlSettings) -> Control {
    let ceilings = Ceilings {
        queue_records: Some(512),
        queue_bytes: 16 << 20,
        timeout: Duration::from_secs(15),
        hard_after: Duration::from_secs(5),
    };
    let policies = Policies::new(&settings);
    let mut control = Control::new(&settings, policies, ceilings);
    control.add_route(0, "t");
    control
}

/// Works off full batches one after the other, each `alpha + beta·b` long.
fn work(control: &mut Control, from: Instant, batches: u32) -> Instant {
    let mut now = from;
    for _ in 0..batches {
        let records = control.values().batch_records;
        let sent_at = now;
        control.tick(now, 1, Condition::Open);
        now = now + Duration::from_micros(20_000 + 500 * u64::from(records));
        let (bytes, outcome) = (u64::from(records) * 1000, Outcome::Answered);
        (0..records).for_each(|_| control.arrived(now, 0, None));
        let sample = BatchSample { sent_at, settled_at: now, records, bytes, in_flight: 1, worked: None, outcome };
        control.settled(0, &sample, 0);
        control.tick(now, 0, Condition::Open);
    }
    now
}

#[test]
fn switched_off_it_moves_nothing_and_learns_nothing() {
    let mut control = control(ControlSettings { adaptive: Adaptive::Off, ..ControlSettings::default() });
    let before = control.values();
    work(&mut control, Instant::ZERO, 200);
    assert_eq!(control.values(), before);
    assert_eq!((control.dials().decisions().made(), control.routes()[0].known.batch_time.samples()), (0, 0));
}

#[test]
fn left_alone_every_knob_finds_its_place_and_says_why() {
    let mut control = control(ControlSettings::default());
    work(&mut control, Instant::ZERO, 200);
    let values = control.values();
    assert!(values.batch_records > 100, "{values:?}");
    assert!(values.pause_pct < 100.0 && values.resume_pct < values.pause_pct, "{values:?}");
    let reasons: Vec<Reason> = control.dials().decisions().newest().map(|decision| decision.reason).collect();
    assert!(reasons.contains(&Reason::SlowStart) && reasons.contains(&Reason::Need), "{reasons:?}");
}

#[test]
fn a_knob_that_somebody_has_set_stays_where_it_was_set() {
    let pinned = ControlSettings { batch_records: settings::Range::pinned(7), ..ControlSettings::default() };
    let mut control = control(pinned);
    work(&mut control, Instant::ZERO, 200);
    assert_eq!(control.values().batch_records, 7);
    let moved = control.dials().decisions().newest().any(|decision| decision.knob == KnobName::BatchSize);
    assert!(!moved);
}

#[test]
fn what_was_learnt_is_taken_up_again_with_a_discount() {
    let mut first = control(ControlSettings::default());
    work(&mut first, Instant::ZERO, 200);
    let learned = first.learned(1_000);
    let text = serde_json::to_string(&learned).unwrap();
    let mut second = control(ControlSettings::default());
    second.routes.clear();
    second.recall(Instant::ZERO, 2_000, &serde_json::from_str(&text).unwrap()).unwrap();
    second.add_route(0, "t");
    let values = second.values();
    assert!(values.batch_records * 10 >= first.values().batch_records * 6, "{values:?}");
    let (before, after) = (first.needs(0, 32), second.needs(0, 32));
    assert!((before / after - 1.0).abs() < 0.3, "{before} {after}");
    let late = second.recall(Instant::ZERO, 1_000 + learned::STALE_AFTER_MS, &learned);
    assert_eq!(late, Err(learned::Unfit::Stale));
    let mut off = control(ControlSettings::off());
    assert_eq!(off.recall(Instant::ZERO, 2_000, &learned), Err(learned::Unfit::Off));
}

#[test]
fn what_was_recalled_and_not_needed_yet_is_kept_on() {
    let mut first = control(ControlSettings::default());
    work(&mut first, Instant::ZERO, 200);
    let mut second = control(ControlSettings::default());
    second.recall(Instant::ZERO, 2_000, &first.learned(1_000)).unwrap();
    let kept = second.learned(3_000);
    assert_eq!(kept.routes.iter().map(|route| route.topic.as_str()).collect::<Vec<_>>(), ["t"]);
    assert_eq!((kept.saved_at_ms, &kept.routes[0].shape), (3_000, &first.learned(0).routes[0].shape));
}

#[test]
fn what_was_recalled_is_dropped_when_the_first_answer_tells_of_another_model() {
    let mut first = control(ControlSettings::default());
    work(&mut first, Instant::ZERO, 200);
    first.told(Instant::ZERO, None, false, Some(1));
    let learned = first.learned(1_000);
    let begun = |model| {
        let mut second = control(ControlSettings::default());
        second.routes.clear();
        second.recall(Instant::ZERO, 2_000, &learned).unwrap();
        second.add_route(0, "t");
        let is_other = second.told(Instant::ZERO, None, false, Some(model));
        let Values { batch_records, concurrency, .. } = second.values();
        (is_other, batch_records > 50, concurrency, second.needs(0, 1) > 0.0)
    };
    let stood_at = (f64::from(learned.concurrency) * 0.7).ceil() as u32;
    assert_eq!(begun(1), (false, true, stood_at, true));
    assert_eq!(begun(2), (true, false, ControlSettings::default().concurrency.start, false));
    assert!(!first.told(Instant::ZERO, None, false, Some(1)));
}

#[test]
fn another_model_version_makes_it_start_afresh() {
    let mut control = control(ControlSettings::default());
    let now = work(&mut control, Instant::ZERO, 100);
    assert!(!control.told(now, None, false, Some(1)), "the first version is no change");
    assert!(!control.told(now, None, false, Some(1)) && !control.told(now, None, false, None));
    assert!(control.told(now, None, false, Some(2)));
    assert_eq!((control.values().batch_records, control.needs(0, 1)), (ControlSettings::BATCH_START, 0.0));
}

#[test]
fn the_check_back_comes_after_most_of_a_batch_time() {
    let mut control =
        control(ControlSettings { batch_records: settings::Range::pinned(60), ..ControlSettings::default() });
    assert_eq!(control.check_back(), None);
    work(&mut control, Instant::ZERO, 100);
    let wait = control.check_back().unwrap().as_secs_f64();
    assert!((wait - 0.8 * 0.05).abs() < 0.005, "{wait}");
}

#[test]
fn a_capacity_that_the_worker_tells_is_taken_at_its_word_and_within_bounds() {
    let settled = |now| {
        let (outcome, worked) = (Outcome::Answered, None);
        BatchSample { sent_at: now, settled_at: now, records: 1, bytes: 1, in_flight: 1, worked, outcome }
    };
    let concurrency_after = |settings: ControlSettings, told: &[(u32, bool)]| {
        let mut control = control(settings);
        for (ms, (capacity, has_queue)) in (0..).zip(told) {
            let now = Instant::from_millis(ms);
            control.told(now, Some(*capacity), *has_queue, None);
            control.settled(0, &settled(now), 0);
            control.tick(now, 1, Condition::Open);
        }
        let reason = control.dials().decisions().newest().find(|made| made.knob == KnobName::Concurrency);
        (control.values().concurrency, reason.map(|made| made.reason))
    };
    let free = ControlSettings::default;
    let told = Some(Reason::Told);
    assert_eq!(concurrency_after(free(), &[(16, false)]), (16, told), "at once, whatever the slew");
    assert_eq!(concurrency_after(free(), &[(16, true)]), (17, told), "one more can wait in it");
    assert_eq!(concurrency_after(free(), &[(16, true), (16, false), (16, true)]), (17, told));
    assert_eq!(concurrency_after(free(), &[(16, false), (4, false)]), (4, told));
    assert_eq!(concurrency_after(free(), &[(65_536, true)]), (64, told));
    let pinned = ControlSettings { concurrency: settings::Range::pinned(3), ..free() };
    assert_eq!(concurrency_after(pinned, &[(16, false)]), (3, None));
}

proptest! {
    #[test]
    fn whatever_happens_knobs_stay_within_their_bounds_and_the_watermarks_do_not_cross(
        happenings in proptest::collection::vec((0_u32..300, 0_u64..3_000_000_000, 0_u8..6, any::<bool>(), 0_u8..4), 1..300)
    ) {
        let mut control = control(ControlSettings::default());
        let mut now = Instant::ZERO;
        for (records, took, outcome, late, condition) in happenings {
            let sent_at = now;
            now = now + Duration::from_nanos(took);
            let outcome = [
                Outcome::Answered, Outcome::Failed, Outcome::Busy, Outcome::TimedOut, Outcome::CutShort, Outcome::Away,
            ][usize::from(outcome)];
            let bytes = u64::from(records) * 100;
            control.arrived(now, 0, late.then_some(Duration::from_millis(300)));
            let sample = BatchSample { sent_at, settled_at: now, records, bytes, in_flight: 1 + records % 9, worked: None, outcome };
            control.settled(0, &sample, if late { records } else { 0 });
            if late {
                control.hardened(now);
            }
            let condition = [Condition::Open, Condition::Idle, Condition::Disturbed, Condition::Away][usize::from(condition)];
            control.tick(now, records % 9, condition);
            let values = control.values();
            prop_assert!((1..=64).contains(&values.concurrency) && (1..=256).contains(&values.batch_records));
            prop_assert!(values.linger <= Duration::from_millis(250));
            prop_assert!((50.0..=95.0).contains(&values.pause_pct) && (10.0..=80.0).contains(&values.resume_pct));
            prop_assert!(values.resume_pct < values.pause_pct, "{values:?}");
        }
    }
}
