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
mod killed;
mod ordering;
mod rebalanced;
mod sidecar;
mod stage;
mod starting;
mod stopped;
mod switched_off;
mod topics;
mod values;
mod worker;

#[path = "../support/kafka/mod.rs"]
mod kafka;
