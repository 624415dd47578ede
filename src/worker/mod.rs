//! The worker adapter: one HTTP call per batch. It translates and decides nothing.

pub mod protocol;
pub mod settings;
