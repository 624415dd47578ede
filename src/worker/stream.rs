//! A byte stream to the worker: TCP or a unix socket, with a count of what went through.
//!
//! The counts answer the two questions a lost connection leaves open: had anything of the request gone out, and had
//! anything of the answer come back? No proxy, no TLS, no redirect: the address is the one in the settings.

use std::{
    io::{self, IoSlice},
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
};

use super::settings::Target;

/// How soon a unix socket whose queue of connections is full is tried again.
const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(3);

/// Bytes over one connection so far. Shared with whoever holds the other end of the connection's state; the counts
/// order nothing else, hence relaxed.
#[derive(Debug, Default)]
pub struct Traffic {
    read: AtomicU64,
    written: AtomicU64,
}

impl Traffic {
    pub fn read(&self) -> u64 {
        self.read.load(Relaxed)
    }

    pub fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }
}

pub struct Stream {
    socket: Socket,
    traffic: Arc<Traffic>,
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    /// Connects. A name is looked up each time, so that a worker that moved is found again.
    ///
    /// # Errors
    /// What the system said: refused, no such name, no such socket.
    pub async fn connect(target: &Target) -> io::Result<Self> {
        let socket = match target {
            Target::Tcp { host, port, .. } => {
                let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
                let stream = TcpStream::connect((host, *port)).await?;
                // A request is written as head and body; with Nagle's algorithm the body would wait for the worker's
                // delayed acknowledgement of the head.
                stream.set_nodelay(true)?;
                Socket::Tcp(stream)
            }
            Target::Unix { socket, .. } => Socket::Unix(connect_unix(socket).await?),
        };
        Ok(Self { socket, traffic: Arc::default() })
    }

    pub fn traffic(&self) -> Arc<Traffic> {
        self.traffic.clone()
    }

    fn wrote(&self, result: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = result {
            self.traffic.written.fetch_add(*bytes as u64, Relaxed);
        }
    }
}

/// Where the worker has not yet accepted as many connections as its queue holds, the kernel lets TCP wait and refuses a
/// unix socket at once. Here both wait, for as long as the caller gives it.
async fn connect_unix(socket: &Path) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(socket).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => tokio::time::sleep(QUEUE_FULL_PAUSE).await,
            other => return other,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = match &mut self.socket {
            Socket::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Socket::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        };
        self.traffic.read.fetch_add((buf.filled().len() - before) as u64, Relaxed);
        result
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = match &mut self.socket {
            Socket::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Socket::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        };
        self.wrote(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = match &mut self.socket {
            Socket::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Socket::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        };
        self.wrote(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Socket::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Socket::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
