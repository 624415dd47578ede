//! The one thread that owns the client.
//!
//! Each turn: do what the driver asked, poll the consumer's own queue (events only: every partition is forwarded to our
//! queue) and act on what it told, read our queue as far as there is credit, hand over. The thread waits in one place
//! per turn: in our queue when it may read, else in its inbox; a command ends either wait at once. Nothing here waits
//! for a broker or for the driver, so the client is polled every few milliseconds whatever the worker does.
//!
//! The rest of the loop's work is split by job: [`reading`], [`assigning`], [`rebalance`], [`pausing`], [`committing`], [`progress`],
//! [`leaving`].

mod assigning;
mod committing;
mod leaving;
mod pausing;
mod progress;
mod reading;
mod rebalance;
mod waker;

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, TryRecvError},
    },
    time::{Duration, Instant},
};

use rdkafka::{Message as _, consumer::Consumer as _, topic_partition_list::Offset};

use crate::{
    engine::event::{Command, Pulse},
    kafka::{
        commits::{self, Commits},
        complaints::Complaints,
        context::{Consumer, Context, Notice},
        ffi::{self, Message, Queue, Reader},
        heartbeat::Heartbeat,
        lookup::{About, Lookup},
        outbox::Outbox,
        partitions::Partitions,
        pauses::Pauses,
        refusals::Refusals,
        settings::KafkaSettings,
        stash::Stash,
    },
    runtime::SourceNote,
};

pub use waker::Waker;

/// The consumer's own queue is polled at least this often while records flow.
const POLL_EVERY: Duration = Duration::from_millis(2);

/// The longest wait of a turn with nothing to do.
const IDLE_WAIT: Duration = Duration::from_millis(10);

/// The wait of a turn while an answer of the client's is due.
const BUSY_WAIT: Duration = Duration::from_millis(1);

/// Events served per poll of the consumer's own queue, so that a storm of log lines cannot hold the loop.
const EVENTS_PER_POLL: usize = 64;

/// What the thread can be asked.
#[derive(Debug)]
pub enum Request {
    /// Subscribe.
    Join,
    Engine(Command),
}

/// What the thread starts with.
pub struct Parts {
    pub consumer: Arc<Consumer>,
    pub reader: Reader<Context>,
    /// The consumer's own queue.
    pub main: Queue<Context>,
    pub lookup: Lookup,
    pub waker: Waker,
    pub inbox: Receiver<Request>,
    pub outbox: Outbox,
    pub heartbeat: Heartbeat,
}

pub struct Poller {
    // Dropped in this order: whatever refers to the client goes before it.
    reader: Reader<Context>,
    main: Queue<Context>,
    lookup: Lookup,
    consumer: Arc<Consumer>,
    waker: Waker,
    inbox: Receiver<Request>,
    outbox: Outbox,
    heartbeat: Heartbeat,
    topics: Vec<String>,
    stores_offsets: bool,
    phase: Phase,
    partitions: Partitions,
    stash: Stash,
    pauses: Pauses,
    commits: Commits,
    complaints: Complaints,
    refusals: Refusals,
    /// What the driver was last told of that.
    told_refused: bool,
    /// Before a refused partition is asked for again.
    refused_wait: Duration,
    assigning: Option<assigning::Assigning>,
    assignments: u64,
    revoke: Option<rebalance::Revoke>,
    /// Some partition is [`unplaced`](crate::kafka::partitions::Slot::unplaced); try again then.
    place_again_at: Option<Instant>,
    progress_at: Instant,
    polled_at: Instant,
    /// Polls since the last one that was told.
    pulse: Pulse,
    /// Where a partition without a committed offset begins; `None` when that is an error.
    reset_to: Option<Offset>,
    /// Running mean of a record's bytes, for estimates.
    record_bytes: f64,
    batch: Vec<Message>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not a member yet, or one.
    Running,
    Leaving {
        since: Instant,
        /// The driver knows.
        told: bool,
        /// The client is closing and will say when it is done.
        closes: bool,
    },
    /// The client is beyond repair and the driver knows.
    Failed,
    Over,
}

impl Poller {
    pub fn new(parts: Parts, settings: &KafkaSettings) -> Self {
        let Parts { consumer, reader, main, lookup, waker, inbox, outbox, heartbeat } = parts;
        let now = Instant::now();
        Self {
            reader,
            main,
            lookup,
            consumer,
            waker,
            inbox,
            outbox,
            heartbeat,
            topics: settings.topics.clone(),
            stores_offsets: !settings.manual_commit,
            phase: Phase::Running,
            partitions: Partitions::default(),
            stash: Stash::new(settings.max_poll_records, settings.max_record_bytes),
            pauses: Pauses::default(),
            commits: Commits::default(),
            complaints: Complaints::of(settings),
            refusals: Refusals::new(settings.session_timeout),
            told_refused: false,
            refused_wait: progress::refused_wait(settings.fetch_max_wait),
            assigning: None,
            assignments: 0,
            revoke: None,
            place_again_at: None,
            progress_at: now,
            polled_at: now,
            pulse: Pulse::default(),
            reset_to: reset_to(&settings.offset_reset),
            record_bytes: 0.0,
            batch: Vec::new(),
        }
    }

    /// Runs until the group is left. Dropping the client afterwards may still take as long as a session timeout when
    /// the brokers are away; by then nobody waits for this thread.
    pub fn run(mut self) {
        while self.phase != Phase::Over {
            self.take_requests();
            let now = Instant::now();
            if now.duration_since(self.polled_at) >= POLL_EVERY {
                self.poll_client(now);
            }
            self.keep_up(now);
            self.hand_over();
            self.outbox.flush();
            self.wait_for_work(now);
        }
        self.waker.close();
    }

    fn take_requests(&mut self) {
        loop {
            match self.inbox.try_recv() {
                Ok(request) => self.perform(request),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => return self.leave(),
            }
        }
    }

    fn perform(&mut self, request: Request) {
        match request {
            Request::Join => self.join(),
            Request::Engine(Command::Leave) => self.leave(),
            Request::Engine(Command::Grant { records, bytes }) => self.stash.grant(records, bytes),
            Request::Engine(Command::Commit { id, offsets }) => self.commit(id, offsets),
            Request::Engine(Command::Pause(ids)) => self.pause(&ids),
            Request::Engine(Command::Resume(ids)) => self.resume(&ids),
            Request::Engine(Command::ReadCommitted(ids)) => drop(self.ask(About::Audit, &ids)),
            Request::Engine(Command::ReadStarts(ids)) => drop(self.ask(About::LogStart, &ids)),
            Request::Engine(Command::Repair(id)) => self.repair(id),
            Request::Engine(Command::Release(ids)) => self.release(&ids),
        }
    }

    fn join(&mut self) {
        let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        if let Err(error) = self.consumer.subscribe(&topics) {
            self.fail(format!("cannot subscribe: {error}"));
        }
    }

    /// Serves the consumer's own queue and acts on what it told.
    fn poll_client(&mut self, now: Instant) {
        self.pulse.polls += 1;
        self.pulse.longest_gap = self.pulse.longest_gap.max(now.duration_since(self.polled_at));
        self.polled_at = now;
        self.heartbeat.beat(now);
        let mut strays = Vec::new();
        for _ in 0..EVENTS_PER_POLL {
            // Errors are told to the context as well.
            if let Some(Ok(record)) = self.consumer.poll(Duration::ZERO) {
                strays.push((record.topic().to_owned(), record.partition()));
            }
            if self.main.is_empty() {
                break;
            }
        }
        strays.dedup();
        for (topic, number) in strays {
            self.fetch_again(&topic, number);
        }
        for notice in self.consumer.context().take() {
            match notice {
                Notice::Assign(listed) => self.on_assign(listed),
                Notice::Revoke { listed, lost } => self.on_revoke(listed, lost),
                Notice::Committed { code, offsets } => self.on_committed(code, &offsets),
                Notice::Error { code, text } => self.on_error(code as i32, &text),
            }
        }
    }

    fn on_error(&mut self, code: i32, text: &str) {
        if let Some((code, text)) = self.consumer.client().fatal_error() {
            return self.fail(format!("{}: {text}", commits::name(code)));
        }
        self.refusals.told(code, Instant::now());
        self.complain(code, text);
    }

    fn complain(&mut self, code: i32, said: &str) {
        let text = self.complaints.word(code, said);
        self.outbox.note(SourceNote::ClientError { code: ffi::code_name(code), text });
    }

    /// The process has to end; a restart replays.
    fn fail(&mut self, text: String) {
        if self.phase == Phase::Running {
            self.phase = Phase::Failed;
            self.stash.clear();
            self.outbox.fatal(text);
        }
    }

    /// What is due by the clock.
    fn keep_up(&mut self, now: Instant) {
        self.check_lost();
        self.assign_in_time(now);
        self.place_again(now);
        self.keep_commits_moving(now);
        self.take_answers();
        if now >= self.progress_at {
            self.progress_at = now + progress::EVERY;
            if self.outbox.pulse(self.pulse) {
                self.pulse = Pulse::default();
            }
            self.tell_progress(now);
        }
        self.check_left(now);
        if self.outbox.is_closed() {
            self.leave();
        }
    }

    fn wait_for_work(&mut self, now: Instant) {
        let due = self.assigning.is_some()
            || self.revoke.is_some()
            || self.commits.is_busy()
            || self.place_again_at.is_some();
        let wait = if due || !self.outbox.is_empty() { BUSY_WAIT } else { IDLE_WAIT };
        match self.phase {
            Phase::Running if self.stash.room() > 0 => self.read(wait, now),
            Phase::Running | Phase::Failed => match self.inbox.recv_timeout(wait) {
                Ok(request) => self.perform(request),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.leave(),
            },
            // Only the client has anything to say now.
            Phase::Leaving { .. } => drop(self.consumer.poll(BUSY_WAIT)),
            Phase::Over => {}
        }
    }
}

fn reset_to(policy: &str) -> Option<Offset> {
    match policy {
        "earliest" | "smallest" | "beginning" => Some(Offset::Beginning),
        "latest" | "largest" | "end" => Some(Offset::End),
        _ => None,
    }
}
