//! The judge is judged: an honest history is clean, and every fault that is planted into it is found by its name.
//! It needs neither a broker nor a C compiler.

#[path = "support/judge/mod.rs"]
mod judge;

use judge::{Happening::*, *};

const STRICT: Rules =
    Rules { repeats: Repeats::Uncommitted, order: Some(|place, number| place.0 as u64 * 2 + number % 2), late_ms: 0 };

/// Two partitions of twenty records, in requests of two, committed every four, a kill in the middle after which what
/// was not committed comes again.
fn honest() -> Vec<Happening> {
    let mut all = Vec::new();
    for offset in 0..20 {
        all.extend([0, 1].map(|p| Produced { place: (p, offset), number: number((p, offset)), deadline_ms: None }));
    }
    for offset in (0..10).step_by(2) {
        deliver(&mut all, offset, 100 + offset);
        if offset == 4 {
            all.push(Committed { offsets: vec![4, 6], at_ms: 106 });
        }
    }
    all.push(Killed { committed: vec![4, 6], at_ms: 200 });
    for offset in (6..20).step_by(2) {
        deliver(&mut all, offset, 300 + offset);
    }
    all.push(Committed { offsets: vec![20, 20], at_ms: 400 });
    all
}

fn number(place: Place) -> u64 {
    place.1 as u64 * 2 + place.0 as u64
}

fn deliver(all: &mut Vec<Happening>, offset: i64, at_ms: i64) {
    for partition in [0, 1] {
        let places = [(partition, offset), (partition, offset + 1)];
        let request = all.len() as u64;
        all.extend(places.map(|place| Sent { request, place, number: Some(number(place)), at_ms }));
        all.extend(places.map(|place| Done { place }));
    }
}

fn faults(history: &[Happening]) -> String {
    judge(history, &STRICT).faults().join("; ")
}

fn position(history: &[Happening], wanted: impl Fn(&Happening) -> bool) -> usize {
    history.iter().position(wanted).unwrap()
}

#[test]
fn an_honest_history_is_clean_and_counted() {
    let verdict = judge(&honest(), &STRICT);
    assert_eq!(verdict.faults(), Vec::<String>::new());
    assert_eq!((verdict.produced, verdict.done, verdict.kills), (40, 40, 1));
    // Of ten and ten done, four and six were committed; what lies from six on came again.
    assert_eq!((verdict.uncommitted, verdict.repeats), (10, 8));
}

#[test]
fn a_record_that_nobody_finished_is_missing() {
    let mut history = honest();
    history.retain(|happening| *happening != Done { place: (1, 15) });
    assert!(faults(&history).contains("missing: 1 (1-15)"));
}

#[test]
fn a_record_in_the_dead_letters_or_removed_by_the_broker_is_not_missing() {
    let mut history = honest();
    history.retain(|happening| *happening != Done { place: (1, 15) });
    history.push(Lettered { place: (1, 15), at_ms: 315 });
    assert_eq!(faults(&history), "");
    let verdict = judge(&history, &STRICT);
    assert_eq!((verdict.done, verdict.lettered), (39, 1));
    history.retain(|happening| *happening != Done { place: (0, 0) });
    assert_ne!(faults(&history), "");
    history.push(Removed { partition: 0, before: 1 });
    assert!(!faults(&history).contains("missing"));
}

#[test]
fn a_commit_past_an_unfinished_record_is_found_even_when_it_is_finished_later() {
    let mut history = honest();
    let at = position(&history, |happening| matches!(happening, Committed { .. }));
    history[at] = Committed { offsets: vec![7, 6], at_ms: 106 };
    assert!(faults(&history).contains("unfinished when a later offset was committed: 1 (0-6)"));
}

/// Record 0-5 is refused by the worker, and its dead letter is taken at this moment.
fn lettered(at_ms: i64) -> Vec<Happening> {
    let mut history = honest();
    history.retain(|happening| *happening != Done { place: (0, 5) });
    let at = position(&history, |happening| matches!(happening, Committed { .. }));
    history[at] = Committed { offsets: vec![6, 6], at_ms: 106 };
    let at = position(&history, |happening| matches!(happening, Killed { .. }));
    history[at] = Killed { committed: vec![6, 6], at_ms: 200 };
    history.push(Lettered { place: (0, 5), at_ms });
    history
}

#[test]
fn a_commit_past_a_record_whose_dead_letter_is_not_taken_yet_is_found() {
    assert_eq!(faults(&lettered(106)), "", "told at the end, and taken before the commit was seen");
    assert_eq!(faults(&lettered(107)), "unfinished when a later offset was committed: 1 (0-5)");
    assert!(faults(&lettered(9_999)).contains("unfinished when a later offset was committed: 3 (0-5, 0-5, 0-5)"));
}

#[test]
fn a_dead_letter_that_comes_twice_without_a_kill_is_found_as_is_one_after_the_worker_or_of_nothing() {
    let mut history = honest();
    history.push(Lettered { place: (0, 3), at_ms: 104 });
    assert_eq!(faults(&history), "finished again without need: 1 (0-3)", "the worker had finished it");
    let mut history = lettered(106);
    history.push(Lettered { place: (0, 5), at_ms: 106 });
    assert_eq!(faults(&history), "finished again without need: 1 (0-5)");
    history.push(Lettered { place: (0, 20), at_ms: 106 });
    assert!(faults(&history).contains("made up: 1 (0-20)"));
    // Not committed at the kill, once more after it: as it must be.
    let mut history = honest();
    history.retain(|happening| *happening != Done { place: (0, 9) });
    history.extend([109, 309].map(|at_ms| Lettered { place: (0, 9), at_ms }));
    assert_eq!(faults(&history), "");
    assert_eq!(judge(&history, &STRICT).lettered, 1);
}

#[test]
fn a_commit_that_goes_back_is_found() {
    let mut history = honest();
    let at = position(&history, |happening| matches!(happening, Committed { .. }));
    history.insert(at + 1, Committed { offsets: vec![3, 6], at_ms: 107 });
    assert!(faults(&history).contains("a commit went back: 1 (0-3)"));
}

#[test]
fn a_committed_record_that_comes_again_after_a_kill_is_found() {
    let mut history = honest();
    history.push(Done { place: (0, 3) });
    assert!(faults(&history).contains("finished again without need: 1 (0-3)"));
}

#[test]
fn an_uncommitted_record_that_comes_twice_after_one_kill_is_found() {
    let mut history = honest();
    history.push(Done { place: (0, 9) });
    assert!(faults(&history).contains("finished again without need: 1 (0-9)"));
}

#[test]
fn repeats_beyond_their_bound_are_found() {
    let bounded = |bound| judge(&honest(), &Rules { repeats: Repeats::AtMost(bound), ..STRICT });
    assert_eq!(bounded(8).faults(), Vec::<String>::new());
    assert_eq!(bounded(7).repeated_wrongly.len(), 1);
}

#[test]
fn a_record_sent_after_its_deadline_is_found_and_one_that_expired_is_not_missing() {
    let mut history = honest();
    let its = |happening: &Happening| matches!(happening, Produced { place: (0, 11), .. });
    let at = position(&history, its);
    history[at] = Produced { place: (0, 11), number: number((0, 11)), deadline_ms: Some(305) };
    assert!(faults(&history).contains("sent after the deadline: 1 (0-11)"));
    history.retain(|happening| !matches!(happening, Sent { place: (0, 11), .. } | Done { place: (0, 11) }));
    assert_eq!(faults(&history), "");
    assert_eq!(judge(&history, &STRICT).expired, 1);
}

#[test]
fn a_record_that_overtakes_its_key_is_found() {
    let mut history = honest();
    let at = position(&history, |happening| matches!(happening, Sent { place: (0, 12), .. }));
    history.insert(at, Sent { request: 9999, place: (0, 14), number: Some(28), at_ms: 311 });
    assert!(faults(&history).contains("before an earlier one of its key was finished: 1 (0-14)"));
    // Of another key it may go first.
    history[at] = Sent { request: 9999, place: (1, 13), number: Some(27), at_ms: 311 };
    assert!(faults(&history).contains("(1-13)"), "numbers of partition 1 are all odd");
    let free = Rules { order: None, ..STRICT };
    assert_eq!(judge(&history, &free).faults(), Vec::<String>::new());
}

#[test]
fn a_record_that_was_never_produced_or_was_aborted_or_is_another_is_found() {
    for (place, number) in [((0, 20), 40), ((2, 0), 1), ((0, 5), 11), ((0, 5), 77)] {
        let mut history = honest();
        history.extend([Aborted { number: 77 }, Sent { request: 9999, place, number: Some(number), at_ms: 399 }]);
        assert!(faults(&history).contains("made up: 1"), "{place:?} as {number}");
    }
}
