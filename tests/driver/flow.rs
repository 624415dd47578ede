//! Batches, drains, snapshots and fatal ends, between a scripted source, worker and dead-letter topic.

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::Future,
    ops::Range,
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};

use sluicegate::{
    control::settings::ControlSettings,
    engine::{
        event::{
            Answer, Assignment, Batch, Command, CommitOutcome, DeadLetter, DeadLettered, Event, Mark, Settled, Told,
        },
        fact::Fact,
        settings::EngineSettings,
        snapshot::Snapshot,
    },
    record::{PartitionId, Payload, Record},
    runtime::{
        DeadLetterSink, Observer, Source, SourceEvent, SourceNote, Worker,
        clock::Clock,
        driver::{Driver, Fatal},
        handle::Request,
    },
    time::{Now, UnixMillis},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

/// Plays its script, each event at its time, and answers commits and leaves as a broker would.
struct Script {
    events: VecDeque<(Instant, SourceEvent)>,
    commands: Rc<RefCell<Vec<Command>>>,
}

impl Source for Script {
    fn perform(&mut self, command: Command) {
        match &command {
            Command::Commit { id, offsets } => {
                let results = offsets.iter().map(|mark| mark.answered(CommitOutcome::Applied)).collect();
                self.events.push_front((Instant::now(), SourceEvent::Engine(Event::Committed { id: *id, results })));
            }
            Command::Leave => self.events.push_front((Instant::now(), SourceEvent::Engine(Event::Left))),
            _ => {}
        }
        self.commands.borrow_mut().push(command);
    }

    async fn next(&mut self) -> SourceEvent {
        match self.events.front() {
            Some((at, _)) => tokio::time::sleep_until(*at).await,
            None => std::future::pending().await,
        }
        self.events.pop_front().expect("it was there").1
    }
}

/// Answers `Done` after a fixed service time and notes when each batch was sent.
#[derive(Clone)]
struct Slow {
    takes: Duration,
    clock: Clock,
    seen: Arc<Mutex<Vec<(u64, usize)>>>,
}

impl Worker for Slow {
    fn call(&self, batch: Batch) -> impl Future<Output = Settled> + Send + 'static {
        let Self { takes, clock, seen } = self.clone();
        async move {
            seen.lock().unwrap().push((clock.now().mono.0 / 1_000_000, batch.records.len()));
            tokio::time::sleep(takes).await;
            Settled {
                batch,
                answer: Answer::Done,
                took: takes,
                status: Some(200),
                detail: None,
                told: Told::default(),
                said: Vec::new(),
            }
        }
    }
}

struct NoLetters;

impl DeadLetterSink for NoLetters {
    fn send(&self, letter: DeadLetter) -> impl Future<Output = DeadLettered> + Send + 'static {
        std::future::ready(DeadLettered::Acknowledged { letter })
    }
}

#[derive(Default)]
struct Count(Rc<RefCell<u32>>);

impl Observer for Count {
    fn fact(&mut self, _: Now, fact: &Fact) {
        if let Fact::Completed { records, .. } = fact {
            *self.0.borrow_mut() += records;
        }
    }

    fn note(&mut self, _: Now, _: &SourceNote) {}
}

struct Rig {
    driver: Driver<Script, Slow, NoLetters, Count>,
    requests: mpsc::Sender<Request>,
    commands: Rc<RefCell<Vec<Command>>>,
    completed: Rc<RefCell<u32>>,
    seen: Arc<Mutex<Vec<(u64, usize)>>>,
}

fn rig(events: Vec<SourceEvent>, takes: Duration) -> Rig {
    let start = Instant::now();
    rig_at_times(events.into_iter().map(|event| (start, event)).collect(), takes)
}

fn rig_at_times(events: VecDeque<(Instant, SourceEvent)>, takes: Duration) -> Rig {
    let clock = Clock::with_wall(UnixMillis(1_700_000_000_000));
    let (requests, receiver) = mpsc::channel(8);
    let source = Script { events, commands: Rc::default() };
    let worker = Slow { takes, clock, seen: Arc::default() };
    let observer = Count::default();
    let settings = EngineSettings { control: ControlSettings::off(), ..EngineSettings::default() };
    Rig {
        commands: Rc::clone(&source.commands),
        completed: Rc::clone(&observer.0),
        seen: Arc::clone(&worker.seen),
        driver: Driver::new(settings, clock, source, worker, NoLetters, observer, receiver),
        requests,
    }
}

fn polled(count: i64) -> Vec<SourceEvent> {
    let assignment = Assignment { id: PartitionId(0), topic: Arc::from("t"), number: 0, committed: None };
    vec![SourceEvent::Engine(Event::Assigned(vec![assignment])), poll(0..count)]
}

fn poll(offsets: Range<i64>) -> SourceEvent {
    let record = |offset| Record::new(PartitionId(0), 0, offset, -1, Payload::new(None, Some(b"{}")));
    SourceEvent::Engine(Event::Polled { records: offsets.map(record).collect(), ends: vec![] })
}

async fn snapshot(requests: &mpsc::Sender<Request>) -> Snapshot {
    let (answer, waiting) = oneshot::channel();
    requests.send(Request::Snapshot(answer)).await.unwrap();
    waiting.await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_part_of_a_batch_is_sent_when_its_linger_is_over() {
    let mut rig = rig(polled(40), Duration::from_millis(5));
    let run = tokio::time::timeout(Duration::from_millis(500), rig.driver.run());
    assert!(run.await.is_err(), "nobody asked it to stop");
    assert_eq!(*rig.seen.lock().unwrap(), [(0, 32), (25, 8)]);
    assert_eq!(*rig.completed.borrow(), 40);
}

#[tokio::test(start_paused = true)]
async fn the_first_record_after_an_idle_time_waits_one_linger_neither_less_nor_more() {
    let start = Instant::now();
    let mut events: VecDeque<_> = polled(8).into_iter().map(|event| (start, event)).collect();
    // Idle for ten seconds; then one by one, the second of them while the timer of the first has just gone off.
    for (offset, at_ms) in [(8, 10_000), (9, 10_026), (10, 10_052)] {
        events.push_back((start + Duration::from_millis(at_ms), poll(offset..offset + 1)));
    }
    let mut rig = rig_at_times(events, Duration::from_millis(5));
    let run = tokio::time::timeout(Duration::from_secs(20), rig.driver.run());
    assert!(run.await.is_err(), "nobody asked it to stop");
    assert_eq!(*rig.seen.lock().unwrap(), [(25, 8), (10_025, 1), (10_051, 1), (10_077, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_drain_finishes_the_batches_that_are_out_commits_them_and_ends_the_run() {
    let Rig { mut driver, requests, commands, completed, .. } = rig(polled(200), Duration::from_millis(50));
    let ask = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        requests.send(Request::Drain { timeout: Duration::from_secs(25) }).await.unwrap();
    };
    let (ended, ()) = tokio::join!(driver.run(), ask);
    assert!(ended.is_ok());
    assert_eq!(*completed.borrow(), 64, "two batches were out");
    let commands = commands.borrow();
    assert_eq!(commands.last(), Some(&Command::Leave));
    let committed = commands.iter().rev().find_map(|command| match command {
        Command::Commit { offsets, .. } => Some(offsets.clone()),
        _ => None,
    });
    let committed = committed.expect("a commit");
    assert_eq!(committed, [Mark { partition: PartitionId(0), offset: 64, metadata: "".into() }]);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_answered_while_every_slot_is_taken() {
    let Rig { mut driver, requests, .. } = rig(polled(100), Duration::from_secs(5));
    let ask = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        snapshot(&requests).await
    };
    let asked = tokio::select! {
        seen = ask => seen,
        ended = driver.run() => panic!("ended: {ended:?}"),
    };
    assert_eq!((asked.in_flight.records, asked.queue.records), (64, 36));
}

#[tokio::test(start_paused = true)]
async fn a_source_beyond_repair_ends_the_run_with_its_reason() {
    let mut rig = rig(vec![SourceEvent::Fatal("fenced".into())], Duration::ZERO);
    let ended = rig.driver.run().await;
    assert!(matches!(ended, Err(Fatal::Source(why)) if why == "fenced"));
}
