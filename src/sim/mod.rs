//! The simulator: the real engine on virtual time.
//!
//! A seeded log and group ([`broker`]), worker, dead-letter topic ([`sink`]), workload and faults act on the engine
//! through its own alphabet of events and commands; [`checker`] judges what comes out against the promises, by number.
//! A run is a pure function of its seed and its [`Setup`](setup::Setup): it replays on every machine.
//!
//! [`trial`] is apart from that: the same engine before a worker that can be described, to see what control is worth.
//!
//! What is not here: threads, sockets and clocks. I10 (polling never stops) is about real parts and is tested there.

pub mod broker;
pub mod checker;
pub mod due;
pub mod fault;
pub mod report;
pub mod requests;
pub mod rng;
pub mod run;
pub mod scenario;
pub mod scheduler;
pub mod setup;
pub mod shrink;
pub mod sink;
pub mod swarm;
pub mod trace;
pub mod trial;
pub mod worker;
pub mod workload;
pub mod world;

pub use run::run_command;
