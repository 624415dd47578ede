//! What callers over HTTP do: when they ask, how long they can wait, and who hangs up.

use std::time::Duration;

use crate::{
    engine::event::{Batch, Event, Request, Said},
    record::{Payload, Record, RequestId},
    sim::{
        due::{Cx, Due},
        workload::Poison,
    },
    time::{Instant, UnixMillis},
};

#[derive(Debug, Clone, Default)]
pub struct Requests {
    pub count: u32,
    /// They come in this many bursts, spread evenly over `over`.
    pub bursts: u32,
    pub over: Duration,
    pub bytes: (u32, u32),
    /// How many name a deadline, and how far ahead of the wall clock it is; it may be negative.
    pub deadline_per_mille: u32,
    pub deadline_ms: (i64, i64),
    pub gone_per_mille: u32,
    pub gone_after_ms: u64,
    pub poison_per_mille: u32,
}

impl Requests {
    /// When each burst comes and how many requests it has.
    pub fn bursts(&self) -> impl Iterator<Item = (Instant, u32)> {
        let (count, bursts) = (self.count, self.bursts.clamp(1, self.count.max(1)));
        let over = self.over;
        (0..bursts).map(move |index| {
            let share = |index: u32| (u64::from(count) * u64::from(index) / u64::from(bursts)) as u32;
            let at = over.as_nanos() * u128::from(index) / u128::from(bursts);
            (Instant(u64::try_from(at).unwrap_or(u64::MAX)), share(index + 1) - share(index))
        })
    }

    /// One is on its way to the engine; perhaps its caller does not wait for the answer.
    pub fn ask(&self, cx: &mut Cx<'_>, id: RequestId) {
        let process = cx.process;
        let bytes = cx.rng.range(self.bytes.0.into(), self.bytes.1.into()) as usize;
        let poison = cx.rng.pick(&Poison::ALL).filter(|_| cx.rng.chance(self.poison_per_mille));
        let mut value = vec![b'r'; bytes + 1];
        value[0] = poison.map_or(NO_POISON, |poison| poison as u8);
        let span = self.deadline_ms.1.saturating_sub(self.deadline_ms.0).max(0).unsigned_abs();
        let at = cx.now.wall.0.saturating_add(self.deadline_ms.0).saturating_add_unsigned(cx.rng.range(0, span));
        let deadline = cx.rng.chance(self.deadline_per_mille).then_some(UnixMillis(at));
        let record = Record::of_request(id, cx.now.wall.0, Payload::new(None, Some(&value)));
        let delay = cx.rng.duration(Duration::ZERO, Duration::from_micros(300));
        cx.after(delay, Due::ToEngine { process, event: Event::Requested(Request { record, deadline }) });
        if cx.rng.chance(self.gone_per_mille) {
            let after = Duration::from_millis(cx.rng.range(0, self.gone_after_ms));
            cx.after(delay + after, Due::ToEngine { process, event: Event::CallerGone(id) });
        }
    }
}

const NO_POISON: u8 = u8::MAX;

/// What is wrong with a request, for the worker. It stands in its first byte.
pub fn poison(record: &Record) -> Option<Poison> {
    let code = record.payload.value()?.first()?;
    Poison::ALL.into_iter().find(|poison| *poison as u8 == *code)
}

/// What the worker says of each request in a batch: something that is only true of this one.
pub fn said(batch: &Batch) -> Vec<(RequestId, Said)> {
    batch
        .records
        .iter()
        .filter_map(Record::request)
        .map(|id| (id, Said { status: None, result: Some(result(id)) }))
        .collect()
}

pub fn result(id: RequestId) -> Box<[u8]> {
    id.0.to_string().into_bytes().into_boxed_slice()
}
