//! The whole of it, as its user runs it: the real binary, a real Apache Kafka, a real HTTP worker that keeps the books.
//! One file per story; the figures each prints are those in docs/TESTING.md.

#![cfg(feature = "kafka")]

mod bounded;
mod broken_worker;
mod expiry;
mod killed;
mod rebalanced;
mod sidecar;
mod stage;
mod stopped;
mod worker;

#[path = "../support/kafka/mod.rs"]
mod kafka;
