//! The flags: one [table] of them, four layers, and a validation that reports every problem at once.
//!
//! [`load`] lays the layers over one another as plain text (`layers`), parses each value by its flag's kind
//! (`parse`), applies the rules that need more than one value (`rules`) and, when nothing is wrong, builds
//! [`Settings`]. It starts nothing and looks nothing up; it reads the file, and the files that hold secrets, and tries
//! whether `STATE_DIR` can be written to.

mod check;
pub mod docs;
mod file;
pub mod flag;
mod layers;
mod librdkafka;
mod load;
mod near;
mod origin;
mod overrides;
mod owned;
mod parse;
mod parts;
mod pass_through;
mod print;
mod problem;
mod rules;
mod secret;
mod secret_file;
mod settings;
mod show;
pub mod table;
#[cfg(test)]
mod tests;
mod value;

pub use self::{
    load::{Loaded, load, load_with},
    origin::Origin,
    overrides::Overrides,
    print::Format,
    problem::{Problem, Problems},
    secret::Secret,
    settings::{Settings, VisitSettings},
};
