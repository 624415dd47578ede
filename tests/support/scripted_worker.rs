//! A worker that does what a test tells it, byte by byte, over real sockets.
//!
//! It reads requests itself instead of using an HTTP library, so that it can break the rules where a test wants them
//! broken, and so that what it saw is what was on the wire.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, UnixListener},
    sync::Notify,
    task::JoinHandle,
};

/// One request as it came over the wire.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Numbered in the order they were accepted.
    pub connection: usize,
    /// Place among the requests of its connection, from zero.
    pub nth: usize,
    /// Request line and headers.
    pub head: String,
    pub body: Vec<u8>,
}

impl Seen {
    /// The values of one header, by lower-case name.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let pairs = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        pairs.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What to do about a request.
#[derive(Debug, Clone)]
pub enum Act {
    /// Write this and wait for the next request.
    Reply(Vec<u8>),
    /// Write this and close.
    ReplyAndClose(Vec<u8>),
    /// Close without a byte.
    Close,
    /// Reset the connection without a byte.
    Reset,
    /// Say nothing and keep the connection.
    Hang,
    /// Write this, then one byte each time the interval passes, for ever.
    Drip(Vec<u8>, Duration),
    /// Write this, then the second over and over, for ever.
    Flood(Vec<u8>, Vec<u8>),
}

/// A whole answer with a length.
pub fn answer(status: u16, headers: &str, body: &str) -> Act {
    let head = format!("HTTP/1.1 {status} Any\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len());
    Act::Reply(head.into_bytes())
}

pub fn ok() -> Act {
    answer(200, "", "")
}

type Script = Arc<dyn Fn(&Seen) -> Act + Send + Sync>;

#[derive(Default)]
struct Log {
    seen: Mutex<Vec<Seen>>,
    accepted: AtomicUsize,
    ended: AtomicUsize,
    written: AtomicUsize,
    changed: Notify,
}

pub struct ScriptedWorker {
    /// Zero for a unix socket.
    pub port: u16,
    log: Arc<Log>,
    accepting: JoinHandle<()>,
}

impl ScriptedWorker {
    pub async fn start(script: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        Self::start_closing_idle(None, script).await
    }

    /// Closes a connection that has been idle for `idle_max`, as real workers do.
    pub async fn start_closing_idle(
        idle_max: Option<Duration>,
        script: impl Fn(&Seen) -> Act + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (log, script): (Arc<Log>, Script) = (Arc::default(), Arc::new(script));
        let shared = log.clone();
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let (log, script) = (shared.clone(), script.clone());
                tokio::spawn(async move {
                    let stream = serve(stream, &log, script, idle_max).await;
                    if let Some(stream) = stream {
                        // Lingering for zero seconds turns the close into a reset.
                        stream.set_zero_linger().unwrap();
                    }
                    log.end();
                });
            }
        });
        Self { port, log, accepting }
    }

    pub async fn start_unix(path: &Path, script: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let (log, script): (Arc<Log>, Script) = (Arc::default(), Arc::new(script));
        let shared = log.clone();
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (log, script) = (shared.clone(), script.clone());
                tokio::spawn(async move {
                    serve(stream, &log, script, None).await;
                    log.end();
                });
            }
        });
        Self { port: 0, log, accepting }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.log.seen.lock().unwrap().clone()
    }

    pub fn requests(&self) -> usize {
        self.log.seen.lock().unwrap().len()
    }

    pub fn connections(&self) -> usize {
        self.log.accepted.load(SeqCst)
    }

    /// Bytes of answers that went out.
    pub fn written(&self) -> usize {
        self.log.written.load(SeqCst)
    }

    /// Waits until this many connections have been accepted.
    pub async fn accepted(&self, count: usize) {
        self.log.until(|log| log.accepted.load(SeqCst) >= count).await;
    }

    /// Waits until this many connections have ended.
    pub async fn ended(&self, count: usize) {
        self.log.until(|log| log.ended.load(SeqCst) >= count).await;
    }

    /// Takes no further connections: they are refused.
    pub async fn stop_listening(&mut self) {
        self.accepting.abort();
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for ScriptedWorker {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Log {
    fn end(&self) {
        self.ended.fetch_add(1, SeqCst);
        self.changed.notify_waiters();
    }

    async fn until(&self, done: impl Fn(&Self) -> bool) {
        loop {
            let changed = self.changed.notified();
            if done(self) {
                return;
            }
            changed.await;
        }
    }
}

/// Serves one connection to its end. Gives the stream back when it is to be reset.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    log: &Log,
    script: Script,
    idle_max: Option<Duration>,
) -> Option<S> {
    let connection = log.accepted.fetch_add(1, SeqCst);
    log.changed.notify_waiters();
    let mut buffer = Vec::new();
    for nth in 0.. {
        let request = read_request(&mut stream, &mut buffer);
        let request = match idle_max {
            Some(limit) => tokio::time::timeout(limit, request).await.ok()?,
            None => request.await,
        };
        let (head, body) = request?;
        let seen = Seen { connection, nth, head, body };
        let act = script(&seen);
        log.seen.lock().unwrap().push(seen);
        log.changed.notify_waiters();
        match act {
            Act::Reply(bytes) => write(&mut stream, log, &bytes).await?,
            Act::ReplyAndClose(bytes) => {
                write(&mut stream, log, &bytes).await?;
                return None;
            }
            Act::Close => return None,
            Act::Reset => return Some(stream),
            // Reading on finds out when the other side hangs up.
            Act::Hang => {
                while stream.read_buf(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {}
                return None;
            }
            Act::Drip(bytes, interval) => {
                write(&mut stream, log, &bytes).await?;
                loop {
                    tokio::time::sleep(interval).await;
                    write(&mut stream, log, b"x").await?;
                }
            }
            Act::Flood(bytes, more) => {
                write(&mut stream, log, &bytes).await?;
                loop {
                    write(&mut stream, log, &more).await?;
                }
            }
        }
    }
    None
}

/// `None` once the other side has hung up.
async fn write(stream: &mut (impl AsyncWrite + Unpin), log: &Log, bytes: &[u8]) -> Option<()> {
    stream.write_all(bytes).await.ok()?;
    log.written.fetch_add(bytes.len(), SeqCst);
    Some(())
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<(String, Vec<u8>)> {
    let head_end = loop {
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(buffer[..head_end].to_vec()).unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
    });
    let end = head_end + length.unwrap_or(0);
    while buffer.len() < end {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let body = buffer[head_end..end].to_vec();
    buffer.drain(..end);
    Some((head, body))
}
