//! Trials: the real engine before a worker that can be described, on virtual time, to see what control is worth.
//!
//! A [`case`] says what arrives, what the worker is like, what may be tuned and what is expected; it comes from a file
//! ([`mod@file`]). [`world`] steps the engine through it, [`seen`] measures, [`oracle`] says what could have been reached.
//!
//! Apart from [`super::world`], which looks for broken promises: here nothing breaks on the broker's side, and
//! there is no checker, so that a second of virtual time costs little.

pub mod baseline;
pub mod case;
pub mod contender;
pub mod figures;
pub mod file;
pub mod log;
pub mod noise;
pub mod oracle;
pub mod report;
pub mod seen;
pub mod suite;
pub mod table;
pub mod worker;
pub mod world;
