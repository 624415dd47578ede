//! Commits and partitions given back that are not what was done.

use super::*;

#[test]
fn one_offset_too_many_is_committed() {
    let gapless = |setup: &mut Setup| {
        (setup.workload.marker_per_mille, setup.workload.gap_per_mille) = (0, 0);
    };
    is_found(&[I2], gapless, || {
        each(|action| {
            if let Action::Source(Command::Commit { offsets, .. }) = action {
                offsets.iter_mut().for_each(|mark| mark.offset += 1);
            }
        })
    });
}

#[test]
fn a_commit_goes_back() {
    is_found(&[I3], any, || {
        let mut first = [None; 64];
        each(move |action| {
            if let Action::Source(Command::Commit { offsets, .. }) = action {
                for Mark { partition, offset, .. } in offsets {
                    *offset =
                        first[partition.index()].replace(*offset).map_or(*offset, |first: i64| (first - 1).max(0));
                }
            }
        })
    });
}

#[test]
fn what_is_not_finished_is_told_to_be() {
    is_found(&[I2], any, || {
        each(|action| {
            if let Action::Source(Command::Commit { offsets, .. }) = action {
                for mark in offsets.iter_mut().filter(|mark| !mark.metadata.is_empty()) {
                    let runs = [(mark.offset + 1, mark.offset + 1_000)];
                    mark.metadata = completed::encode(mark.offset, runs.into_iter(), 100).into();
                }
            }
        })
    });
}

#[test]
fn what_is_finished_is_told_of_another_frontier() {
    let gapless = |setup: &mut Setup| {
        (setup.workload.marker_per_mille, setup.workload.gap_per_mille) = (0, 0);
    };
    is_found(&[I2], gapless, || {
        let mut last = vec![Box::<str>::default(); 64];
        each(move |action| {
            if let Action::Source(Command::Commit { offsets, .. }) = action {
                offsets
                    .iter_mut()
                    .for_each(|mark| std::mem::swap(&mut mark.metadata, &mut last[mark.partition.index()]));
            }
        })
    });
}

#[test]
fn a_partition_is_committed_after_it_was_released() {
    is_found(&[I7], any, || {
        Alters(|actions: &mut Vec<Action>| {
            let released = actions.iter().find_map(|action| match action {
                Action::Source(Command::Release(ids)) => ids.first().copied(),
                _ => None,
            });
            let late = released.map(|id| Command::Commit { id: CommitId(u64::MAX), offsets: vec![mark(id, 0)] });
            actions.extend(late.map(Action::Source));
            Vec::new()
        })
    });
}

#[test]
fn a_partition_is_never_given_back() {
    is_found(&[I8], any, || {
        Alters(|actions: &mut Vec<Action>| {
            actions.retain(|action| !matches!(action, Action::Source(Command::Release(_))));
            Vec::new()
        })
    });
}

#[test]
fn a_revoke_waits_too_long() {
    let hanging = |setup: &mut Setup| {
        let fault = |ms, lasts, kind| Fault { at: Instant::from_millis(ms), lasts: Duration::from_secs(lasts), kind };
        setup.settings.inference_timeout = Duration::from_secs(15);
        setup.settings.revoke_drain = Duration::from_millis(100);
        setup.faults = vec![fault(0, 20, Kind::Worker(WorkerMood::Hanging)), fault(4_000, 1, Kind::Revoke(Set::ALL))];
    };
    is_found(&[I8], hanging, || Sets(|settings| settings.revoke_drain += Duration::from_secs(60)));
}

#[test]
fn a_partition_is_never_committed() {
    is_found(&[I8], any, || {
        Alters(|actions: &mut Vec<Action>| {
            for action in actions.iter_mut() {
                if let Action::Source(Command::Commit { offsets, .. }) = action {
                    offsets.retain(|mark| mark.partition != PartitionId(0));
                }
            }
            Vec::new()
        })
    });
}
