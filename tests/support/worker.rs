//! A real HTTP worker that keeps the books: which record it was sent how often, and which it answered with success.
//! It stands outside the sidecar and is a witness of what was delivered.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::StatusCode,
    response::IntoResponse,
    routing::post,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::watch;

use crate::{
    broken_body::Broken,
    judge::{Happening, History},
};

/// One entry of a request, as far as a worker looks at it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry<'a> {
    pub entry_id: String,
    pub partition: i32,
    pub offset: i64,
    pub deadline_ms: Option<i64>,
    pub attempt: u32,
    #[serde(borrow)]
    pub event: &'a RawValue,
}

impl Entry<'_> {
    /// The number in its value, where there is one.
    pub fn number(&self) -> Option<u64> {
        number(self.event.get())
    }
}

/// The number in a value of the tests' own, such as `{"n":7}` or `"0007"`.
pub fn number(value: &str) -> Option<u64> {
    value.trim_matches(|c: char| !c.is_ascii_digit()).parse().ok()
}

#[derive(Debug, Deserialize)]
struct Envelope<'a> {
    topic: String,
    #[serde(borrow)]
    entries: Vec<Entry<'a>>,
}

/// What to answer.
#[derive(Debug)]
pub enum Reply {
    /// 200 with an empty body.
    Done,
    /// The same once the gate is open.
    DoneAt(Gate),
    Status(u16),
    /// 200 with this body.
    Body(String),
    /// 200 with a body that goes wrong. Nothing is done.
    Broken(Broken),
    /// No answer, for as long as it is waited for. Nothing is done.
    Never,
}

/// What answers are held at until somebody opens it. All clones are one.
#[derive(Debug, Clone, Default)]
pub struct Gate(watch::Sender<bool>);

impl Gate {
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    async fn opened(&self) {
        // The sender is here, so it is open in the end or never.
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

type Delays = Box<dyn Fn(&[Entry]) -> Duration + Send>;
type Replies = Box<dyn Fn(&[Entry]) -> Reply + Send>;

/// How the worker behaves; replaceable while it runs.
pub struct Behaviour {
    pub delay_of: Delays,
    pub reply: Replies,
}

impl Behaviour {
    pub fn instant() -> Self {
        Self::after(Duration::ZERO)
    }

    pub fn after(delay: Duration) -> Self {
        Self::curve(delay, Duration::ZERO)
    }

    /// A fixed time for a batch, and more for each of its records.
    pub fn curve(delay: Duration, each: Duration) -> Self {
        let delay_of = move |entries: &[Entry]| delay + each * u32::try_from(entries.len()).unwrap_or(u32::MAX);
        Self { delay_of: Box::new(delay_of), reply: Box::new(|_| Reply::Done) }
    }

    pub fn replying(reply: impl Fn(&[Entry]) -> Reply + Send + 'static) -> Self {
        Self { reply: Box::new(reply), ..Self::instant() }
    }
}

impl Reply {
    /// 200 with a status for each entry: SUCCESS, RETRY or DROP.
    pub fn each(entries: &[Entry], mut status: impl FnMut(&Entry) -> &'static str) -> Self {
        let each = entries.iter().map(|e| format!(r#"{{"entryId":"{}","status":"{}"}}"#, e.entry_id, status(e)));
        Self::Body(format!(r#"{{"statuses":[{}]}}"#, each.collect::<Vec<_>>().join(",")))
    }
}

/// The books.
#[derive(Debug, Default)]
pub struct Books {
    /// Per (topic, partition): how often each offset was answered with success.
    pub succeeded: BTreeMap<(String, i32), BTreeMap<i64, u32>>,
    pub requests: u64,
    pub entries: u64,
    /// Largest batch seen.
    pub batch_max: usize,
    pub in_flight: usize,
    /// Most requests at one time.
    pub in_flight_max: usize,
    /// Entries that arrived with their deadline already passed, by this machine's clock.
    pub arrived_late: u64,
    pub last_success: Option<Instant>,
    /// Told of everything that happens to this topic.
    witness: Option<(String, History)>,
}

impl Books {
    /// Distinct records answered with success.
    pub fn distinct(&self) -> usize {
        self.succeeded.values().map(BTreeMap::len).sum()
    }

    fn watched(&self, topic: &str) -> Option<&History> {
        self.witness.as_ref().filter(|(watched, _)| watched == topic).map(|(_, history)| history)
    }

    /// Successes beyond the first of each record.
    pub fn duplicates(&self) -> u64 {
        self.succeeded.values().flat_map(BTreeMap::values).map(|times| u64::from(times - 1)).sum()
    }
}

struct Inner {
    books: Mutex<Books>,
    behaviour: Mutex<Behaviour>,
}

/// The running worker; it ends with the test process.
#[derive(Clone)]
pub struct LedgerWorker {
    inner: Arc<Inner>,
    pub addr: SocketAddr,
}

impl LedgerWorker {
    pub fn start(behaviour: Behaviour) -> Self {
        let inner = Arc::new(Inner { books: Mutex::default(), behaviour: Mutex::new(behaviour) });
        let addr = listen("127.0.0.1:0", Arc::clone(&inner));
        Self { inner, addr }
    }

    /// From now on writes into the history what happens to this topic.
    pub fn watch(&self, topic: &str, history: &History) {
        self.books().witness = Some((topic.to_owned(), history.clone()));
    }

    /// Takes requests at this address too, from now on.
    pub fn listen_at_too(&self, addr: SocketAddr) {
        listen(&addr.to_string(), Arc::clone(&self.inner));
    }

    pub fn url(&self) -> String {
        format!("http://{}/predict", self.addr)
    }

    pub fn behave(&self, behaviour: Behaviour) {
        *self.inner.behaviour.lock().unwrap() = behaviour;
    }

    /// The books, locked: look, and let go before the next look.
    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.inner.books.lock().unwrap()
    }
}

fn listen(addr: &str, state: Arc<Inner>) -> SocketAddr {
    let listener = std::net::TcpListener::bind(addr).unwrap();
    listener.set_nonblocking(true).unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let app = Router::new()
                .route("/predict", post(predict))
                .layer(axum::extract::DefaultBodyLimit::disable())
                .with_state(state);
            axum::serve(listener, app).await.unwrap();
        });
    });
    addr
}

/// In a task of its own: a worker finishes what it began, whether its caller is still there or not.
async fn predict(State(inner): State<Arc<Inner>>, body: Bytes) -> impl IntoResponse {
    tokio::spawn(work(inner, body)).await.unwrap()
}

async fn work(inner: Arc<Inner>, body: Bytes) -> (StatusCode, Body) {
    let envelope: Envelope = match serde_json::from_slice(&body) {
        Ok(envelope) => envelope,
        Err(error) => return (StatusCode::IM_A_TEAPOT, error.to_string().into()),
    };
    let (delay, reply) = {
        let behaviour = inner.behaviour.lock().unwrap();
        ((behaviour.delay_of)(&envelope.entries), (behaviour.reply)(&envelope.entries))
    };
    arrive(&mut inner.books.lock().unwrap(), &envelope);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    if let Reply::DoneAt(gate) = &reply {
        gate.opened().await;
    }
    if matches!(reply, Reply::Never) {
        inner.books.lock().unwrap().in_flight -= 1;
        std::future::pending::<()>().await;
    }
    let mut books = inner.books.lock().unwrap();
    books.in_flight -= 1;
    match reply {
        Reply::Done | Reply::DoneAt(_) => {
            succeed(&mut books, &envelope, |_| true);
            (StatusCode::OK, Body::empty())
        }
        Reply::Status(code) => (StatusCode::from_u16(code).unwrap(), Body::empty()),
        Reply::Body(body) => {
            succeed(&mut books, &envelope, |id| body.contains(&format!("\"{id}\",\"status\":\"SUCCESS\"")));
            (StatusCode::OK, body.into())
        }
        Reply::Broken(broken) => (StatusCode::OK, Body::new(broken)),
        Reply::Never => unreachable!("seen to above"),
    }
}

fn arrive(books: &mut Books, envelope: &Envelope) {
    let wall = sluicegate::runtime::clock::system_wall().0;
    books.requests += 1;
    books.entries += envelope.entries.len() as u64;
    books.batch_max = books.batch_max.max(envelope.entries.len());
    books.in_flight += 1;
    books.in_flight_max = books.in_flight_max.max(books.in_flight);
    books.arrived_late += envelope.entries.iter().filter(|e| e.deadline_ms.is_some_and(|d| d < wall)).count() as u64;
    let Some(history) = books.watched(&envelope.topic) else { return };
    let sent = |entry: &Entry| {
        let (place, number) = ((entry.partition, entry.offset), entry.number());
        Happening::Sent { request: books.requests, place, number, at_ms: wall }
    };
    history.all().extend(envelope.entries.iter().map(sent));
}

fn succeed(books: &mut Books, envelope: &Envelope, says: impl Fn(&str) -> bool) {
    books.last_success = Some(Instant::now());
    for entry in envelope.entries.iter().filter(|entry| says(&entry.entry_id)) {
        let partition = books.succeeded.entry((envelope.topic.clone(), entry.partition)).or_default();
        *partition.entry(entry.offset).or_default() += 1;
        if let Some(history) = books.watched(&envelope.topic) {
            history.add(Happening::Done { place: (entry.partition, entry.offset) });
        }
    }
}
