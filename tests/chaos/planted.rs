//! The suite put to the test: each bug that can be planted is found by a story of the suite.

mod panics;

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{killed, letters, revoked};

/// Runs the story with the bug: the story finds it.
fn is_found(bug: &str, story: fn(&[(&str, &str)]), by: &[&str]) {
    let planted = [(sluicegate::planted::VARIABLE, bug)];
    let found = catch_unwind(AssertUnwindSafe(|| story(&planted))).expect_err("the story does not find it");
    let text = found.downcast_ref::<String>().map_or("", String::as_str);
    assert!(by.iter().any(|word| text.contains(word)), "{bug} is found, but as: {text}");
    println!("planted {bug}: found as {:?}", text.lines().collect::<Vec<_>>().join("; "));
}

#[test]
fn the_highest_finished_offset_committed_instead_of_the_frontier() {
    is_found("max_offset_commit", killed::three_times, &["missing", "unfinished when a later offset was committed"]);
}

#[test]
fn a_late_answer_that_counts_after_a_revoke() {
    is_found(
        "late_ack_after_revoke",
        revoked::late_answers,
        &["missing", "unfinished when a later offset was committed"],
    );
}

#[test]
fn a_failed_batch_that_never_gives_its_slot_back() {
    is_found("leaked_permit", revoked::retries, &["not within"]);
}

#[test]
fn a_dead_letter_that_was_not_taken_and_is_committed_past() {
    is_found("commit_past_failed_dead_letter", letters::topic_away, &["missing"]);
}

#[test]
fn a_retry_that_is_dropped_on_a_revoke() {
    is_found("retry_dropped_on_revoke", revoked::retries, &["missing", "unfinished when a later offset was committed"]);
}
