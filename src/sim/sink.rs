//! The dead-letter topic: acknowledges, fails or is slow.

use std::collections::BTreeSet;

use crate::{
    engine::event::{DeadLetter, DeadLettered},
    record::PartitionId,
    sim::{
        due::{Cx, Due},
        fault::SinkMood,
        setup::SinkSetup,
    },
};

#[derive(Debug)]
pub struct Sink {
    setup: SinkSetup,
    pub mood: Option<SinkMood>,
    /// What the topic holds.
    pub letters: BTreeSet<(PartitionId, i64)>,
}

impl Sink {
    pub fn new(setup: &SinkSetup) -> Self {
        Self { setup: setup.clone(), mood: None, letters: BTreeSet::new() }
    }

    pub fn take(&mut self, cx: &mut Cx<'_>, letter: DeadLetter) {
        let times = if let Some(SinkMood::Slow { times }) = self.mood { times } else { 1 };
        let delay = self.setup.latency.draw(cx.rng).saturating_mul(times);
        let fails = self.mood == Some(SinkMood::Failing) || cx.rng.chance(self.setup.fail_per_mille);
        let answer = if fails {
            DeadLettered::Failed { letter, error: "the topic does not answer".to_owned() }
        } else {
            self.letters.insert((letter.record.partition, letter.record.offset));
            DeadLettered::Acknowledged { letter }
        };
        cx.after(delay, Due::Letter { process: cx.process, answer });
    }

    pub fn heal(&mut self) {
        self.mood = None;
        self.setup.fail_per_mille = 0;
    }
}
