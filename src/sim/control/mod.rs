//! The laboratory for control laws: small seeded worlds with one worker in them, and nothing of the engine.
//!
//! [`backlog`] asks a law for a concurrency limit while records always wait. [`deadlines`] asks a batch rule what to
//! send while records arrive with deadlines, and [`oracle`] says what could have been reached. [`baseline`] holds the
//! well-known laws to be beaten. [`suite()`] runs everything over many seeds and prints a table.

pub mod backlog;
pub mod baseline;
pub mod deadlines;
pub mod noise;
pub mod oracle;
pub mod rules;
pub mod suite;
pub mod worker;

pub use suite::suite;
