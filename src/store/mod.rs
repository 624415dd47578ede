//! What was learnt, in a file of `STATE_DIR` ([`mod@file`]): read at the start, written by a thread of its own ([`keeper`])
//! when the driver hands something over. A disk that is slow or full never holds up a record.

pub mod file;
pub mod keeper;

pub use file::{Refused, Store, examine};
