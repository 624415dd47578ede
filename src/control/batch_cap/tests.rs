use super::*;

const TIMEOUT: Duration = Duration::from_secs(15);

fn policy() -> BatchCap {
    BatchCap::new(256, TIMEOUT, false)
}

/// One batch at a time, of so many records.
fn at(batch_records: u32) -> Values {
    let (linger, hard_after) = (Duration::ZERO, Duration::ZERO);
    Values { concurrency: 1, batch_records, linger, pause_pct: 80.0, resume_pct: 50.0, hard_after }
}

/// Feeds full batches of a worker that takes `alpha + beta·b` seconds, and returns the cap after each.
fn caps(alpha: f64, beta: f64, slack_s: Option<f64>, batches: u32) -> Vec<u32> {
    let (mut cap, mut policy, mut known) = (1, policy(), Estimators::default());
    let mut now = Instant::ZERO;
    (0..batches)
        .map(|_| {
            if let Some(slack) = slack_s {
                known.arrived(now, Some(Duration::from_secs_f64(slack)));
            }
            let sent_at = now;
            now = now + Duration::from_secs_f64(alpha + beta * f64::from(cap));
            let sample = sample(sent_at, now, cap, Outcome::Answered);
            known.observe(&sample);
            if let Some(wish) = policy.observe(&sample, &at(cap), &known) {
                cap = wish.records;
            }
            cap
        })
        .collect()
}

fn sample(sent_at: Instant, settled_at: Instant, records: u32, outcome: Outcome) -> BatchSample {
    let bytes = u64::from(records) * 1000;
    BatchSample { sent_at, settled_at, records, bytes, in_flight: 1, worked: None, outcome }
}

#[test]
fn a_worker_that_gains_from_batches_gets_large_ones_within_thirty_batches() {
    let caps = caps(0.02, 0.0001, None, 30);
    assert!(*caps.last().unwrap() >= 200, "{caps:?}");
}

#[test]
fn a_worker_that_gains_nothing_is_not_sent_the_largest() {
    let caps = caps(0.0, 0.01, None, 60);
    assert!(*caps.last().unwrap() <= 32, "{caps:?}");
}

#[test]
fn no_batch_takes_more_than_half_of_what_records_usually_have() {
    let caps = caps(0.02, 0.005, Some(0.3), 60);
    let last = *caps.last().unwrap();
    assert!((20..=27).contains(&last), "{caps:?}");
}

#[test]
fn a_heavy_model_is_not_sent_a_batch_near_the_timeout() {
    let caps = caps(0.5, 1.0, None, 60);
    assert!(caps.iter().all(|cap| *cap <= 4), "{caps:?}");
}

/// A policy that has grown to 16, what is known of a worker of 20 ms, and the time.
fn grown() -> (BatchCap, Estimators, Instant) {
    let (mut policy, mut known) = (policy(), Estimators::default());
    let mut now = Instant::ZERO;
    for records in [1, 2, 4, 8, 16, 16, 16] {
        let sent_at = now;
        now = now + Duration::from_millis(20);
        let sample = sample(sent_at, now, records, Outcome::Answered);
        known.observe(&sample);
        policy.observe(&sample, &at(records), &known);
    }
    (policy, known, now)
}

#[test]
fn full_batches_that_time_out_and_none_that_is_answered_halve_the_cap_and_the_size_is_left_alone() {
    let (mut policy, known, mut now) = grown();
    let out = |at: Instant| sample(at, at + TIMEOUT, 16, Outcome::TimedOut);
    // Longer after the last that was answered than a call may take.
    now = now + 2 * TIMEOUT;
    assert_eq!(policy.observe(&out(now), &at(16), &known), None, "one may have been lost");
    let wish = policy.observe(&out(now), &at(16), &known);
    assert_eq!(wish, Some(Wish { records: 8, reason: Reason::TooLarge }));
    for _ in 0..4 {
        let late = sample(now, now + TIMEOUT, 8, Outcome::TimedOut);
        assert_eq!(policy.observe(&late, &at(8), &known), None, "sent before: it has been answered for");
    }
    now = now + TIMEOUT;
    let mut cap = 8;
    for _ in 0..20 {
        let sent_at = now;
        now = now + Duration::from_millis(20);
        let wish = policy.observe(&sample(sent_at, now, cap, Outcome::Answered), &at(cap), &known);
        cap = wish.map_or(cap, |wish| wish.records);
    }
    assert_eq!(cap, 15);
}

#[test]
fn a_batch_that_was_not_full_teaches_nothing_about_larger_ones() {
    let mut policy = policy();
    let mut known = Estimators::default();
    for n in 0..20 {
        let sample = sample(Instant::from_millis(n * 100), Instant::from_millis(n * 100 + 20), 3, Outcome::Answered);
        known.observe(&sample);
        assert_eq!(policy.observe(&sample, &at(8), &known).filter(|wish| wish.records > 8), None);
    }
}

#[test]
fn a_call_that_is_lost_among_others_that_are_answered_says_nothing_of_size() {
    let (mut policy, mut known, mut now) = grown();
    for call in 0..300 {
        let outcome = if call % 3 == 1 { Outcome::TimedOut } else { Outcome::Answered };
        let took = if call % 3 == 1 { TIMEOUT } else { Duration::from_millis(20) };
        let sample = sample(now, now + took, 16, outcome);
        now = now + took;
        known.observe(&sample);
        let wish = policy.observe(&sample, &at(16), &known);
        assert!(wish.is_none_or(|wish| wish.records > 16), "call {call}: {wish:?}");
    }
}

#[test]
fn when_a_single_record_times_out_too_no_size_was_to_blame() {
    let (mut policy, mut known, mut now) = grown();
    let mut cap = 16;
    now = now + 2 * TIMEOUT;
    while cap > 1 {
        let wish = policy.observe(&sample(now, now + TIMEOUT, cap, Outcome::TimedOut), &at(cap), &known);
        cap = wish.map_or(cap, |wish| wish.records);
        now = now + TIMEOUT;
    }
    policy.observe(&sample(now, now + TIMEOUT, 1, Outcome::TimedOut), &at(1), &known);
    now = now + TIMEOUT;
    for _ in 0..20 {
        let sample = sample(now, now + Duration::from_millis(20), cap, Outcome::Answered);
        now = now + Duration::from_millis(20);
        known.observe(&sample);
        let wish = policy.observe(&sample, &at(cap), &known);
        cap = wish.map_or(cap, |wish| wish.records);
    }
    assert!(cap >= 64, "{cap}");
}
