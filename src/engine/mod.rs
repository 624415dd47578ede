//! PURE. The gate itself: plain structs, no I/O, no clock, no lock.

pub mod event;
pub mod fact;
pub mod settings;
pub mod snapshot;
