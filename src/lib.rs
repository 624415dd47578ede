//! Sluicegate: a Kafka consumer sidecar for inference workers.
//!
//! The map, in the order a record meets it (docs/ARCHITECTURE.md has the whole):
//! [`kafka`] polls → [`engine`] admits, queues, batches, settles and keeps the ledger → [`worker`] calls the model.
//! [`runtime`] is the one task that owns the engine; [`sim`] runs the same engine on virtual time;
//! [`config`], [`admin`] and [`telemetry`] are how people set it up and look inside.

pub mod admin;
#[cfg(feature = "kafka")]
pub mod app;
pub mod cli;
pub mod config;
pub mod control;
#[cfg(feature = "kafka")]
pub mod demo;
pub mod engine;
pub mod ingress;
pub mod kafka;
pub mod lifecycle;
#[cfg(feature = "planted")]
pub mod planted;
#[cfg(feature = "kafka")]
pub mod produce;
pub mod record;
pub mod runtime;
pub mod say;
pub mod sim;
pub mod store;
pub mod suite;
pub mod telemetry;
pub mod time;
pub mod visit;
pub mod worker;
