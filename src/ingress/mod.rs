//! Requests over HTTP: the worker's own clients come through the same queue as the Kafka records. It translates and
//! decides nothing.
//!
//! [`Bound`] takes the address, [`server`] serves connections on a thread of its own, [`request`] reads what is asked
//! and [`answer`] writes what became of it. Between them and the driver is [`desk`]: a request goes over it as an event,
//! and its one reply comes back. docs/INGRESS.md has the protocol.

pub mod answer;
pub mod desk;
pub mod request;
pub mod server;
pub mod settings;

pub use desk::HttpCallers;
pub use server::{BindError, Bound, Ingress};
pub use settings::IngressSettings;
