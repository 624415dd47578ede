//! Brokers that ask who comes and what he may do: passwords, rights, certificates. The real binary against a real Apache
//! Kafka with an authorizer and a listener for each way in.
//!
//! The stories of TLS need a binary that has it: `SLUICEGATE_BINARY=target/release/sluicegate`, `-- --ignored`.

#![cfg(feature = "kafka")]

mod acls;
mod broker;
mod certificates;
mod login;
mod rights;
mod tls;
mod visitor;

#[path = "../support/broken_body.rs"]
mod broken_body;
#[path = "../support/fault_proxy.rs"]
mod fault_proxy;
#[path = "../support/judge/mod.rs"]
mod judge;
#[path = "../support/kafka/mod.rs"]
mod kafka;

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
