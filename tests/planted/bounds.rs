//! Knobs, queue, credit and pauses.

use super::*;

#[test]
fn a_knob_moves_by_itself() {
    is_found(&[I9], any, || Sets(|settings| settings.linger += Duration::from_millis(1)));
}

#[test]
fn the_queue_is_larger_than_it_may_be() {
    is_found(&[I6, Gate], any, || {
        Sets(|settings| settings.queue_records_max = settings.queue_records_max.map(|n| n * 2))
    });
}

#[test]
fn more_credit_is_granted_than_there_is_room() {
    // The engine may see its own span beyond its bound first.
    is_found(&[I6, Engine], any, || {
        each(|action| {
            if let Action::Source(Command::Grant { records, bytes }) = action {
                (*records, *bytes) = (*records * 2, *bytes * 2);
            }
        })
    });
}

#[test]
fn credit_is_lost_on_the_way() {
    is_found(&[I8], any, || {
        let mut granted = 0;
        Alters(move |actions: &mut Vec<Action>| {
            actions.retain(|action| {
                let grant = matches!(action, Action::Source(Command::Grant { .. }));
                granted += u32::from(grant);
                !grant || granted < 3
            });
            Vec::new()
        })
    });
}

#[test]
fn a_span_has_no_bound() {
    is_found(&[I6], any, || Sets(|settings| settings.span_max *= 10));
}

#[test]
fn a_pause_never_reaches_the_client() {
    is_found(&[Gate], any, || {
        Alters(|actions: &mut Vec<Action>| {
            actions.retain(|action| !matches!(action, Action::Source(Command::Pause(_))));
            Vec::new()
        })
    });
}
