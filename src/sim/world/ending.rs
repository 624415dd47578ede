//! How a run ends: everything is healed, drained, committed, left and judged.

use crate::{
    engine::{event::Event, snapshot::Phase},
    sim::{checker::Promise, fault::Set, trace::Step, world::World},
};

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
        self.broker(|broker, cx, setup, _| broker.come_back(cx, setup, Set::ALL));
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
