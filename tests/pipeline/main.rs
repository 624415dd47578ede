//! The whole of it, as its user runs it: the real binary, a real Apache Kafka, a real HTTP worker that keeps the books.
//! One file per story; the figures each prints are those in docs/TESTING.md.

#![cfg(feature = "kafka")]

mod bounded;
mod broken_worker;
mod broker_gone;
mod by_hand;
mod control;
mod expiry;
mod handed_on;
mod ingress;
mod ordering;
mod starting;
mod stopped;
mod switched_off;
mod topics;
mod unread;
mod values;

#[path = "../support/kafka/mod.rs"]
mod kafka;

#[path = "../support/broken_body.rs"]
mod broken_body;
#[path = "../support/fault_proxy.rs"]
mod fault_proxy;
#[path = "../support/judge/mod.rs"]
mod judge;
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
