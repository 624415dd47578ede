//! A real HTTP worker that keeps the books: which record it was sent how often, and which it answered with success.
//! It stands outside the sidecar and is the judge of what was delivered.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, response::IntoResponse, routing::post};
use serde::Deserialize;
use serde_json::value::RawValue;

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

#[derive(Debug, Deserialize)]
struct Envelope<'a> {
    topic: String,
    #[serde(borrow)]
    entries: Vec<Entry<'a>>,
}

/// What to answer.
#[derive(Debug, Clone)]
pub enum Reply {
    /// 200 with an empty body.
    Done,
    Status(u16),
    /// 200 with this body.
    Body(String),
}

type Replies = Box<dyn Fn(&[Entry]) -> Reply + Send>;

/// How the worker behaves; replaceable while it runs.
pub struct Behaviour {
    pub delay: Duration,
    /// Added to the delay for each record of a batch.
    pub each: Duration,
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
        Self { delay, each, reply: Box::new(|_| Reply::Done) }
    }

    pub fn replying(reply: impl Fn(&[Entry]) -> Reply + Send + 'static) -> Self {
        Self { reply: Box::new(reply), ..Self::instant() }
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
}

impl Books {
    /// Distinct records answered with success.
    pub fn distinct(&self) -> usize {
        self.succeeded.values().map(BTreeMap::len).sum()
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

async fn work(inner: Arc<Inner>, body: Bytes) -> (StatusCode, String) {
    let envelope: Envelope = match serde_json::from_slice(&body) {
        Ok(envelope) => envelope,
        Err(error) => return (StatusCode::IM_A_TEAPOT, error.to_string()),
    };
    let (delay, reply) = {
        let behaviour = inner.behaviour.lock().unwrap();
        let each = behaviour.each * u32::try_from(envelope.entries.len()).unwrap();
        (behaviour.delay + each, (behaviour.reply)(&envelope.entries))
    };
    arrive(&mut inner.books.lock().unwrap(), &envelope);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let mut books = inner.books.lock().unwrap();
    books.in_flight -= 1;
    match reply {
        Reply::Done => {
            succeed(&mut books, &envelope, |_| true);
            (StatusCode::OK, String::new())
        }
        Reply::Status(code) => (StatusCode::from_u16(code).unwrap(), String::new()),
        Reply::Body(body) => {
            succeed(&mut books, &envelope, |id| body.contains(&format!("\"{id}\",\"status\":\"SUCCESS\"")));
            (StatusCode::OK, body)
        }
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
}

fn succeed(books: &mut Books, envelope: &Envelope, says: impl Fn(&str) -> bool) {
    books.last_success = Some(Instant::now());
    for entry in envelope.entries.iter().filter(|entry| says(&entry.entry_id)) {
        let partition = books.succeeded.entry((envelope.topic.clone(), entry.partition)).or_default();
        *partition.entry(entry.offset).or_default() += 1;
    }
}
