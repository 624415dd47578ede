//! The model behind the worker adapter: how long a batch takes and what is answered.
//!
//! Service time is `alpha + beta · records`, with noise; more batches than its capacity wait inside. What is wrong with
//! a record shows in every batch it is part of. The one rule the adapter has of its own is kept too: a batch whose
//! `not_after` has passed is not sent.

use std::time::Duration;

use crate::{
    engine::event::{Answer, Batch, Event, Settled, Told, Verdict},
    record::Record,
    sim::{
        broker::log::Log,
        due::{Cx, Due},
        fault::WorkerMood,
        requests,
        setup::WorkerSetup,
        trace::Step,
        workload::Poison,
    },
    time::Instant,
};

#[derive(Debug)]
pub struct Worker {
    setup: WorkerSetup,
    pub mood: Option<WorkerMood>,
    /// When each of its places is free again.
    places: Vec<Instant>,
    pub requests: u64,
    /// Somebody has made it say which records it cannot do, instead of failing.
    mended: bool,
}

impl Worker {
    pub fn new(setup: &WorkerSetup) -> Self {
        let places = vec![Instant::ZERO; setup.capacity.max(1) as usize];
        Self { setup: setup.clone(), mood: None, places, requests: 0, mended: false }
    }

    /// A batch was dispatched; it is looked at once more right before it is sent.
    pub fn take(&mut self, cx: &mut Cx<'_>, batch: Batch) {
        let delay = self.setup.send.draw(cx.rng);
        cx.after(delay, Due::Send { process: cx.process, batch });
    }

    /// The send, and everything up to the answer. False when nothing was sent.
    pub fn send(&mut self, cx: &mut Cx<'_>, batch: Batch, logs: &[Log]) -> bool {
        if batch.not_after.is_some_and(|not_after| cx.now.wall > not_after) {
            cx.note(Step::NotSent { batch: batch.id });
            answer(cx, Duration::ZERO, batch, Answer::NotSent, None);
            return false;
        }
        cx.note(Step::Sent { batch: batch.id });
        self.requests += 1;
        let (said, status, took) = self.decide(cx, &batch, logs);
        if took > batch.timeout {
            let timeout = batch.timeout;
            answer(cx, timeout, batch, Answer::Failed, None);
        } else {
            answer(cx, took, batch, said, status);
        }
        true
    }

    fn decide(&mut self, cx: &mut Cx<'_>, batch: &Batch, logs: &[Log]) -> (Answer, Option<u16>, Duration) {
        // Being turned away is quick and takes no place.
        let quick = cx.rng.duration(Duration::from_micros(100), Duration::from_millis(3));
        match self.mood {
            Some(WorkerMood::Busy { retry_after }) => return (Answer::Busy { retry_after }, Some(503), quick),
            Some(WorkerMood::Away) => return (Answer::Away, None, quick),
            Some(WorkerMood::Misconfigured) => return (Answer::Misconfigured, Some(404), quick),
            Some(WorkerMood::Hanging) => return (Answer::Failed, None, Duration::MAX),
            _ => {}
        }
        let bytes: u64 = batch.records.iter().map(crate::record::Record::charge).sum();
        let small = if let Some(WorkerMood::Small { bytes }) = self.mood { Some(bytes) } else { self.setup.bytes_max };
        if small.is_some_and(|max| bytes > max) {
            return (Answer::TooLarge, Some(413), quick);
        }
        let took = self.occupy(cx, batch.records.len() as u32);
        let (said, status) = self.judge(cx, batch, logs);
        (said, status, took)
    }

    /// Takes the place that is free first. Until the end of the work, waiting included.
    fn occupy(&mut self, cx: &mut Cx<'_>, records: u32) -> Duration {
        let nominal = self.setup.alpha.saturating_add(self.setup.beta.saturating_mul(records));
        let pct = cx
            .rng
            .range((100 - self.setup.noise_pct.min(100)).into(), (self.setup.noise_pct.saturating_add(100)).into());
        let times = if let Some(WorkerMood::Slow { times }) = self.mood { times } else { 1 };
        let service = (nominal.saturating_mul(pct as u32) / 100).saturating_mul(times);
        let now = cx.now.mono;
        let Some(place) = self.places.iter_mut().min() else { return service };
        *place = (*place).max(now) + service;
        place.since(now)
    }

    fn judge(&self, cx: &mut Cx<'_>, batch: &Batch, logs: &[Log]) -> (Answer, Option<u16>) {
        let of = |record: &Record| match record.request() {
            Some(_) => requests::poison(record),
            None => logs.get(record.partition.index())?.record(record.offset)?.poison,
        };
        let found: Vec<Option<Poison>> = batch.records.iter().map(of).collect();
        let has = |poison| found.contains(&Some(poison));
        if self.mood == Some(WorkerMood::Failing)
            || (has(Poison::Crash) && !self.mended)
            || cx.rng.chance(self.setup.fail_per_mille)
        {
            return (Answer::Failed, Some(500));
        }
        if self.mood == Some(WorkerMood::Refusing) || has(Poison::Refused) || has(Poison::Crash) {
            return (Answer::Refused, Some(400));
        }
        let verdicts: Vec<Verdict> = found.iter().map(|poison| self.verdict(cx, *poison)).collect();
        let plain = verdicts.iter().all(|verdict| *verdict == Verdict::Success);
        (if plain && cx.rng.chance(800) { Answer::Done } else { Answer::Each(verdicts) }, Some(200))
    }

    fn verdict(&self, cx: &mut Cx<'_>, poison: Option<Poison>) -> Verdict {
        match poison {
            Some(Poison::Drop) => Verdict::Drop,
            Some(Poison::Retry) => Verdict::Retry,
            Some(Poison::Undecodable) => Verdict::Undecodable,
            _ if cx.rng.chance(self.setup.retry_per_mille) => Verdict::Retry,
            _ if cx.rng.chance(self.setup.drop_per_mille) => Verdict::Drop,
            _ => Verdict::Success,
        }
    }

    /// Where every record that can be tried fails, nobody but a person can tell bad records from a broken worker.
    pub fn mend(&mut self) {
        self.mended = true;
    }

    /// Whatever it does for no reason, it does no more.
    pub fn heal(&mut self) {
        self.mood = None;
        self.setup.fail_per_mille = 0;
        self.setup.retry_per_mille = 0;
        self.setup.drop_per_mille = 0;
    }
}

fn answer(cx: &mut Cx<'_>, took: Duration, batch: Batch, answer: Answer, status: Option<u16>) {
    let detail = status.map(|status| format!("status {status}").into_boxed_str());
    // Who answers each by itself says something of each.
    let said = if matches!(answer, Answer::Each(_)) { requests::said(&batch) } else { Vec::new() };
    let settled = Settled { batch, answer, took, status, detail, told: Told::default(), said };
    cx.after(took, Due::ToEngine { process: cx.process, event: Event::Settled(settled) });
}
