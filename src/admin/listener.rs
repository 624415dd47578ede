//! Connections with bounds: so many at once, none that takes long to ask, and none that keeps others out. Someone who only
//! opens connections must not take the file descriptors that the data path needs, nor the place of whoever asks whether
//! this process lives.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker},
    time::Duration,
};

use axum::{
    body::{Body, to_bytes},
    extract::{ConnectInfo, Request, connect_info::Connected},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep},
};

/// Connections of one listener at a time; for a further one, the one that has been asking for longest has to leave.
pub const CONNECTIONS_MAX: usize = 64;

/// No body here is longer than a word.
const BODY_MAX: usize = 256;

pub struct Bounded {
    listener: TcpListener,
    places: Arc<Semaphore>,
    turns: Vec<Weak<Turn>>,
    /// An answer has been made, so that its visitor may be the one to leave.
    answered: Arc<Notify>,
    /// The time for a whole request, from when the connection was taken or the last answer was made.
    asking_max: Duration,
}

impl Bounded {
    pub fn new(listener: TcpListener, asking_max: Duration) -> Self {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        Self { listener, places, turns: Vec::new(), answered: Arc::default(), asking_max }
    }

    /// A place, made free if there is none.
    async fn place(&mut self) -> Option<OwnedSemaphorePermit> {
        self.turns.retain(|turn| turn.strong_count() > 0);
        loop {
            let free = Arc::clone(&self.places).acquire_owned();
            if self.places.available_permits() == 0 {
                let turns = self.turns.iter().filter_map(Weak::upgrade);
                let longest =
                    turns.filter_map(|turn| Some((turn.asking_since()?, turn))).min_by_key(|(since, _)| *since);
                if let Some((_, turn)) = longest {
                    turn.leave();
                }
            }
            tokio::select! {
                // Nobody closes the semaphore, so there is always a place in the end.
                place = free => return place.ok(),
                () = self.answered.notified() => {}
            }
        }
    }
}

impl Listener for Bounded {
    type Io = Visit;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Visit, SocketAddr) {
        let (stream, addr) = Listener::accept(&mut self.listener).await;
        let place = self.place().await;
        let turn = Arc::new(Turn::new(Arc::clone(&self.answered)));
        self.turns.push(Arc::downgrade(&turn));
        let late = Box::pin(tokio::time::sleep(self.asking_max));
        (Visit { stream, turn, late, asking_max: self.asking_max, _place: place }, addr)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Whose turn it is on a connection: the visitor's to ask, or ours to answer.
#[derive(Debug)]
pub(super) struct Turn {
    state: Mutex<State>,
    answered: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    /// Since when the visitor may ask; `None` while it waits for us.
    asking_since: Option<Instant>,
    has_to_leave: bool,
    waker: Option<Waker>,
}

impl Turn {
    fn new(answered: Arc<Notify>) -> Self {
        let state = State { asking_since: Some(Instant::now()), has_to_leave: false, waker: None };
        Self { state: Mutex::new(state), answered }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds it can stop half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asking_since(&self) -> Option<Instant> {
        self.state().asking_since
    }

    fn asked(&self) {
        self.state().asking_since = None;
    }

    fn answered(&self) {
        self.state().asking_since = Some(Instant::now());
        self.answered.notify_one();
    }

    fn leave(&self) {
        let mut state = self.state();
        state.has_to_leave = true;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }
}

/// One connection.
pub struct Visit {
    stream: TcpStream,
    turn: Arc<Turn>,
    late: Pin<Box<Sleep>>,
    asking_max: Duration,
    _place: Option<OwnedSemaphorePermit>,
}

impl Visit {
    /// Whether the visitor has taken too long, or has to leave for somebody else. What it sends and what it reads makes
    /// no difference: only an answer gives it new time, or a byte now and then would do.
    fn has_to_leave(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            let since = {
                let mut state = self.turn.state();
                if state.has_to_leave {
                    return true;
                }
                state.waker = Some(cx.waker().clone());
                state.asking_since
            };
            // While we answer it is only looked at again.
            let until = since.unwrap_or_else(Instant::now) + self.asking_max;
            if self.late.deadline() != until && (since.is_some() || self.late.is_elapsed()) {
                self.late.as_mut().reset(until);
            }
            if self.late.as_mut().poll(cx).is_pending() {
                return false;
            }
            if since.is_some() {
                return true;
            }
        }
    }
}

impl AsyncRead for Visit {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.has_to_leave(cx) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Visit {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.has_to_leave(cx) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Peer {
    pub addr: SocketAddr,
    turn: Arc<Turn>,
}

impl Connected<IncomingStream<'_, Bounded>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Self {
        Self { addr: *stream.remote_addr(), turn: Arc::clone(&stream.io().turn) }
    }
}

/// Around every route: once a request is there, body and all, the time is ours and not held against the visitor.
pub async fn asked(ConnectInfo(peer): ConnectInfo<Peer>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_MAX).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    peer.turn.asked();
    let response = next.run(Request::from_parts(head, Body::from(body))).await;
    peer.turn.answered();
    response
}

#[cfg(test)]
mod tests;
