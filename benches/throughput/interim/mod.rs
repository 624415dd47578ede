//! Copies of the worker protocol's text and validity modules, until the library has them.

pub mod text;
pub mod validity;
