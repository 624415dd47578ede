//! What travels between the gate and the worker, one protocol a file.
//!
//! [`json`] writes the request of protocol `json`, [`statuses`] reads its per-entry answer; [`headers`],
//! [`text`] and [`validity`] are what they stand on. Nothing in here does I/O, knows HTTP, or decides what becomes of a record.

pub mod headers;
pub mod json;
pub mod statuses;
pub mod text;
pub mod validity;
