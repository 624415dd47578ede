//! Where bugs are planted.

use crate::{
    engine::{
        event::{Action, Event},
        settings::EngineSettings,
    },
    time::Now,
};

/// Stands between the engine and the world. The simulator's own tests use it to plant bugs and see them found.
pub trait Tamper {
    /// The numbers the engine is to work with; the checker keeps to the true ones.
    fn settings(&self, settings: &mut EngineSettings) {
        let _ = settings;
    }

    /// Changes what the engine is told, after the checker has seen what happened; `None` keeps it from the engine.
    fn tell(&mut self, event: Event) -> Option<Event> {
        Some(event)
    }

    /// Changes what the engine asks for. What it returns is told to the engine behind the checker's back.
    fn alter(&mut self, now: Now, actions: &mut Vec<Action>) -> Vec<Event> {
        let _ = (now, actions);
        Vec::new()
    }
}

/// Leaves everything as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Honest;

impl Tamper for Honest {}
