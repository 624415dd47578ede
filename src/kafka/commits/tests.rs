use super::*;

const P: PartitionId = PartitionId(0);
const Q: PartitionId = PartitionId(1);

fn ok(id: PartitionId, offset: i64) -> Answered {
    Answered { id, offset, code: Code::NoError }
}

fn outcomes(verdict: Verdict) -> Vec<(PartitionId, CommitOutcome)> {
    let Verdict::Tell(Event::Committed { results, .. }) = verdict else { panic!("no answer: {verdict:?}") };
    results.into_iter().map(|r| (r.partition, r.outcome)).collect()
}

fn ours(_: PartitionId) -> bool {
    true
}

fn marks(offsets: &[(PartitionId, i64)]) -> Vec<Mark> {
    offsets
        .iter()
        .map(|(partition, offset)| Mark { partition: *partition, offset: *offset, metadata: "".into() })
        .collect()
}

fn sends(next: Option<Next<'_>>, offsets: &[(PartitionId, i64)]) -> bool {
    matches!(next, Some(Next::Send(sent)) if sent == marks(offsets))
}

/// One commit, sent.
fn sent(offsets: &[(PartitionId, i64)]) -> (Commits, Instant) {
    let (mut commits, now) = (Commits::default(), Instant::now());
    commits.push(CommitId(1), marks(offsets));
    assert!(matches!(commits.next(now, ours), Some(Next::Send(_))));
    (commits, now)
}

#[test]
fn one_commit_is_in_flight_at_a_time() {
    let (mut commits, now) = sent(&[(P, 5)]);
    commits.push(CommitId(2), marks(&[(P, 6)]));
    assert!(commits.next(now, ours).is_none());
    assert!(matches!(commits.answer(now, Code::NoError, &[ok(P, 5)], ours), Verdict::Tell(_)));
    assert!(sends(commits.next(now, ours), &[(P, 6)]));
}

#[test]
fn an_answer_to_something_else_is_not_taken_for_ours() {
    let (mut commits, now) = sent(&[(P, 5)]);
    assert!(matches!(commits.answer(now, Code::NoError, &[ok(P, 4)], ours), Verdict::NotOurs));
    assert!(matches!(commits.answer(now, Code::NoError, &[ok(Q, 5)], ours), Verdict::NotOurs));
    assert!(commits.is_busy());
}

#[test]
fn what_is_not_ours_is_answered_and_not_sent() {
    let (mut commits, now) = (Commits::default(), Instant::now());
    commits.push(CommitId(1), marks(&[(P, 5), (Q, 7)]));
    assert!(sends(commits.next(now, |id| id == P), &[(P, 5)]));
    let answers = outcomes(commits.answer(now, Code::NoError, &[ok(P, 5)], ours));
    let refused = CommitOutcome::EpochOver(NOT_ASSIGNED.to_owned());
    assert_eq!(answers, [(P, CommitOutcome::Applied), (Q, refused.clone())]);
    commits.push(CommitId(2), marks(&[(Q, 8)]));
    let Some(Next::Tell(event)) = commits.next(now, |_| false) else { panic!("sent") };
    assert_eq!(outcomes(Verdict::Tell(event)), [(Q, refused)]);
    assert!(!commits.is_busy());
}

#[test]
fn a_partition_s_own_code_goes_before_the_whole_answer_s() {
    let (mut commits, now) = sent(&[(P, 5), (Q, 7)]);
    let own = Answered { id: Q, offset: 7, code: Code::OffsetMetadataTooLarge };
    let answers = outcomes(commits.answer(now, Code::NoError, &[ok(P, 5), own], ours));
    let too_large = CommitOutcome::Failed("OFFSET_METADATA_TOO_LARGE".to_owned());
    assert_eq!(answers, [(P, CommitOutcome::Applied), (Q, too_large)]);
}

#[test]
fn a_code_for_the_whole_answer_is_every_partition_s() {
    let (mut commits, now) = sent(&[(P, 5), (Q, 7)]);
    let answers = outcomes(commits.answer(now, Code::UnknownMemberId, &[ok(P, 5), ok(Q, 7)], ours));
    assert!(answers.iter().all(|(_, o)| *o == CommitOutcome::EpochOver("UNKNOWN_MEMBER_ID".to_owned())));
}

#[test]
fn a_group_between_generations_is_asked_again_before_anybody_is_told() {
    let (mut commits, start) = sent(&[(P, 5)]);
    let mut now = start;
    let mut sent = 1;
    let told = loop {
        match commits.answer(now, Code::RebalanceInProgress, &[ok(P, 5)], ours) {
            Verdict::Again => {}
            told => break told,
        }
        commits.push(CommitId(9), marks(&[(P, 6)]));
        assert!(commits.next(now, ours).is_none(), "not at once, and nothing goes before it");
        now += AGAIN_AFTER;
        assert!(sends(commits.next(now, ours), &[(P, 5)]));
        sent += 1;
    };
    assert_eq!(now.duration_since(start), AGAIN_FOR);
    assert!(sent > 10);
    assert_eq!(outcomes(told), [(P, CommitOutcome::Failed("REBALANCE_IN_PROGRESS".to_owned()))]);
}

#[test]
fn asking_again_ends_when_it_works_or_the_partition_is_gone() {
    let (mut commits, now) = sent(&[(P, 5)]);
    assert!(matches!(commits.answer(now, Code::StaleMemberEpoch, &[ok(P, 5)], ours), Verdict::Again));
    let later = now + AGAIN_AFTER;
    assert!(matches!(commits.next(later, ours), Some(Next::Send(_))));
    assert_eq!(outcomes(commits.answer(later, Code::NoError, &[ok(P, 5)], ours)), [(P, CommitOutcome::Applied)]);

    let (mut commits, now) = sent(&[(P, 5)]);
    let over = CommitOutcome::EpochOver("ILLEGAL_GENERATION".to_owned());
    let told = commits.answer(now, Code::IllegalGeneration, &[ok(P, 5)], |_| false);
    assert_eq!(outcomes(told), [(P, over)], "no longer ours: told at once");
}

#[test]
fn an_unanswered_commit_is_given_up() {
    let (mut commits, now) = sent(&[(P, 5)]);
    assert!(!commits.is_overdue(now + ANSWER_WAIT));
    assert!(commits.is_overdue(now + ANSWER_WAIT + Duration::from_millis(1)));
    let answers = outcomes(commits.fail(now, Code::OperationTimedOut, ours));
    assert_eq!(answers, [(P, CommitOutcome::Failed("_TIMED_OUT".to_owned()))]);
    assert!(matches!(commits.fail(now, Code::OperationTimedOut, ours), Verdict::NotOurs));
}

#[test]
fn the_codes_mean_what_the_table_says() {
    let over = |code, ours| matches!(outcome(code, ours), CommitOutcome::EpochOver(_));
    let again = |code, ours| matches!(outcome(code, ours), CommitOutcome::Failed(_));
    for code in [Code::NoError, Code::NoOffset] {
        assert_eq!(outcome(code, true), CommitOutcome::Applied);
    }
    for code in [Code::UnknownMemberId, Code::FencedInstanceId, Code::FencedMemberEpoch, Code::State] {
        assert!(over(code, false) && over(code, true), "{code:?}");
    }
    for code in [Code::RebalanceInProgress, Code::IllegalGeneration, Code::StaleMemberEpoch] {
        assert!(over(code, false) && again(code, true), "{code:?}");
    }
    for code in [Code::OffsetMetadataTooLarge, Code::WaitingForCoordinator, Code::GroupAuthorizationFailed] {
        assert!(again(code, false) && again(code, true), "{code:?}");
    }
}
