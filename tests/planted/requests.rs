//! Records that somebody waits for.

use super::*;

/// Many callers, each with time enough.
fn asking(setup: &mut Setup) {
    let topic = std::sync::Arc::from("topic-0");
    setup.settings.requests = Some(RequestSettings { topic, reserved_pct: 50, ..RequestSettings::default() });
    (setup.settings.queue_records_max, setup.settings.queue_bytes_max) = (Some(64), 4 << 20);
    (setup.requests.count, setup.requests.bursts, setup.requests.bytes) = (100, 20, (10, 20));
    (setup.requests.over, setup.requests.gone_per_mille) = (Duration::from_secs(5), 0);
}

#[test]
fn a_request_is_answered_twice() {
    is_found(&[I1], asking, || {
        Alters(|actions: &mut Vec<Action>| {
            let reply =
                actions.iter().find_map(|action| if let Action::Reply(reply) = action { Some(reply.id) } else { None });
            actions.extend(reply.map(|id| Action::Reply(Reply { id, outcome: Outcome::Expired })));
            Vec::new()
        })
    });
}

#[test]
fn a_request_is_never_answered() {
    is_found(&[I1, I6, I8], asking, || {
        Alters(|actions: &mut Vec<Action>| {
            actions.retain(|action| !matches!(action, Action::Reply(_)));
            Vec::new()
        })
    });
}

#[test]
fn two_requests_get_each_others_answers() {
    is_found(&[I1], asking, || {
        Alters(|actions: &mut Vec<Action>| {
            let mut replies: Vec<&mut Reply> = actions
                .iter_mut()
                .filter_map(|action| if let Action::Reply(reply) = action { Some(reply) } else { None })
                .collect();
            if let [first, second, ..] = replies.as_mut_slice() {
                std::mem::swap(&mut first.id, &mut second.id);
            }
            Vec::new()
        })
    });
}
