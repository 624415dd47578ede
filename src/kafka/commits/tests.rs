use super::*;

const P: PartitionId = PartitionId(0);
const Q: PartitionId = PartitionId(1);

fn ask(id: u64, offsets: &[(PartitionId, i64)]) -> Ask {
    Ask { id: CommitId(id), offsets: offsets.to_vec() }
}

fn ok(id: PartitionId, offset: i64) -> Answered {
    Answered { id, offset, code: Code::NoError }
}

fn outcomes(event: Option<Event>) -> Vec<(PartitionId, CommitOutcome)> {
    let Some(Event::Committed { results, .. }) = event else { panic!("no answer: {event:?}") };
    results.into_iter().map(|r| (r.partition, r.outcome)).collect()
}

#[test]
fn one_commit_is_in_flight_at_a_time() {
    let mut commits = Commits::default();
    commits.push(ask(1, &[(P, 5)]));
    commits.push(ask(2, &[(P, 6)]));
    let now = Instant::now();
    assert!(matches!(commits.next(now, |_| true), Some(Ok([(P, 5)]))));
    assert!(commits.next(now, |_| true).is_none());
    assert!(commits.answer(Code::NoError, &[ok(P, 5)], |_| true).is_some());
    assert!(matches!(commits.next(now, |_| true), Some(Ok([(P, 6)]))));
}

#[test]
fn an_answer_to_something_else_is_not_taken_for_ours() {
    let mut commits = Commits::default();
    commits.push(ask(1, &[(P, 5)]));
    commits.next(Instant::now(), |_| true);
    assert!(commits.answer(Code::NoError, &[ok(P, 4)], |_| true).is_none());
    assert!(commits.answer(Code::NoError, &[ok(Q, 5)], |_| true).is_none());
    assert!(commits.is_in_flight());
}

#[test]
fn what_is_not_ours_is_answered_and_not_sent() {
    let mut commits = Commits::default();
    commits.push(ask(1, &[(P, 5), (Q, 7)]));
    assert!(matches!(commits.next(Instant::now(), |id| id == P), Some(Ok([(P, 5)]))));
    let answers = outcomes(commits.answer(Code::NoError, &[ok(P, 5)], |_| true));
    let refused = CommitOutcome::EpochOver(NOT_ASSIGNED.to_owned());
    assert_eq!(answers, [(P, CommitOutcome::Applied), (Q, refused.clone())]);
    commits.push(ask(2, &[(Q, 8)]));
    let Some(Err(event)) = commits.next(Instant::now(), |_| false) else { panic!("sent") };
    assert_eq!(outcomes(Some(event)), [(Q, refused)]);
    assert!(!commits.is_in_flight());
}

#[test]
fn a_partition_s_own_code_goes_before_the_whole_answer_s() {
    let mut commits = Commits::default();
    commits.push(ask(1, &[(P, 5), (Q, 7)]));
    commits.next(Instant::now(), |_| true);
    let own = Answered { id: Q, offset: 7, code: Code::OffsetMetadataTooLarge };
    let answers = outcomes(commits.answer(Code::NoError, &[ok(P, 5), own], |_| true));
    let too_large = CommitOutcome::Failed("OFFSET_METADATA_TOO_LARGE".to_owned());
    assert_eq!(answers, [(P, CommitOutcome::Applied), (Q, too_large)]);
}

#[test]
fn a_code_for_the_whole_answer_is_every_partition_s() {
    let mut commits = Commits::default();
    commits.push(ask(1, &[(P, 5), (Q, 7)]));
    commits.next(Instant::now(), |_| true);
    let answers = outcomes(commits.answer(Code::UnknownMemberId, &[ok(P, 5), ok(Q, 7)], |_| true));
    assert!(answers.iter().all(|(_, o)| *o == CommitOutcome::EpochOver("UNKNOWN_MEMBER_ID".to_owned())));
}

#[test]
fn an_unanswered_commit_is_given_up() {
    let mut commits = Commits::default();
    let now = Instant::now();
    commits.push(ask(1, &[(P, 5)]));
    commits.next(now, |_| true);
    assert!(!commits.is_overdue(now + ANSWER_WAIT));
    assert!(commits.is_overdue(now + ANSWER_WAIT + Duration::from_millis(1)));
    let answers = outcomes(commits.fail(Code::OperationTimedOut, |_| true));
    assert_eq!(answers, [(P, CommitOutcome::Failed("_TIMED_OUT".to_owned()))]);
    assert!(commits.fail(Code::OperationTimedOut, |_| true).is_none());
}

#[test]
fn the_codes_mean_what_the_table_says() {
    let over = |code| matches!(outcome(code, false), CommitOutcome::EpochOver(_));
    let over_even_if_ours = |code| matches!(outcome(code, true), CommitOutcome::EpochOver(_));
    let again = |code| matches!(outcome(code, true), CommitOutcome::Failed(_));
    for code in [Code::NoError, Code::NoOffset] {
        assert_eq!(outcome(code, true), CommitOutcome::Applied);
    }
    for code in [Code::UnknownMemberId, Code::FencedInstanceId, Code::FencedMemberEpoch, Code::State] {
        assert!(over(code) && over_even_if_ours(code), "{code:?}");
    }
    for code in [Code::RebalanceInProgress, Code::IllegalGeneration, Code::StaleMemberEpoch] {
        assert!(over(code) && again(code), "{code:?}");
    }
    for code in [Code::OffsetMetadataTooLarge, Code::WaitingForCoordinator, Code::GroupAuthorizationFailed] {
        assert!(!over(code) && again(code), "{code:?}");
    }
}
