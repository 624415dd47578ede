//! The ingress thread: bound before anything is started, handing in from when the worker is ready, closed after the
//! drain.
//!
//! Closing in order is most of it. A drain goes on taking connections for a while and ends each with its next answer;
//! whoever is still there after that is idle. And no connection is closed with something unread on it, because that
//! resets it, and a reset can take an answer with it that was already sent.

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    net::{SocketAddr, TcpListener},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch},
    task::JoinSet,
    time::Instant,
};

use super::{
    answer::{self, Answer},
    desk::{self, Asked, Desk, HttpCallers},
    request::{Head, Refusal, read_head},
    settings::IngressSettings,
};
use crate::time::UnixMillis;

/// Bytes of a request's head at most.
const HEAD_BYTES_MAX: usize = 32 << 10;
const HEADERS_MAX: usize = 64;
/// A body takes at most as long as this to arrive.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);
/// Beyond a request's own time, for the driver to say so.
const ANSWER_GRACE: Duration = Duration::from_secs(5);
/// Connections that are closed get at most this long to finish what is under way.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(3);
/// After the last answer, what the other side still sends is read for at most this long.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES_MAX: usize = 8 << 20;
/// For a request to come on a connection that was opened right before the listener closed.
const LAST_HEAD: Duration = Duration::from_millis(500);
/// Bytes are counted in units of this where they are read.
const UNIT: u64 = 1024;

#[derive(Debug, thiserror::Error)]
#[error("cannot listen on INGRESS_ADDR={addr}: {error}; free the address or set INGRESS_ADDR to another one")]
pub struct BindError {
    addr: SocketAddr,
    error: io::Error,
}

/// The address is taken; nobody is served yet, and connections wait.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    settings: IngressSettings,
}

/// The running thread.
#[derive(Debug)]
pub struct Ingress {
    addr: SocketAddr,
    stage: watch::Sender<Stage>,
    drain_grace: Duration,
    ended: oneshot::Receiver<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nobody is asked yet: every answer is 503.
    Starting,
    Open,
    /// Every answer is its connection's last; since when.
    Draining(Instant),
    /// No connection is taken any more, and idle ones are closed.
    Closing,
}

type WallClock = Arc<dyn Fn() -> UnixMillis + Send + Sync>;

/// What every connection needs.
struct Shared {
    settings: IngressSettings,
    desk: Desk,
    wall: WallClock,
    /// Bytes that are being read, in units.
    reading: Arc<Semaphore>,
    stage: watch::Receiver<Stage>,
}

impl Bound {
    /// Takes the address, so that a wrong one is known before anything is started.
    ///
    /// # Errors
    /// When it cannot be had.
    pub fn new(settings: IngressSettings) -> Result<Self, BindError> {
        let addr = settings.addr;
        let listener = TcpListener::bind(addr).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        Ok(Self { listener: listener.map_err(|error| BindError { addr, error })?, settings })
    }

    /// Starts serving, on a thread of its own; what is asked comes out of the callers.
    ///
    /// # Errors
    /// When there is no thread or no runtime to be had.
    pub fn serve(self, wall: WallClock) -> io::Result<(Ingress, HttpCallers)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (addr, drain_grace) = (self.listener.local_addr()?, self.settings.drain_grace);
        let entered = runtime.enter();
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        drop(entered);
        // Microseconds: the next process starts later and counts slower than they pass.
        let first = u64::try_from(wall().0).unwrap_or(0).saturating_mul(1000);
        let (desk, callers) = desk::open(first);
        let (stage, staged) = watch::channel(Stage::Starting);
        let units = usize::try_from(self.settings.reading_bytes_max / UNIT).unwrap_or(usize::MAX);
        let reading = Arc::new(Semaphore::new(units.clamp(1, u32::MAX as usize)));
        let shared = Arc::new(Shared { settings: self.settings, desk, wall, reading, stage: staged });
        let (end, ended) = oneshot::channel();
        std::thread::Builder::new().name("ingress".to_owned()).spawn(move || {
            runtime.block_on(run(listener, shared));
            // Nobody may be waiting for it.
            let _ = end.send(());
        })?;
        Ok((Ingress { addr, stage, drain_grace, ended }, callers))
    }
}

impl Ingress {
    /// Where it listens, with the port that was given for port 0.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// From now on requests are handed in.
    pub fn open(&self) {
        self.stage.send_if_modified(|stage| {
            let first = *stage == Stage::Starting;
            if first {
                *stage = Stage::Open;
            }
            first
        });
    }

    /// From now on every answer is its connection's last.
    pub fn drain(&self) {
        self.stage.send_if_modified(|stage| {
            let first = matches!(stage, Stage::Starting | Stage::Open);
            if first {
                *stage = Stage::Draining(Instant::now());
            }
            first
        });
    }

    /// Ends the thread: once the grace of the drain is over, no connection is taken any more and idle ones are closed.
    /// Whoever answers has to go on answering until then.
    pub async fn close(&mut self) {
        self.drain();
        let grace = self.drain_grace;
        let since = if let Stage::Draining(since) = *self.stage.borrow() { since } else { Instant::now() };
        tokio::time::sleep_until(since + grace).await;
        // Without a thread there is nothing to close.
        let _ = self.stage.send(Stage::Closing);
        drop((&mut self.ended).await);
    }
}

async fn run(listener: tokio::net::TcpListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(shared.settings.connections_max.max(1)));
    let mut connections = JoinSet::new();
    let mut stage = shared.stage.clone();
    loop {
        tokio::select! {
            biased;
            // Whoever started this thread is gone: so is it.
            _ = stage.wait_for(|stage| *stage == Stage::Closing) => break,
            Some(_) = connections.join_next() => {}
            (stream, place) = accept(&listener, &places) => {
                connections.spawn(serve(stream, Arc::clone(&shared), shared.settings.keep_alive, Some(place)));
            }
        }
    }
    // Those whose connection the kernel has already made would be reset when the listener goes.
    while let Some(Ok((stream, _))) = now(listener.accept()).await {
        connections.spawn(serve(stream, Arc::clone(&shared), LAST_HEAD, None));
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(CLOSE_TIME_MAX, all).await;
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &tokio::net::TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // Nobody closes the semaphore, so there is always a place in the end.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            // Out of file descriptors, or a connection that broke before it was taken.
            Err(error) => {
                tracing::warn!(target: "sluicegate", event = "ingress_accept_failed", %error, "a connection was not taken");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// One connection to its end. `head_time` is how long it may be without a whole request head.
async fn serve(
    stream: TcpStream,
    shared: Arc<Shared>,
    head_time: Duration,
    _place: Option<Option<OwnedSemaphorePermit>>,
) {
    // Small answers are not to wait for an acknowledgement; where it cannot be had it is only slower.
    let _ = stream.set_nodelay(true);
    let is_last = head_time == LAST_HEAD;
    let mut stage = shared.stage.clone();
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        Box::pin(async move { Ok::<_, Infallible>(handle(&shared, request).await) })
            as Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_time)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(!is_last)
        .serve_connection(TokioIo::new(stream), service);
    let closing = async {
        let _ = stage.wait_for(|stage| *stage == Stage::Closing && !is_last).await;
    };
    tokio::select! {
        _ = poll_fn(|cx| connection.poll_without_shutdown(cx)) => {}
        () = closing => {
            Pin::new(&mut connection).graceful_shutdown();
            let _ = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
        }
    }
    linger(connection.into_parts().io.into_inner()).await;
}

/// Closes without a reset: says that nothing more comes, then reads what is still on its way.
async fn linger(mut stream: TcpStream) {
    let read = async {
        stream.shutdown().await?;
        let (mut bytes, mut left) = ([0; 8192], LINGER_BYTES_MAX);
        while left > 0 {
            match stream.read(&mut bytes).await? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
        }
        io::Result::Ok(())
    };
    // A connection that is broken, or one that does not stop, is closed as it is.
    let _ = tokio::time::timeout(LINGER, read).await;
}

async fn handle(shared: &Shared, request: Request<Incoming>) -> Answer {
    let starting = *shared.stage.borrow() == Stage::Starting;
    let answer = if starting { answer::starting() } else { ask(shared, request).await };
    if matches!(*shared.stage.borrow(), Stage::Starting | Stage::Open) { answer } else { answer::closing(answer) }
}

async fn ask(shared: &Shared, request: Request<Incoming>) -> Answer {
    let Shared { settings, desk, wall, .. } = shared;
    let (parts, body) = request.into_parts();
    let head = match read_head(settings, &parts.method, &parts.uri, &parts.headers, wall()) {
        Ok(head) => head,
        Err(refusal) => return refuse(desk, &refusal),
    };
    let Some(reading) = place_to_read(shared, &head).await else { return answer::crowded() };
    let body = match read_body(settings, body).await {
        Ok(body) => body,
        Err(refusal) => return refuse(desk, &refusal),
    };
    let asked = Asked { payload: head.payload(&body), deadline: head.deadline, wall: wall() };
    drop(body);
    match tokio::time::timeout(settings.timeout + ANSWER_GRACE, desk.ask(asked, reading)).await {
        Ok(Some(outcome)) => answer::of(outcome),
        Ok(None) => answer::draining(),
        Err(_) => answer::silent(),
    }
}

fn refuse(desk: &Desk, refusal: &Refusal) -> Answer {
    desk.refused(refusal.status());
    answer::refused(refusal)
}

/// A share of the bytes that may be read at once: what the head says, or the most there may be.
async fn place_to_read(shared: &Shared, head: &Head) -> Option<OwnedSemaphorePermit> {
    let bytes = head.body_bytes.unwrap_or(shared.settings.body_bytes_max);
    let most = u32::try_from(shared.settings.reading_bytes_max / UNIT).unwrap_or(u32::MAX).max(1);
    let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, most);
    let place = Arc::clone(&shared.reading).acquire_many_owned(units);
    tokio::time::timeout(BODY_TIME_MAX, place).await.ok()?.ok()
}

async fn read_body(settings: &IngressSettings, body: Incoming) -> Result<Bytes, Refusal> {
    let most = usize::try_from(settings.body_bytes_max).unwrap_or(usize::MAX);
    let read = tokio::time::timeout(BODY_TIME_MAX, Limited::new(body, most).collect()).await;
    match read.map_err(|_| Refusal::BodyTooSlow)? {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Refusal::BodyTooLarge(settings.body_bytes_max)),
        Err(_) => Err(Refusal::BodyBroken),
    }
}

/// What is there without waiting.
async fn now<F: Future>(future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    poll_fn(|cx| {
        let output = match future.as_mut().poll(cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        };
        std::task::Poll::Ready(output)
    })
    .await
}
