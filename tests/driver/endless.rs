//! A source that never runs dry (or one that comes at an even rate), and a worker that takes `alpha + beta·b` for a batch
//! of b, a few at a time. Everything on tokio's paused clock, so a minute costs milliseconds.

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::Future,
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};

use sluicegate::{
    control::knobs::Decision,
    engine::{
        event::{
            Answer, Assignment, Batch, Command, CommitOutcome, DeadLetter, DeadLettered, Event, Reason, Settled, Told,
        },
        fact::Fact,
        settings::EngineSettings,
        snapshot::Snapshot,
    },
    record::{PartitionId, PayloadBuilder, Record},
    runtime::{
        DeadLetterSink, Observer, Source, SourceEvent, SourceNote, Worker, clock::Clock, driver::Driver,
        handle::Request,
    },
    time::{Now, UnixMillis},
};
use tokio::{
    sync::{Semaphore, mpsc},
    time::{Instant, sleep, sleep_until},
};

pub const WALL: UnixMillis = UnixMillis(1_700_000_000_000);
const P: PartitionId = PartitionId(0);
const POLL_MAX: usize = 64;

/// What comes.
#[derive(Debug, Clone, Copy)]
pub struct Feed {
    /// Records a second; `None` is as many as are asked for.
    pub rate: Option<u32>,
    /// What every second record has to live, or every one; the others have no deadline.
    pub life: Option<Duration>,
    pub all_dated: bool,
}

impl Feed {
    pub const BACKLOG: Self = Self { rate: None, life: None, all_dated: false };
}

pub struct Endless {
    feed: Feed,
    clock: Clock,
    start: Instant,
    next: i64,
    credit: u32,
    is_paused: bool,
    events: VecDeque<Event>,
}

impl Endless {
    fn due(&self) -> usize {
        if self.is_paused {
            return 0;
        }
        let written = match self.feed.rate {
            None => return POLL_MAX.min(self.credit as usize),
            Some(rate) => (self.start.elapsed().as_secs_f64() * f64::from(rate)) as i64,
        };
        usize::try_from(written - self.next).unwrap_or(0).min(POLL_MAX).min(self.credit as usize)
    }

    fn record(&mut self) -> Record {
        let offset = self.next;
        self.next += 1;
        let mut payload = PayloadBuilder::with_capacity(None, Some(b"{\"n\":1}"), 64);
        if let Some(life) = self.feed.life.filter(|_| self.feed.all_dated || offset % 2 == 1) {
            let deadline = self.clock.now().wall.0 + life.as_millis() as i64;
            payload.header(b"deadline_ms", Some(deadline.to_string().as_bytes()));
        }
        Record::new(P, 0, offset, -1, payload.finish())
    }
}

impl Source for Endless {
    fn perform(&mut self, command: Command) {
        match command {
            Command::Grant { records, .. } => self.credit += records,
            Command::Commit { id, offsets } => {
                let results = offsets.iter().map(|mark| mark.answered(CommitOutcome::Applied)).collect();
                self.events.push_back(Event::Committed { id, results });
            }
            Command::Pause(_) => self.is_paused = true,
            Command::Resume(_) => self.is_paused = false,
            Command::Leave => self.events.push_back(Event::Left),
            _ => {}
        }
    }

    async fn next(&mut self) -> SourceEvent {
        loop {
            if let Some(event) = self.events.pop_front() {
                return SourceEvent::Engine(event);
            }
            match self.due() {
                0 if self.credit == 0 || self.is_paused => std::future::pending().await,
                0 => sleep(Duration::from_millis(1)).await,
                many => {
                    self.credit -= many as u32;
                    let records = (0..many).map(|_| self.record()).collect();
                    return SourceEvent::Engine(Event::Polled { records, ends: vec![] });
                }
            }
        }
    }
}

/// `alpha + beta·b`, so many at a time; the others wait inside of it.
#[derive(Clone)]
pub struct Curve {
    pub alpha: Duration,
    pub beta: Duration,
    /// From and to when alpha is so many times as long.
    pub slow: Option<(Duration, Duration, u32)>,
    /// One call of so many is never answered.
    pub hangs: Option<usize>,
    /// One call of so many has an alpha so many times as long.
    pub heavy: Option<(usize, u32)>,
    /// From and to when nothing is worked on: what is inside waits.
    pub pause: Option<(Duration, Duration)>,
    start: Instant,
    clock: Clock,
    places: Arc<Semaphore>,
    /// When each batch was sent, milliseconds, and its records.
    pub seen: Arc<Mutex<Vec<(u64, usize)>>>,
}

impl Worker for Curve {
    fn call(&self, batch: Batch) -> impl Future<Output = Settled> + Send + 'static {
        let Self { alpha, beta, slow, hangs, heavy, pause, start, clock, places, seen } = self.clone();
        async move {
            let since = Instant::now();
            let calls = {
                let mut seen = seen.lock().unwrap();
                seen.push((clock.now().mono.0 / 1_000_000, batch.records.len()));
                seen.len()
            };
            if hangs.is_some_and(|every| calls.is_multiple_of(every)) {
                sleep(batch.timeout).await;
                let (answer, took) = (Answer::Failed, since.elapsed());
                let (told, said) = (Told::default(), Vec::new());
                return Settled { batch, answer, took, status: None, detail: None, told, said };
            }
            let _place = places.acquire_owned().await.unwrap();
            let times = slow.filter(|(from, to, _)| (*from..*to).contains(&start.elapsed())).map_or(1, |(_, _, n)| n);
            let more = heavy.filter(|(every, _)| calls.is_multiple_of(*every)).map_or(1, |(_, n)| n);
            sleep(alpha * times * more + beta * batch.records.len() as u32).await;
            if let Some((_, to)) = pause.filter(|(from, to)| (*from..*to).contains(&start.elapsed())) {
                sleep_until(start + to).await;
            }
            let (answer, took) = (Answer::Done, since.elapsed());
            let (told, said) = (Told::default(), Vec::new());
            Settled { batch, answer, took, status: Some(200), detail: None, told, said }
        }
    }
}

pub struct NoLetters;

impl DeadLetterSink for NoLetters {
    fn send(&self, letter: DeadLetter) -> impl Future<Output = DeadLettered> + Send + 'static {
        std::future::ready(DeadLettered::Acknowledged { letter })
    }
}

/// What was told.
#[derive(Debug, Default)]
pub struct Heard {
    pub completed: u64,
    pub late: u64,
    pub expired: u64,
    /// Offsets of what was given up early.
    pub hopeless: Vec<i64>,
    pub foretold_late: u64,
    /// With whether they were applied.
    pub moves: Vec<(Decision, bool)>,
    pub notes: Vec<String>,
}

#[derive(Clone, Default)]
pub struct Notebook(pub Rc<RefCell<Heard>>);

impl Observer for Notebook {
    fn fact(&mut self, _: Now, fact: &Fact) {
        let mut told = self.0.borrow_mut();
        match fact {
            Fact::Completed { records, late, .. } => {
                told.completed += u64::from(*records);
                told.late += u64::from(*late);
            }
            Fact::Expired { .. } => told.expired += 1,
            Fact::Skipped { offset, reason: Reason::Hopeless, .. } => told.hopeless.push(*offset),
            Fact::ForetoldLate { records, .. } => told.foretold_late += u64::from(*records),
            Fact::KnobMoved { decision, applied } => told.moves.push((*decision, *applied)),
            Fact::Violation { invariant, what } => panic!("{invariant}: {what}"),
            _ => {}
        }
    }

    fn note(&mut self, _: Now, note: &SourceNote) {
        self.0.borrow_mut().notes.push(format!("{note:?}"));
    }
}

pub struct Rig {
    pub driver: Driver<Endless, Curve, NoLetters, Notebook>,
    pub worker: Curve,
    pub told: Rc<RefCell<Heard>>,
    pub requests: mpsc::Sender<Request>,
}

impl Rig {
    /// Before a worker that takes 20 ms and one for each record, two at a time.
    pub fn new(settings: EngineSettings, feed: Feed) -> Self {
        Self::before(settings, feed, Duration::from_millis(20), Duration::from_millis(1), 2)
    }

    pub fn before(settings: EngineSettings, feed: Feed, alpha: Duration, beta: Duration, at_once: usize) -> Self {
        Self::made(settings, feed, (alpha, beta), at_once, |_| {})
    }

    /// Before a worker as in [`Rig::new`], eight at a time, that never answers one call of so many.
    pub fn hanging(settings: EngineSettings, feed: Feed, every: usize) -> Self {
        let times = (Duration::from_millis(20), Duration::from_millis(1));
        Self::made(settings, feed, times, 8, |curve| curve.hangs = Some(every))
    }

    pub fn made(
        settings: EngineSettings,
        feed: Feed,
        (alpha, beta): (Duration, Duration),
        at_once: usize,
        change: impl FnOnce(&mut Curve),
    ) -> Self {
        let clock = Clock::with_wall(WALL);
        let (requests, receiver) = mpsc::channel(8);
        let assigned = Event::Assigned(vec![Assignment { id: P, topic: Arc::from("t"), number: 0, committed: None }]);
        let start = Instant::now();
        let source =
            Endless { feed, clock, start, next: 0, credit: 0, is_paused: false, events: VecDeque::from([assigned]) };
        let (places, seen) = (Arc::new(Semaphore::new(at_once)), Arc::default());
        let mut worker =
            Curve { alpha, beta, slow: None, hangs: None, heavy: None, pause: None, start, clock, places, seen };
        change(&mut worker);
        let notebook = Notebook::default();
        let driver = Driver::new(settings, clock, source, worker.clone(), NoLetters, notebook.clone(), receiver);
        Self { driver, worker, told: notebook.0, requests }
    }

    /// Runs on for so long; how it stands then.
    pub async fn run_for(&mut self, time: Duration) -> Snapshot {
        let until = Instant::now() + time;
        tokio::select! {
            biased;
            () = sleep_until(until) => {}
            ended = self.driver.run() => panic!("nobody asked it to stop: {ended:?}"),
        }
        self.driver.engine().snapshot(Clock::with_wall(WALL).now())
    }

    /// The sizes of the batches sent from `from` milliseconds on.
    pub fn sizes(&self, from_ms: u64) -> Vec<usize> {
        let seen = self.worker.seen.lock().unwrap();
        seen.iter().filter(|(at, _)| *at >= from_ms).map(|(_, records)| *records).collect()
    }
}

pub fn mean(sizes: &[usize]) -> f64 {
    sizes.iter().sum::<usize>() as f64 / sizes.len().max(1) as f64
}
