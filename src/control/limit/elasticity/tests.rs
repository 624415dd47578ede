use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::control::sample::Outcome;

fn sample(sent_ms: u64, took_ms: u64, in_flight: u32, outcome: Outcome) -> BatchSample {
    let sent_at = Instant::from_millis(sent_ms);
    let settled_at = sent_at + Duration::from_millis(took_ms);
    BatchSample { sent_at, settled_at, records: 1, bytes: 1, in_flight, worked: None, outcome }
}

/// A worker with room for everyone, until the limit has reached `level`.
fn climbed_to(level: u32) -> (Elasticity, u64) {
    let mut law = Elasticity::new(1, 64, 1);
    let mut now_ms = 0;
    while law.limit() < level && now_ms < 60_000 {
        let limit = law.limit();
        law.tick(Instant::from_millis(now_ms), limit, Condition::Open);
        (0..limit).for_each(|_| law.observe(&sample(now_ms, 100, limit, Outcome::Answered), 1.0));
        now_ms += 100;
    }
    (law, now_ms)
}

#[test]
fn it_doubles_while_nothing_queues() {
    let (law, took_ms) = climbed_to(64);
    assert_eq!(law.limit(), 64);
    assert!(took_ms < 8000, "{took_ms}");
}

#[test]
fn a_push_back_halves_it_at_once_and_only_once_for_what_was_sent_before() {
    let (mut law, now_ms) = climbed_to(16);
    let now = Instant::from_millis(now_ms);
    (0..5).for_each(|_| law.observe(&sample(now_ms - 10, 5, 16, Outcome::Busy), 1.0));
    assert_eq!(law.tick(now, 11, Condition::Open), Some(Reason::PushBack));
    assert_eq!(law.limit(), 8);
    (0..5).for_each(|_| law.observe(&sample(now_ms - 1, 500, 16, Outcome::TimedOut), 1.0));
    law.tick(now + Duration::from_millis(1), 8, Condition::Open);
    assert_eq!(law.limit(), 8);
}

#[test]
fn a_call_that_is_lost_while_others_like_it_are_answered_is_no_push_back() {
    let (mut law, now_ms) = climbed_to(16);
    law.observe(&sample(now_ms, 100, 16, Outcome::Answered), 1.0);
    law.observe(&sample(now_ms - 5, 1_000, 16, Outcome::TimedOut), 1.0);
    law.tick(Instant::from_millis(now_ms + 995), 16, Condition::Open);
    assert_eq!((law.limit(), law.pushed_back_at), (16, None));
    // Slow, if not as slow: it is full.
    law.observe(&sample(now_ms + 1_000, 600, 16, Outcome::Answered), 1.0);
    law.observe(&sample(now_ms + 1_000, 1_000, 16, Outcome::TimedOut), 1.0);
    assert_eq!(law.tick(Instant::from_millis(now_ms + 2_000), 16, Condition::Open), Some(Reason::PushBack));
    // And where none has been answered for as long as a call may take.
    let (mut law, now_ms) = climbed_to(16);
    law.observe(&sample(now_ms, 100, 16, Outcome::Answered), 1.0);
    law.observe(&sample(now_ms + 1_100, 1_000, 16, Outcome::TimedOut), 1.0);
    assert_eq!(law.tick(Instant::from_millis(now_ms + 2_100), 16, Condition::Open), Some(Reason::PushBack));
}

#[test]
fn it_stands_still_while_nothing_waits_or_the_group_rebalances() {
    for condition in [Condition::Idle, Condition::Disturbed] {
        let (mut law, now_ms) = climbed_to(8);
        let limit = law.limit();
        for ms in (0..60_000).step_by(100) {
            law.observe(&sample(now_ms + ms, 900, 2, Outcome::Answered), 1.0);
            assert_eq!(law.tick(Instant::from_millis(now_ms + ms), 2, condition), None);
        }
        assert_eq!(law.limit(), limit, "{condition:?}");
    }
}

#[test]
fn it_does_not_climb_on_a_limit_that_is_not_used() {
    let (mut law, now_ms) = climbed_to(8);
    let limit = law.limit();
    for ms in (0..60_000).step_by(100) {
        law.observe(&sample(now_ms + ms, 100, 3, Outcome::Answered), 1.0);
        law.tick(Instant::from_millis(now_ms + ms), 3, Condition::Open);
    }
    assert_eq!(law.limit(), limit);
}

#[test]
fn a_worker_that_comes_back_gets_half() {
    let (mut law, now_ms) = climbed_to(16);
    assert_eq!(law.tick(Instant::from_millis(now_ms), 0, Condition::Away), None);
    let later = Instant::from_millis(now_ms + 5000);
    assert_eq!(law.tick(later, 0, Condition::Open), Some(Reason::Recovery));
    assert_eq!(law.limit(), 8);
}

#[test]
fn what_teaches_nothing_moves_nothing() {
    let (mut law, now_ms) = climbed_to(8);
    let before = law.response_s;
    for outcome in [Outcome::Away, Outcome::Cancelled, Outcome::Failed] {
        law.observe(&sample(now_ms, 5000, 8, outcome), 1.0);
    }
    law.observe(&sample(now_ms, 5000, 8, Outcome::Answered), f64::NAN);
    assert_eq!((law.response_s, law.pushed_back_at), (before, None));
}

fn outcome(n: u8) -> Outcome {
    use Outcome::{Answered, Away, Busy, Cancelled, Failed, TimedOut};
    [Answered, Answered, Answered, Answered, Failed, Busy, TimedOut, Away, Cancelled][usize::from(n) % 9]
}

proptest! {
    #[test]
    fn it_never_leaves_its_bounds_whatever_happens(
        (min, max, start) in (0_u32..20, 0_u32..50, any::<u32>()),
        events in proptest::collection::vec((0_u64..400, 0_u64..5000, 0_u32..80, any::<u8>(), any::<f64>()), 0..300),
    ) {
        let mut law = Elasticity::new(min, max, start);
        let (low, high) = (min.max(1), max.max(min.max(1)));
        let mut now_ms = 0;
        for (passed, took, in_flight, n, cost) in events {
            now_ms += passed;
            let cost = if n > 40 { 1.0 } else { cost };
            law.observe(&sample(now_ms.saturating_sub(took), took, in_flight, outcome(n)), cost);
            let conditions = [Condition::Open, Condition::Open, Condition::Idle, Condition::Disturbed, Condition::Away];
            law.tick(Instant::from_millis(now_ms), in_flight, conditions[usize::from(n / 9) % 5]);
            prop_assert!((low..=high).contains(&law.limit()), "{} not in {low}..={high}", law.limit());
        }
    }
}

/// What the law does with a worker that works on `capacity` batches at once, 100 ms each, after it was told `told`.
fn levels_told(told: u32, capacity: u32) -> Vec<u32> {
    let mut law = Elasticity::new(1, 64, 2);
    law.told(Instant::ZERO, told);
    assert_eq!(law.tick(Instant::ZERO, 0, Condition::Open), Some(Reason::Told));
    let mut levels = Vec::new();
    for round in 0..600_u64 {
        let (level, now_ms) = (law.limit(), round * 100);
        levels.push(level);
        law.tick(Instant::from_millis(now_ms), level, Condition::Open);
        let took_ms = 100 * u64::from(level.max(capacity)) / u64::from(capacity);
        (0..level).for_each(|_| law.observe(&sample(now_ms, took_ms, level, Outcome::Answered), 1.0));
    }
    levels
}

#[test]
fn what_the_worker_says_it_takes_is_where_it_goes_and_never_above() {
    let levels = levels_told(16, 16);
    assert_eq!(levels[0], 16);
    assert!(levels.iter().all(|level| (12..=16).contains(level)), "{levels:?}");
}

#[test]
fn a_worker_that_says_more_than_it_takes_is_found_out() {
    let levels = levels_told(48, 8);
    assert_eq!(levels[0], 48);
    let last = levels.last().unwrap();
    assert!((6..=12).contains(last), "{levels:?}");
}
