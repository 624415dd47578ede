//! How a run ends: everything is healed, drained, committed, left and judged.

use std::time::Duration;

use crate::{
    engine::{event::Event, snapshot::Phase},
    sim::{checker::Promise, due::Due, fault::Set, trace::Step, world::World},
};

/// How long it takes until a person comes.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(600);

impl World<'_> {
    pub(super) fn on_stopped(&mut self) {
        match self.restart_after.take() {
            Some(after) => self.end_process(after),
            None if self.drained_at.is_some() => self.over = true,
            None => {}
        }
    }

    pub(super) fn heal(&mut self) {
        self.healed = true;
        self.note(Step::Healed);
        self.worker.heal();
        self.sink.heal();
        self.schedule.at(self.clock.mono() + LOOKED_AT_EVERY, Due::LookedAt);
        self.broker(|broker, cx, setup, _| broker.come_back(cx, setup, Set::ALL));
    }

    /// Where every record that can be tried fails, the engine cannot tell bad records from a broken worker, and holds them
    /// until somebody comes: who is called makes the worker say which records it cannot do.
    pub(super) fn look_at_the_worker(&mut self) {
        let now = self.clock.now(0);
        let health = self.engine.as_ref().map(|engine| engine.snapshot(now).worker.health);
        if self.healed && health == Some("broken") {
            return self.worker.mend();
        }
        self.schedule.at(now.mono + LOOKED_AT_EVERY, Due::LookedAt);
    }

    /// Once all is well and everything is finished and committed, the process is drained for the last time.
    pub(super) fn look_for_the_end(&mut self) {
        let running = self.engine.as_ref().is_some_and(|engine| engine.phase() == Phase::Running);
        if !self.healed || !running || self.drained_at.is_some() || !self.checker.is_drained(&self.broker) {
            return;
        }
        self.drained_at = Some(self.clock.mono());
        self.drain();
    }

    pub(super) fn drain(&mut self) {
        self.note(Step::Drain);
        let deadline = self.clock.mono() + self.setup.shutdown;
        self.step(Event::Drain { deadline });
    }

    pub(super) fn judge_end(&mut self) {
        let now = self.clock.now(0);
        self.checker.check_end(now, &self.broker);
        let drained_at = self.drained_at.unwrap_or_default();
        if let Some(what) = self.setup.expect.judge(&self.checker.tally, drained_at) {
            self.checker.violate(now.mono, Promise::Expected, what);
        }
    }
}
