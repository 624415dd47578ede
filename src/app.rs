//! The composition root: settings in; admin, adapters, engine and telemetry put together and run; an exit code out.
//!
//! Order of starting: the log (the Kafka client asks it for its level), the admin thread (probes are answered from the
//! first moment), the ingress (503 until the worker is ready), the Kafka client (settings are found wanting before the model is waited for), the worker, the group.
//! Order of stopping: the other way round, the admin thread last.

use std::{fmt::Display, path::Path, process::ExitCode, sync::Arc, time::Duration};

use crate::{
    admin::{
        Admin, Bound, CONNECTIONS_MAX, Context, PollPulse, Silence, Tasks, leave,
        readiness::{Phase, Readiness, Wish},
    },
    config::{Loaded, Settings},
    ingress::{self, HttpCallers, Ingress},
    kafka::{KafkaDeadLetters, KafkaSource, client, settings::KafkaSettings},
    lifecycle::{Course, Exit, LEAVE_GRACE, Watched, end_with_a_panic, heed_signals},
    runtime::{
        Callers, DeadLetterSink, Observer, Source, SourceNote, Worker,
        clock::{Clock, system_wall},
        driver::Driver,
        files,
        handle::{self, DriverHandle},
        keeping,
        memory::{self, Verdict},
    },
    say::{bad_configuration, complain, print},
    store::{self, Store},
    telemetry::{
        self, Readout,
        log::{self, Log},
    },
    worker::{HttpWorker, probe::Probe, settings::WorkerSettings},
};

/// What was learnt is written this often, and at the end.
const KEEP_EVERY: Duration = Duration::from_secs(30);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// `sluicegate run`
pub fn run(loaded: Loaded) -> ExitCode {
    for warning in &loaded.near_misses {
        complain(&format!("warning: {warning}"));
    }
    match loaded.into_settings() {
        Ok(settings) => serve(settings, |_| std::future::ready(())),
        Err(problems) => bad_configuration(&problems),
    }
}

/// `sluicegate check`
pub fn check(loaded: &Loaded) -> ExitCode {
    let line = match loaded.check() {
        Ok(line) => line,
        Err(problems) => return bad_configuration(&problems),
    };
    match loaded.settings().and_then(|settings| refused(&settings.kafka)) {
        Some(problems) => bad_configuration(&problems),
        None => print(&line),
    }
}

/// Says what does not fit into the limits of this process, or might not. False where it cannot work.
fn has_room(settings: &Settings, log: &Log) -> bool {
    let verdicts = [memory_needs(settings).judge(memory::limit()), files_needs(settings).judge(files::room())];
    verdicts.into_iter().fold(true, |has_room, verdict| match verdict {
        Verdict::Fits => has_room,
        Verdict::Tight(what) => {
            say(log, &format!("warning: {what}"));
            has_room
        }
        Verdict::TooSmall(what) => {
            say(log, &what);
            false
        }
    })
}

/// The bounds that cost memory.
fn memory_needs(settings: &Settings) -> memory::Needs {
    let (prefetch, engine) = (settings.kafka.prefetch_bytes_max, &settings.engine);
    memory::Needs {
        prefetch: prefetch.saturating_add(client::fetch_bytes_max(prefetch)),
        ingress: settings.ingress.as_ref().map_or(0, |ingress| ingress.reading_bytes_max),
        queue: engine.queue_bytes_max,
        batch: engine.batch_bytes_max,
        response: settings.worker.response_bytes_max as u64,
        calls: engine.most().0,
    }
}

/// What takes file descriptors.
fn files_needs(settings: &Settings) -> files::Needs {
    files::Needs {
        brokers: settings.kafka.brokers.split(',').count() as u64,
        dead_letters: settings.kafka.dead_letter_topic.is_some(),
        probe: settings.admin.probe_addr.is_some(),
        visits: CONNECTIONS_MAX as u64,
        callers: settings.ingress.as_ref().map(|ingress| ingress.connections_max as u64),
        calls: u64::from(settings.engine.most().0),
    }
}

/// What only the Kafka client can tell of its settings, a line each.
fn refused(settings: &KafkaSettings) -> Option<String> {
    let problems: Vec<String> = client::problems(settings).iter().map(ToString::to_string).collect();
    (!problems.is_empty()).then(|| problems.join("\n"))
}

/// What a running sidecar lets its own process see.
pub struct Inside {
    pub handle: DriverHandle,
    pub readout: Readout,
    readiness: Readiness,
    shutdown_timeout: Duration,
}

impl Inside {
    /// The same as SIGTERM.
    pub fn stop(&self) {
        leave(&self.readiness, &self.handle, self.shutdown_timeout, Wish::Shutdown);
    }
}

/// Runs the sidecar until it is told to stop. `watch` runs beside it, on the admin thread.
pub fn serve<W>(settings: Settings, watch: impl FnOnce(Inside) -> W) -> ExitCode
where
    W: Future<Output = ()> + Send + 'static,
{
    let log = match log::install(&settings.log) {
        Ok(log) => log,
        Err(error) => {
            complain(&error);
            return Exit::Fatal.into();
        }
    };
    end_with_a_panic(log.clone());
    let exit = try_serve(settings, &log, watch).unwrap_or_else(|error| {
        say(&log, &error);
        Exit::Fatal
    });
    log.finish();
    exit.into()
}

/// Words for whoever started the process, behind the lines of its log.
fn say(log: &Log, what: &dyn Display) {
    log.lines.put(format!("{what}\n").as_bytes());
}

fn try_serve<W>(settings: Settings, log: &Log, watch: impl FnOnce(Inside) -> W) -> Result<Exit, Failure>
where
    W: Future<Output = ()> + Send + 'static,
{
    if !has_room(&settings, log) {
        return Ok(Exit::BadConfiguration);
    }
    if let Some(problems) = refused(&settings.kafka) {
        say(log, &problems);
        return Ok(Exit::BadConfiguration);
    }
    let (observer, readout) = telemetry::start(settings.engine.queue_records_max)?;
    let (driver, requests) = handle::channel();
    let (readiness, clock) = (Readiness::default(), Clock::system());
    let context = Context {
        readiness: readiness.clone(),
        driver: driver.clone(),
        readout: readout.clone(),
        log: log.clone(),
        poll: PollPulse::default(),
        now: Arc::new(move || clock.now()),
        poll_limit: settings.engine.poll_gap_max,
        drain_timeout: settings.shutdown_timeout,
        silence: Silence::default(),
        tasks: Tasks::default(),
    };
    let bound = match Bound::new(&settings.admin) {
        Ok(bound) => bound,
        Err(error) => {
            say(log, &error);
            return Ok(Exit::BadConfiguration);
        }
    };
    let ingress = match settings.ingress.clone().map(ingress::Bound::new).transpose() {
        Ok(bound) => bound.map(|bound| bound.serve(Arc::new(system_wall))).transpose()?,
        Err(error) => {
            say(log, &error);
            return Ok(Exit::BadConfiguration);
        }
    };
    let admin = bound.serve(context.clone())?;
    heed(&admin, log, &readiness, &driver, settings.shutdown_timeout);
    admin.runtime().spawn(watch(Inside {
        handle: driver,
        readout,
        readiness: readiness.clone(),
        shutdown_timeout: settings.shutdown_timeout,
    }));
    #[cfg(feature = "planted")]
    admin.runtime().spawn(crate::planted::watch()?);
    tracing::info!(
        target: "sluicegate", event = "started", version = crate::admin::VERSION, admin = %admin.addr(),
        topics = ?settings.kafka.topics, group = settings.kafka.group_id, worker = %settings.worker.target,
        ingress = ingress.as_ref().map(|(ingress, _)| tracing::field::display(ingress.addr())),
    );

    let course = Course::default();
    let observer = Watched::new(observer, readiness.clone(), course.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    context.tasks.watch(runtime.handle());
    let ended = runtime.block_on(async {
        let running = work(settings, clock, observer, requests, ingress, &context);
        tokio::select! {
            ended = running => ended,
            () = overdue(&readiness, context.drain_timeout) => Ok(Exit::DrainTimedOut),
        }
    });
    readiness.advance(Phase::Stopped);
    let exit = match ended {
        Ok(Exit::Clean) => course.exit(),
        Ok(other) => other,
        Err(error) => {
            tracing::error!(target: "sluicegate", event = "fatal", error = %error, "cannot go on; a restart replays");
            Exit::Fatal
        }
    };
    tracing::info!(target: "sluicegate", event = "stopped", exit = exit.code());
    admin.stop();
    Ok(exit)
}

/// The data path, from connecting to having left.
async fn work(
    settings: Settings,
    clock: Clock,
    observer: impl Observer,
    requests: tokio::sync::mpsc::Receiver<handle::Request>,
    ingress: Option<(Ingress, HttpCallers)>,
    context: &Context,
) -> Result<Exit, Failure> {
    let source = KafkaSource::connect(&settings.kafka)?;
    let heartbeat = source.heartbeat();
    let letters = settings.kafka.dead_letter_topic.is_some().then(|| KafkaDeadLetters::connect(&settings.kafka));
    let letters = letters.transpose()?;
    let worker = HttpWorker::new(&settings.worker)?;
    let readiness = &context.readiness;
    tokio::select! {
        () = wait_for_worker(&settings, readiness)? => {}
        () = readiness.asked_to(Wish::Drain) => {
            readiness.advance(Phase::Stopped);
            readiness.asked_to(Wish::Shutdown).await;
            return Ok(Exit::Clean);
        }
    }
    source.join();
    context.poll.attach(move || heartbeat.age());
    readiness.advance(Phase::Joining);
    #[cfg(feature = "planted")]
    let (source, worker, letters) = crate::planted::plant(source, worker, letters)?;
    let driver = Driver::new(settings.engine, clock, source, worker, letters, observer, requests);
    let driver = with_memory(driver, settings.state_dir.as_deref(), &settings.worker)?;
    let Some((ingress, callers)) = ingress else {
        let mut driver = driver;
        driver.run().await?;
        linger(&mut driver, readiness, None).await;
        return Ok(Exit::Clean);
    };
    let mut driver = driver.with_callers(callers);
    ingress.open();
    let told = async {
        readiness.asked_to(Wish::Drain).await;
        ingress.drain();
        std::future::pending().await
    };
    tokio::select! {
        ended = driver.run() => ended?,
        () = told => {}
    }
    linger(&mut driver, readiness, Some(ingress)).await;
    Ok(Exit::Clean)
}

/// Begins with what an earlier run has kept, and keeps what is learnt in this one.
fn with_memory<S: Source, W: Worker, D: DeadLetterSink, O: Observer>(
    mut driver: Driver<S, W, D, O>,
    dir: Option<&Path>,
    worker: &WorkerSettings,
) -> Result<Driver<S, W, D, O>, Failure> {
    let Some(dir) = dir else { return Ok(driver) };
    let store = Store::new(dir, &worker.target.identity());
    let (mut keeping, writing) = keeping::channel(KEEP_EVERY);
    match store.load() {
        Ok(Some(learned)) => driver.remember(&learned, &mut keeping),
        Ok(None) => {}
        Err(refused) => {
            let detail = format!("{}: {refused}", store.path().display());
            driver.note(&SourceNote::NotRecalled { reason: refused.code(), detail });
        }
    }
    store::keeper::start(store, writing)?;
    driver.keep_with(keeping);
    Ok(driver)
}

/// Out of the group: everybody who still asks is answered, until the process is to end and no connection is left.
async fn linger<S: Source, W: Worker, D: DeadLetterSink, O: Observer, C: Callers>(
    driver: &mut Driver<S, W, D, O, C>,
    readiness: &Readiness,
    ingress: Option<Ingress>,
) {
    let last = async {
        if let Some(mut ingress) = ingress {
            ingress.close().await;
        }
        readiness.asked_to(Wish::Shutdown).await;
    };
    tokio::select! {
        () = last => {}
        () = driver.linger() => {}
    }
}

fn wait_for_worker(settings: &Settings, readiness: &Readiness) -> Result<impl Future<Output = ()> + use<>, Failure> {
    let probe = Probe::new(&settings.worker)?;
    let latch = readiness.latch("worker");
    Ok(async move {
        let late = |late: &crate::worker::probe::Late| {
            tracing::warn!(
                target: "sluicegate", event = "waiting_for_worker", step = late.step.name(),
                waited_ms = late.waited.as_millis() as u64, error = %late.error,
                "the group is joined once the worker answers",
            );
        };
        probe.wait(late).await;
        latch.release();
    })
}

/// Ends when a shutdown has taken longer than it may: a client that cannot leave is left.
async fn overdue(readiness: &Readiness, shutdown_timeout: Duration) {
    readiness.asked_to(Wish::Shutdown).await;
    tokio::time::sleep(shutdown_timeout + LEAVE_GRACE).await;
}

/// Signals are heeded on the admin thread, which is never busy with records.
fn heed(admin: &Admin, log: &Log, readiness: &Readiness, driver: &DriverHandle, shutdown_timeout: Duration) {
    let signals = heed_signals(readiness.clone(), driver.clone(), shutdown_timeout);
    let log = log.clone();
    admin.runtime().spawn(async move {
        match signals.await {
            Ok(exit) => {
                log.finish();
                std::process::exit(exit.code())
            }
            Err(error) => tracing::error!(target: "sluicegate", event = "signals_unheeded", error = %error),
        }
    });
}
