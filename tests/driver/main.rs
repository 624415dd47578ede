//! The driver on paused time: between a scripted source and worker ([`flow`]), and between an endless source and a
//! worker with a curve ([`control`], [`keeping`]).

mod control;
mod endless;
mod flow;
mod keeping;
