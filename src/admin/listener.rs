//! Connections with bounds: so many at once, and none that says nothing for long. Someone who only opens connections
//! must not take the file descriptors that the data path needs.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    extract::{ConnectInfo, Request, connect_info::Connected},
    middleware::Next,
    response::Response,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep},
};

/// Connections of one listener at a time; further ones wait to be accepted.
pub const CONNECTIONS_MAX: usize = 64;

pub struct Bounded {
    listener: TcpListener,
    places: Arc<Semaphore>,
    /// A connection on which nothing moves for this long, and nobody works on an answer, is closed.
    idle_max: Duration,
}

impl Bounded {
    pub fn new(listener: TcpListener, idle_max: Duration) -> Self {
        Self { listener, places: Arc::new(Semaphore::new(CONNECTIONS_MAX)), idle_max }
    }
}

impl Listener for Bounded {
    type Io = Visit;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Visit, SocketAddr) {
        // Nobody closes the semaphore, so there is always a place in the end.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, addr) = Listener::accept(&mut self.listener).await;
        let idle = Box::pin(tokio::time::sleep(self.idle_max));
        let asked = Arc::new(AtomicBool::new(false));
        (Visit { stream, asked, idle, idle_max: self.idle_max, _place: place }, addr)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One connection.
pub struct Visit {
    stream: TcpStream,
    /// A request has been read and its answer is being made: the visitor waits for us.
    asked: Arc<AtomicBool>,
    idle: Pin<Box<Sleep>>,
    idle_max: Duration,
    _place: Option<OwnedSemaphorePermit>,
}

impl Visit {
    /// Passes on what moved, and gives up what has not moved for too long.
    fn moved<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.idle.as_mut().reset(Instant::now() + self.idle_max);
            return poll;
        }
        loop {
            ready!(self.idle.as_mut().poll(cx));
            if !self.asked.load(Relaxed) {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.idle.as_mut().reset(Instant::now() + self.idle_max);
        }
    }
}

impl AsyncRead for Visit {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.moved(cx, poll)
    }
}

impl AsyncWrite for Visit {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.moved(cx, poll)
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
    pub(super) asked: Arc<AtomicBool>,
}

impl Connected<IncomingStream<'_, Bounded>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Self {
        Self { addr: *stream.remote_addr(), asked: Arc::clone(&stream.io().asked) }
    }
}

/// Around every route: while its answer is made the silence is ours, and is not held against the visitor.
pub async fn asked(ConnectInfo(peer): ConnectInfo<Peer>, request: Request, next: Next) -> Response {
    peer.asked.store(true, Relaxed);
    let response = next.run(request).await;
    peer.asked.store(false, Relaxed);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn bounded(idle_max: Duration) -> (Bounded, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        (Bounded::new(listener, idle_max), addr)
    }

    #[tokio::test]
    async fn only_so_many_are_let_in_until_one_leaves() {
        let (mut listener, addr) = bounded(Duration::from_secs(60)).await;
        let mut clients = Vec::new();
        let mut visits = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            clients.push(TcpStream::connect(addr).await.unwrap());
            visits.push(listener.accept().await);
        }
        clients.push(TcpStream::connect(addr).await.unwrap());
        let full = {
            let mut next = std::pin::pin!(listener.accept());
            std::future::poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx).is_pending())).await
        };
        assert!(full);
        visits.pop();
        listener.accept().await;
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_says_nothing_is_closed() {
        let (mut listener, addr) = bounded(Duration::from_secs(15)).await;
        let _client = TcpStream::connect(addr).await.unwrap();
        let (mut visit, _) = listener.accept().await;
        let start = Instant::now();
        let mut bytes = [0; 8];
        let mut buf = ReadBuf::new(&mut bytes);
        let read = std::future::poll_fn(|cx| Pin::new(&mut visit).poll_read(cx, &mut buf)).await;
        let error = read.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() >= Duration::from_secs(15));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_waits_for_its_answer_is_not() {
        let (mut listener, addr) = bounded(Duration::from_secs(15)).await;
        let _client = TcpStream::connect(addr).await.unwrap();
        let (mut visit, _) = listener.accept().await;
        let (start, asked) = (Instant::now(), Arc::clone(&visit.asked));
        asked.store(true, Relaxed);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(300)).await;
            asked.store(false, Relaxed);
        });
        let mut bytes = [0; 8];
        let mut buf = ReadBuf::new(&mut bytes);
        let read = std::future::poll_fn(|cx| Pin::new(&mut visit).poll_read(cx, &mut buf)).await;
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() >= Duration::from_secs(300));
    }
}
