//! Under which group protocol the stories run, and what differs.

#![allow(dead_code, reason = "each test binary uses its part")]

use crate::judge::Repeats;

/// Whether the stories run under the newer group protocol (KIP-848): `CHAOS_GROUP_PROTOCOL=consumer`.
pub fn is_new_protocol() -> bool {
    std::env::var("CHAOS_GROUP_PROTOCOL").is_ok_and(|protocol| protocol == "consumer")
}

/// Whether a story cannot be told under the newer protocol; it is said that it is left out. docs/TESTING.md has the list.
pub fn is_left_out(why: &str) -> bool {
    if is_new_protocol() {
        println!("LEFT OUT under KAFKA_GROUP_PROTOCOL=consumer: {why}");
    }
    is_new_protocol()
}

/// A member's lasting name, with which one that was killed takes its place at once instead of waiting for a session
/// timeout. The newer protocol waits for the session all the same, and refuses the name until then: no name there.
pub fn lasting_name() -> &'static [(&'static str, &'static str)] {
    if is_new_protocol() { &[] } else { &[("KAFKA_GROUP_INSTANCE_ID", "one")] }
}

/// Under the newer protocol the client notices by an answered heartbeat alone that the group has dropped it, and goes on
/// reading until then: nothing is lost or committed over, but more comes twice.
pub fn repeats_of_a_cut_off(classic: Repeats) -> Repeats {
    if is_new_protocol() { Repeats::AtMost(u64::MAX) } else { classic }
}

/// A session short enough to wait for. Under the newer protocol it is the broker's, and just as long.
pub fn group_flags() -> &'static [(&'static str, &'static str)] {
    if is_new_protocol() {
        return &[("KAFKA_GROUP_PROTOCOL", "consumer")];
    }
    &[("KAFKA_CFG_SESSION_TIMEOUT_MS", "6000"), ("KAFKA_CFG_HEARTBEAT_INTERVAL_MS", "500")]
}
