//! Whatever breaks, nothing is lost: the real binary, a real Apache Kafka and a real HTTP worker, each broken on purpose,
//! and a judge outside them. Small counts by default; docs/TESTING.md has the commands for the large ones.

#![cfg(feature = "kafka")]

mod broker_killed;
mod clock;
mod cluster;
mod handed_over;
mod head_of_line;
mod killed;
mod latest;
mod letters;
mod limits;
mod members;
mod mixed;
mod network_to_broker;
mod network_to_worker;
#[cfg(feature = "planted")]
mod planted;
mod rebalanced;
mod revoked;
mod soak;
mod topics;
mod worker_down;
mod worker_faults;

#[path = "../support/broken_body.rs"]
mod broken_body;
#[path = "../support/fault_proxy.rs"]
mod fault_proxy;
#[path = "../support/judge/mod.rs"]
mod judge;
#[path = "../support/kafka/mod.rs"]
mod kafka;
#[path = "../support/load.rs"]
mod load;
#[path = "../support/protocol.rs"]
mod protocol;
#[path = "../support/sidecar.rs"]
mod sidecar;
#[path = "../support/stage.rs"]
mod stage;
#[path = "../support/watcher.rs"]
mod watcher;
#[path = "../support/worker.rs"]
mod worker;

/// A count from the environment, for runs longer than the usual one.
fn count(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: not a count")))
}
