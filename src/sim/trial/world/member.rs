//! One sidecar of a world: its engine, its source, and when it wants to be woken.

use crate::{
    engine::{
        Effects, Engine,
        event::{Action, Event},
        fact::Fact,
    },
    sim::trial::log::Source,
    time::{Instant, Now},
};

pub struct Member {
    pub engine: Engine,
    pub source: Source,
    pub is_polling: bool,
    /// The number of the last wake that was asked for, and when it is due.
    pub wake: (u64, Option<Instant>),
    effects: Effects,
}

impl Member {
    pub fn new(engine: Engine, partitions: u32, record_bytes_max: u64) -> Self {
        let source = Source::new(partitions, record_bytes_max);
        Self { engine, source, is_polling: false, wake: (0, None), effects: Effects::default() }
    }

    /// What the engine wants done and has to tell. To be given back when it is read, to be filled anew.
    pub fn step(&mut self, now: Now, event: Event) -> (Vec<Action>, Vec<Fact>) {
        self.engine.step(now, event, &mut self.effects);
        (std::mem::take(&mut self.effects.actions), std::mem::take(&mut self.effects.facts))
    }

    pub fn give_back(&mut self, actions: Vec<Action>, facts: Vec<Fact>) {
        (self.effects.actions, self.effects.facts) = (actions, facts);
    }

    /// A wake to be scheduled, with its number, if the one that is due is not the right one.
    pub fn next_wake(&mut self, now: Now) -> Option<(Instant, u64)> {
        let at = self.engine.next_wake(now).map(|at| at.max(now.mono));
        if at == self.wake.1 {
            return None;
        }
        self.wake = (self.wake.0 + 1, at);
        Some((at?, self.wake.0))
    }
}
