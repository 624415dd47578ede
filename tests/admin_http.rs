//! The admin thread over real sockets, beside an engine on a thread of its own that can be made to hang.

mod watched;

use std::{
    any::Any,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use serde_json::{Value, json};
use sluicegate::{
    admin::{
        Admin, AdminSettings, Bound, Context, PollPulse, Silence,
        readiness::{Latch, Phase, Readiness, Wish},
    },
    control::settings::Adaptive,
    engine::{
        event::{Answer, CommitOutcome, Event, Progress, Told},
        settings::EngineSettings,
    },
    lifecycle::{Course, Watched},
    record::PartitionId,
    runtime::handle::{self, Request},
    telemetry::{
        self, Telemetry, log,
        settings::{LogFormat, LogLevel, LogSettings},
    },
};
use watched::{Page, Run, record};

type Engine = Run<Watched<Telemetry>>;

/// An admin thread, an engine, and the thread that lets the engine answer.
struct Stage {
    admin: Admin,
    engine: Arc<Mutex<Engine>>,
    readiness: Readiness,
    worker: Option<Latch>,
    poll: PollPulse,
    _log: Box<dyn Any + Send + Sync>,
}

struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}

impl Stage {
    fn new() -> Self {
        Self::with_limit(Duration::from_secs(30))
    }

    fn with_limit(poll_limit: Duration) -> Self {
        Self::with(watched::settings(), poll_limit)
    }

    fn with(settings: EngineSettings, poll_limit: Duration) -> Self {
        let any = "127.0.0.1:0".parse().unwrap();
        let bound = Bound::new(&AdminSettings { addr: any, probe_addr: Some(any) }).unwrap();
        let (telemetry, readout) = telemetry::start(Some(40)).unwrap();
        let (readiness, poll) = (Readiness::default(), PollPulse::default());
        let worker = Some(readiness.latch("worker"));
        let engine = Run::with(settings, Watched::new(telemetry, readiness.clone(), Course::default()));
        let engine = Arc::new(Mutex::new(engine));
        let (driver, inbox) = handle::channel();
        std::thread::spawn({
            let engine = Arc::clone(&engine);
            move || serve(inbox, &engine)
        });
        let settings = LogSettings { format: LogFormat::Json, level: LogLevel::Info };
        let (subscriber, log_level) = log::subscriber(&settings, std::io::sink);
        let admin = bound.serve(Context {
            readiness: readiness.clone(),
            driver,
            readout,
            log_level,
            poll: poll.clone(),
            now: Arc::new(Default::default),
            poll_limit,
            drain_timeout: Duration::from_secs(5),
            silence: Silence::default(),
        });
        Self { admin: admin.unwrap(), engine, readiness, worker, poll, _log: Box::new(subscriber) }
    }

    /// The worker is there, the group has answered with two partitions.
    fn running() -> Self {
        Self::running_with(watched::settings())
    }

    fn running_with(settings: EngineSettings) -> Self {
        let mut stage = Self::with(settings, Duration::from_secs(30));
        stage.run();
        stage
    }

    fn run(&mut self) {
        self.worker.take().unwrap().release();
        self.readiness.advance(Phase::Joining);
        self.engine().assign(0..2);
    }

    /// While this is held the engine answers nobody.
    fn engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap()
    }

    fn get(&self, path: &str) -> Reply {
        request(self.admin.addr(), "GET", path, &[("host", "127.0.0.1")], "")
    }

    fn post(&self, path: &str, body: &str) -> Reply {
        request(self.admin.addr(), "POST", path, &[("host", "localhost:9464")], body)
    }
}

/// What the driver does with requests.
fn serve(mut inbox: tokio::sync::mpsc::Receiver<Request>, engine: &Mutex<Engine>) {
    while let Some(asked) = inbox.blocking_recv() {
        let mut run = engine.lock().unwrap();
        match asked {
            Request::Snapshot(answer) => drop(answer.send(run.engine.snapshot(run.now))),
            Request::Drain { timeout } => {
                let deadline = run.now.mono + timeout;
                run.step(Event::Drain { deadline });
            }
        }
    }
}

fn request(addr: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("chunked"), "{head}");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

#[test]
fn before_anything_runs_it_is_alive_and_says_what_it_waits_for() {
    let mut stage = Stage::new();
    assert_eq!(stage.get("/livez").status, 200);
    let ready = stage.get("/readyz");
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json(), json!({"ready": false, "reasons": ["starting", "waiting_for_worker"]}));
    assert_eq!(stage.get("/healthz").json()["status"], "not_ready");
    let page = Page::read(&stage.get("/metrics").body);
    assert_eq!(page.get("sluicegate_queue_records"), Some(0.0));
    assert_eq!(page.get(r#"sluicegate_phase_state{phase="starting"}"#), Some(1.0));
    assert_eq!(stage.get("/state").json()["phase"], "starting");

    stage.worker.take().unwrap().release();
    stage.readiness.advance(Phase::Joining);
    assert_eq!(stage.get("/readyz").json()["reasons"], json!(["joining"]));
    stage.engine().assign(0..0);
    assert_eq!(stage.get("/readyz").status, 200, "a member without partitions has joined");
}

#[test]
fn a_running_gate_is_ready_and_shows_its_state() {
    let stage = Stage::running();
    {
        let mut engine = stage.engine();
        engine.poll((0..40).map(|offset| record(0, offset)));
        engine.answer(Answer::Done, Duration::from_millis(3));
        let partition = PartitionId(0);
        engine.step(Event::Progress(vec![Progress {
            partition,
            position: Some(40),
            end: Some(100),
            leader_answers: true,
        }]));
        engine.answer_commit(CommitOutcome::Applied);
    }
    assert_eq!(stage.get("/readyz").status, 200);
    assert_eq!(stage.get("/healthz").json()["status"], "ok");
    let state = stage.get("/state").json();
    assert_eq!((&state["phase"], &state["ready"], &state["reasons"]), (&json!("running"), &json!(true), &json!([])));
    assert_eq!(state["queue"]["records"], 28);
    assert_eq!(state["queue"]["records_peak"], 40);
    assert_eq!(state["queue"]["high_watermark"]["records"], 32.0);
    assert_eq!(state["queue"]["low_watermark"]["pct"], 50.0);
    assert_eq!(state["in_flight"]["records"], 8);
    assert_eq!(state["gate"]["stage"], "soft");
    assert_eq!(state["backlog_records"], 96);
    assert_eq!(state["knobs"]["concurrency"], 2);
    assert!(state["starvation"]["worker_ms"].is_u64() && state["starvation"]["source_ms"].is_u64());
    let partition = &state["partitions"][0];
    let expected = json!({"topic": "orders", "partition": 0, "position": 40, "committed": 4, "end": 100, "lag": 96,
        "gate": "soft", "why": ["queue_full"]});
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&partition[field], value, "{field}");
    }
    let page = Page::read(&stage.get("/metrics").body);
    assert_eq!(page.get("sluicegate_queue_records"), Some(28.0));
    assert_eq!(page.get(r#"sluicegate_gate_state{stage="soft"}"#), Some(1.0));
}

#[test]
fn trouble_shows_in_readyz_and_among_the_last_errors_but_not_in_livez() {
    let stage = Stage::running();
    {
        let mut engine = stage.engine();
        engine.poll((0..4).map(|offset| record(0, offset)));
        engine.answer(Answer::Misconfigured, Duration::from_millis(3));
    }
    assert_eq!(stage.get("/readyz").json()["reasons"], json!(["worker_misconfigured"]));
    assert_eq!(stage.get("/healthz").status, 503);
    assert_eq!(stage.get("/livez").status, 200);
    let errors = stage.get("/state").json()["last_errors"].clone();
    assert_eq!((&errors[0]["event"], &errors[0]["times"]), (&json!("worker_held"), &json!(1)));
    assert_eq!(errors[0]["at_ms"], 1_700_000_000_000_i64);
}

#[test]
fn an_engine_that_hangs_is_not_ready_at_once_and_dead_after_the_limit() {
    let mut stage = Stage::with_limit(Duration::from_millis(900));
    stage.run();
    assert_eq!(stage.get("/readyz").status, 200);
    let hang = stage.engine();
    assert_eq!(stage.get("/livez").status, 200, "one missed answer (half a second) is no hang");
    assert_eq!(stage.get("/livez").json(), json!({"alive": false, "reasons": ["engine_silent"]}));
    assert_eq!(stage.get("/readyz").json()["reasons"], json!(["engine_silent"]));
    let page = Page::read(&stage.get("/metrics").body);
    assert_eq!(page.count("sluicegate_queue_records"), 0);
    assert_eq!(page.get(r#"sluicegate_rebalances_total{kind="assigned"}"#), Some(1.0));
    drop(hang);
    assert_eq!(stage.get("/livez").status, 200, "it answers again");
}

#[test]
fn a_poll_loop_that_hangs_is_dead() {
    let stage = Stage::running();
    let age = Arc::new(AtomicU64::new(30_000));
    let read = Arc::clone(&age);
    stage.poll.attach(move || Duration::from_millis(read.load(Relaxed)));
    assert_eq!(stage.get("/livez").status, 200);
    assert_eq!(stage.get("/state").json()["poll_age_ms"], 30_000);
    age.store(30_001, Relaxed);
    assert_eq!(stage.get("/livez").json()["reasons"], json!(["poll_loop_hangs"]));
    assert_eq!(stage.get("/livez").status, 503);
    assert_eq!(stage.get("/healthz").json()["status"], "dead");
}

#[test]
fn the_log_level_is_set_by_post_and_only_to_a_level() {
    let stage = Stage::new();
    assert_eq!(stage.post("/log-level", "debug\n").json(), json!({"level": "debug", "was": "info"}));
    assert_eq!(stage.get("/state").json()["log_level"], "debug");
    let refused = stage.post("/log-level", "loud");
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["levels"], json!(["error", "warn", "info", "debug", "trace"]));
    assert_eq!(stage.post("/log-level", &"x".repeat(10_000)).status, 413);
    assert_eq!(stage.get("/state").json()["log_level"], "debug");
}

#[test]
fn what_changes_something_is_no_get_and_not_for_strangers() {
    let stage = Stage::running();
    for path in ["/drain", "/log-level"] {
        let got = stage.get(path);
        assert_eq!(got.status, 405);
        assert!(got.head.contains("allow: post"), "{}", got.head);
        let strangers: [&[(&str, &str)]; 7] = [
            &[],
            &[("host", "evil.example")],
            &[("host", "localhost.evil.example")],
            &[("host", "localhost"), ("host", "evil.example")],
            &[("host", "localhost"), ("origin", "https://evil.example")],
            &[("host", "localhost"), ("origin", "null")],
            &[("host", "localhost"), ("origin", "file://localhost")],
        ];
        for headers in strangers {
            let refused = request(stage.admin.addr(), "POST", path, headers, "debug");
            assert_eq!(refused.status, 403, "{path} {headers:?}");
        }
    }
    assert_eq!(stage.readiness.wished(), Wish::None);
    let own = [("host", "127.0.0.1:9464"), ("origin", "http://localhost:3000")];
    assert_eq!(request(stage.admin.addr(), "POST", "/log-level", &own, "warn").status, 200);
}

#[test]
fn a_drain_leaves_the_group_once_and_the_process_stays_up() {
    let stage = Stage::running();
    {
        let mut engine = stage.engine();
        engine.poll((0..4).map(|offset| record(0, offset)));
    }
    let asked = stage.post("/drain", "");
    assert_eq!((asked.status, &asked.json()["phase"]), (202, &json!("draining")));
    assert_eq!(stage.get("/readyz").json()["reasons"], json!(["draining"]));
    assert_eq!(stage.post("/drain?wait=1ms", "").status, 202, "a batch is still out");
    assert_eq!(stage.post("/drain?wait=soon", "").status, 400);

    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| stage.post("/drain?wait=30s", ""));
        {
            let mut engine = stage.engine();
            engine.answer_all(Duration::from_millis(1));
            engine.answer_commit(CommitOutcome::Applied);
            engine.step(Event::Left);
        }
        let done = waiting.join().unwrap();
        assert_eq!((done.status, &done.json()["phase"]), (200, &json!("stopped")));
    });
    assert_eq!(stage.get("/livez").status, 200);
    assert_eq!(stage.get("/readyz").status, 503);
    assert_eq!(stage.readiness.wished(), Wish::Drain);
    let page = Page::read(&stage.get("/metrics").body);
    assert_eq!(page.get("sluicegate_completed_records_total"), Some(4.0));
    assert_eq!(page.get("sluicegate_queue_records_max"), Some(4.0), "the engine still answers");
}

#[test]
fn a_drain_before_the_engine_runs_is_noted_for_whoever_starts_it() {
    let stage = Stage::new();
    assert_eq!(stage.post("/drain", "").status, 202);
    assert_eq!(stage.get("/readyz").json()["reasons"], json!(["draining", "waiting_for_worker"]));
    assert_eq!(stage.get("/livez").status, 200);
    assert_eq!(stage.readiness.wished(), Wish::Drain);
}

#[test]
fn the_probe_listener_shows_probes_and_metrics_and_nothing_else() {
    let stage = Stage::running();
    let probe = stage.admin.probe_addr().unwrap();
    let get = |method, path| request(probe, method, path, &[("host", "pod-7.example")], "");
    for path in ["/livez", "/readyz", "/healthz", "/metrics"] {
        assert_eq!(get("GET", path).status, 200, "{path}");
        assert_eq!(get("POST", path).status, 405, "{path}");
    }
    for path in ["/", "/state", "/drain", "/log-level"] {
        assert_eq!((get("GET", path).status, get("POST", path).status), (404, 404), "{path}");
    }
    assert_eq!(stage.get("/nothing").status, 404);
}

#[test]
fn the_page_for_people_runs_no_script_and_shows_text_as_text() {
    let stage = Stage::running();
    {
        let mut engine = stage.engine();
        engine.poll((0..4).map(|offset| record(0, offset)));
        let mut batch = engine.out.remove(0);
        batch.records.truncate(4);
        engine.step(Event::Settled(sluicegate::engine::event::Settled {
            batch,
            answer: Answer::Away,
            took: Duration::ZERO,
            status: None,
            detail: Some("<script>alert(1)</script>".into()),
            told: Told::default(),
            said: Vec::new(),
        }));
    }
    let page = stage.get("/");
    assert_eq!(page.status, 200);
    assert!(page.head.contains("content-security-policy: default-src 'none'"), "{}", page.head);
    assert!(page.head.contains("cache-control: no-store"), "{}", page.head);
    assert!(page.body.contains("orders-0") && page.body.contains("worker_away"), "{}", page.body);
    assert!(page.body.contains("ADAPTIVE=off") && page.body.contains("pause_threshold_pct"), "{}", page.body);
    assert!(page.body.contains("&lt;script&gt;") && !page.body.contains("<script"), "{}", page.body);
}

#[test]
fn what_control_has_decided_is_in_the_state_and_on_the_page_with_its_reasons() {
    let stage = Stage::running_with(watched::tuned(Adaptive::Shadow));
    {
        let mut engine = stage.engine();
        for round in 0..10 {
            engine.poll((0..8).map(|offset| record(0, 8 * round + offset)));
            engine.pass(Duration::from_millis(25));
            engine.answer_all(Duration::from_millis(25));
        }
    }
    let control = stage.get("/state").json()["control"].clone();
    assert_eq!((&control["adaptive"], &control["ttl_mode"]), (&json!("shadow"), &json!("expired")));
    assert!(control["decisions_made"].as_u64().unwrap() >= 1, "{control}");
    let first = control["decisions"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&first["knob"], &first["reason"]), (&json!("batch_size"), &json!("slow_start")), "{control}");
    assert!(control["wanted"]["batch_records_max"].as_u64().unwrap() > 1, "{control}");
    assert_eq!(stage.get("/state").json()["knobs"]["batch_records_max"], 4, "nothing is applied");
    assert!(control["routes"][0]["batch_fixed_ms"].as_f64().unwrap() > 0.0, "{control}");
    let page = stage.get("/").body;
    assert!(page.contains("ADAPTIVE=shadow") && page.contains("slow_start"), "{page}");
}

#[test]
fn an_address_that_is_taken_is_known_before_anything_starts() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let any = "127.0.0.1:0".parse().unwrap();
    let addr = taken.local_addr().unwrap();
    let error = Bound::new(&AdminSettings { addr: any, probe_addr: Some(addr) }).unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot listen on PROBE_ADDR={addr}: ")), "{error}");
    let error = Bound::new(&AdminSettings { addr, probe_addr: None }).unwrap_err();
    assert!(error.to_string().starts_with("cannot listen on ADMIN_ADDR="), "{error}");
}

#[test]
fn many_at_once_all_get_an_answer() {
    let stage = Stage::running();
    std::thread::scope(|scope| {
        let paths = ["/metrics", "/state"].into_iter().cycle().take(40);
        let stage = &stage;
        let replies: Vec<_> = paths.map(|path| scope.spawn(move || stage.get(path).status)).collect();
        assert!(replies.into_iter().all(|reply| reply.join().unwrap() == 200));
    });
}

#[test]
fn visitors_that_say_nothing_make_room_within_a_quarter_of_a_minute_and_one_that_waits_for_a_drain_stays() {
    let stage = Stage::running();
    stage.engine().poll((0..4).map(|offset| record(0, offset)));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| stage.post("/drain?wait=1m", ""));
        while stage.readiness.wished() != Wish::Drain {
            std::thread::yield_now();
        }
        let addr = stage.admin.addr();
        let silent: Vec<_> = (0..80).map(|_| TcpStream::connect(addr).unwrap()).collect();
        let came = std::time::Instant::now();
        assert_eq!(stage.get("/livez").status, 200);
        assert!(came.elapsed() > Duration::from_secs(10), "there was room: nothing is shown");
        assert!(came.elapsed() < Duration::from_secs(25), "after {:?}", came.elapsed());
        assert!(!waiting.is_finished());
        let mut engine = stage.engine();
        engine.answer_all(Duration::from_millis(1));
        engine.answer_commit(CommitOutcome::Applied);
        engine.step(Event::Left);
        drop(engine);
        assert_eq!(waiting.join().unwrap().status, 200);
        drop(silent);
    });
}

#[test]
fn it_ends_when_it_is_told_to_and_frees_its_address() {
    let stage = Stage::running();
    let addr = stage.admin.addr();
    // An idle connection must not hold it up.
    let idle = TcpStream::connect(addr).unwrap();
    stage.admin.stop();
    drop(idle);
    assert!(TcpStream::connect(addr).is_err());
}
