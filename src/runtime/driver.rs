//! The one task that owns the engine: it turns what arrives into events, steps, and performs the effects.
//!
//! The select is biased: requests of the admin thread, worker answers, dead letters, the source, callers over HTTP, the
//! timer. Nothing can starve another: the admin thread is slow, answers and letters are bounded by what was dispatched,
//! the source by its credit, and the timer is only needed when nothing else happens, because every step does whatever
//! time allows. Callers come late because there is no bound on how often somebody asks who is turned away.

use std::time::Duration;

use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
};

use crate::{
    control::learned::Learned,
    engine::{
        Effects, Engine,
        event::{Action, DeadLettered, Event, Settled},
        settings::EngineSettings,
        snapshot::Phase,
    },
    runtime::{
        Callers, DeadLetterSink, NoCallers, Observer, Source, SourceEvent, SourceNote, Worker, clock::Clock,
        handle::Request, keeping::Keeping,
    },
    time::UnixMillis,
};

/// Why the driver cannot go on. A restart replays what was not committed.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    #[error("the Kafka client gave up: {0}")]
    Source(String),
    #[error("a worker call ended without an answer: {0}")]
    Call(JoinError),
}

pub struct Driver<S, W, D, O, C = NoCallers> {
    engine: Engine,
    effects: Effects,
    clock: Clock,
    source: S,
    worker: W,
    letters: D,
    observer: O,
    callers: C,
    requests: mpsc::Receiver<Request>,
    keeping: Option<Keeping>,
    /// Bound: the concurrency limit.
    calls: JoinSet<Settled>,
    /// Bound: the dead-letter budget of a minute.
    produces: JoinSet<DeadLettered>,
}

/// What woke the driver.
enum Arrival {
    Request(Request),
    Event(Event),
    Source(SourceEvent),
    /// It is time to keep what was learnt, or it is known what came of that.
    KeepNow,
    Kept(Result<(), String>),
    Fatal(Fatal),
}

impl<S, W, D, O> Driver<S, W, D, O> {
    /// One that nobody asks over HTTP.
    pub fn new(
        settings: EngineSettings,
        clock: Clock,
        source: S,
        worker: W,
        letters: D,
        observer: O,
        requests: mpsc::Receiver<Request>,
    ) -> Self {
        Self {
            engine: Engine::new(settings),
            effects: Effects::default(),
            clock,
            source,
            worker,
            letters,
            observer,
            callers: NoCallers,
            requests,
            keeping: None,
            calls: JoinSet::new(),
            produces: JoinSet::new(),
        }
    }

    /// The same with somebody who does.
    pub fn with_callers<C>(self, callers: C) -> Driver<S, W, D, O, C> {
        let Self { engine, effects, clock, source, worker, letters, observer, requests, keeping, .. } = self;
        let (calls, produces) = (self.calls, self.produces);
        Driver {
            engine,
            effects,
            clock,
            source,
            worker,
            letters,
            observer,
            callers,
            requests,
            keeping,
            calls,
            produces,
        }
    }
}

impl<S: Source, W: Worker, D: DeadLetterSink, O: Observer, C: Callers> Driver<S, W, D, O, C> {
    /// Begins with what an earlier run has learnt, before [`Driver::run`].
    pub fn remember(&mut self, earlier: &Learned, keeping: &mut Keeping) {
        keeping.begin_with(earlier);
        let now = self.clock.now();
        let note = match self.engine.recall(now, earlier) {
            Ok(()) => SourceNote::Recalled {
                routes: earlier.routes.len(),
                concurrency: earlier.concurrency,
                age: UnixMillis(earlier.saved_at_ms).until(now.wall),
            },
            Err(unfit) => SourceNote::NotRecalled { reason: unfit.code(), detail: unfit.to_string() },
        };
        self.observer.note(now, &note);
    }

    /// Hands what is learnt to `keeping` from now on.
    pub fn keep_with(&mut self, keeping: Keeping) {
        self.keeping = Some(keeping);
    }

    /// Something that only whoever put the driver together knows.
    pub fn note(&mut self, note: &SourceNote) {
        self.observer.note(self.clock.now(), note);
    }

    /// Runs until the group is left.
    ///
    /// # Errors
    /// When the source or a call cannot go on.
    pub async fn run(&mut self) -> Result<(), Fatal> {
        self.step(Event::Wake);
        while self.engine.phase() != Phase::Stopped {
            match self.next().await {
                Arrival::Event(event) => self.step(event),
                Arrival::Source(event) => self.take(event)?,
                Arrival::Request(request) => self.serve(request),
                Arrival::KeepNow => self.keep(),
                Arrival::Kept(outcome) => self.observer.note(self.clock.now(), &SourceNote::Kept(outcome)),
                Arrival::Fatal(why) => return Err(why),
            }
        }
        self.keep_last().await;
        Ok(())
    }

    fn keep(&mut self) {
        let (now, Some(keeping)) = (self.clock.now(), &mut self.keeping) else { return };
        if let Err(error) = keeping.hand_over(self.engine.learned(now)) {
            self.observer.note(now, &SourceNote::Kept(Err(error)));
        }
    }

    async fn keep_last(&mut self) {
        let (now, Some(keeping)) = (self.clock.now(), &mut self.keeping) else { return };
        match keeping.last(self.engine.learned(now)).await {
            Ok(false) => {}
            Ok(true) => self.observer.note(now, &SourceNote::Kept(Ok(()))),
            Err(error) => self.observer.note(now, &SourceNote::Kept(Err(error))),
        }
    }

    fn take(&mut self, event: SourceEvent) -> Result<(), Fatal> {
        match event {
            SourceEvent::Engine(event) => self.step(event),
            SourceEvent::Note(note) => self.observer.note(self.clock.now(), &note),
            SourceEvent::Fatal(why) => return Err(Fatal::Source(why)),
        }
        Ok(())
    }

    /// Out of the group and still up: answers whoever asks until the process ends.
    pub async fn linger(&mut self) {
        loop {
            tokio::select! {
                request = self.requests.recv() => match request {
                    Some(request) => self.serve(request),
                    None => return,
                },
                event = self.callers.next() => drop(self.take(event)),
            }
        }
    }

    async fn next(&mut self) -> Arrival {
        let keep = self.keeping.as_ref().map(Keeping::due);
        // Looked at first, because a timer is the last to be heard; it comes twice a minute.
        if keep.is_some_and(|due| due <= tokio::time::Instant::now()) {
            return Arrival::KeepNow;
        }
        let wake = self.engine.next_wake(self.clock.now()).map(|at| self.clock.at(at));
        let wake = wake.into_iter().chain(keep).min();
        tokio::select! {
            biased;
            Some(request) = self.requests.recv() => Arrival::Request(request),
            Some(settled) = self.calls.join_next() => match settled {
                Ok(settled) => Arrival::Event(Event::Settled(settled)),
                Err(error) => Arrival::Fatal(Fatal::Call(error)),
            },
            Some(answer) = self.produces.join_next() => match answer {
                Ok(answer) => Arrival::Event(Event::DeadLettered(answer)),
                Err(error) => Arrival::Fatal(Fatal::Call(error)),
            },
            event = self.source.next() => Arrival::Source(event),
            event = self.callers.next() => Arrival::Source(event),
            outcome = outcome(&mut self.keeping) => Arrival::Kept(outcome),
            () = sleep_until(wake) => Arrival::Event(Event::Wake),
        }
    }

    fn step(&mut self, event: Event) {
        let now = self.clock.now();
        self.engine.step(now, event, &mut self.effects);
        for action in self.effects.actions.drain(..) {
            match action {
                Action::Source(command) => self.source.perform(command),
                Action::Dispatch(batch) => {
                    self.calls.spawn(self.worker.call(batch));
                }
                Action::DeadLetter(letter) => {
                    self.produces.spawn(self.letters.send(letter));
                }
                Action::Reply(reply) => self.callers.answer(reply),
            }
        }
        for fact in self.effects.facts.drain(..) {
            self.observer.fact(now, &fact);
        }
    }

    fn serve(&mut self, request: Request) {
        match request {
            // Whoever asked may have stopped waiting.
            Request::Snapshot(answer) => drop(answer.send(self.engine.snapshot(self.clock.now()))),
            Request::Drain { timeout } => {
                let deadline = self.clock.now().mono + timeout;
                self.step(Event::Drain { deadline });
            }
        }
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}

/// What came of a write; for ever where nothing is kept.
async fn outcome(keeping: &mut Option<Keeping>) -> Result<(), String> {
    match keeping {
        Some(keeping) => keeping.outcome().await,
        None => std::future::pending().await,
    }
}

/// Sleeps until then; for a day, which is for ever, when there is no then.
async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => tokio::time::sleep(Duration::from_secs(86_400)).await,
    }
}
