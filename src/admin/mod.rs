//! The way in for people and platforms: probes, metrics, state, and the two things that may be changed while it runs.
//!
//! It has a thread of its own and asks the driver through a handle, so it answers whatever the data path does. It shows
//! facts and snapshots; the only things it sets in motion are the log level and the way out.

mod console;
mod context;
mod guard;
mod health;
mod listener;
pub mod readiness;
mod routes;
mod server;
pub mod settings;
mod state;

pub use context::{Context, PollPulse, Silence, Tasks, VERSION, leave};
pub use guard::objection;
pub use health::Look;
pub use listener::CONNECTIONS_MAX;
pub use routes::DrainQuery;
pub use server::{Admin, BindError, Bound};
pub use settings::AdminSettings;
