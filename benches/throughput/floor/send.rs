//! The runtime's side: request bodies to the worker, and a commit a second.
//!
//! Each connection is one task that drives its socket together with the request on it, as the sidecar's do: no wake-up
//! goes from task to task within a call.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    rc::Rc,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, StatusCode,
    client::conn::http1::{Builder, Connection, SendRequest},
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use rdkafka::consumer::{CommitMode, Consumer as _};
use tokio::{
    net::TcpStream,
    sync::{Mutex, mpsc::Receiver},
    task::JoinSet,
};

use super::{FloorSettings, poll, progress::Progress};
use crate::Outcome;

/// The sidecar's bound on what is read from a connection at once.
const READ_BYTES_MAX: usize = 64 * 1024;

const COMMIT_INTERVAL: Duration = Duration::from_secs(1);

type Feed = Rc<Mutex<Receiver<poll::Request>>>;

/// Runs until something fails.
pub async fn run(
    settings: &FloorSettings,
    feed: Receiver<poll::Request>,
    client: &poll::Client,
    progress: &std::sync::Arc<Progress>,
    poll_thread: &std::thread::Thread,
) -> Outcome<()> {
    let feed: Feed = Rc::new(Mutex::new(feed));
    let mut lines = JoinSet::new();
    for _ in 0..settings.in_flight {
        let line = Line::open(settings).await?;
        lines.spawn_local(line.serve(Rc::clone(&feed), std::sync::Arc::clone(progress), poll_thread.clone()));
    }
    let mut tick = tokio::time::interval(COMMIT_INTERVAL);
    loop {
        tokio::select! {
            Some(ended) = lines.join_next() => return ended?,
            _ = tick.tick() => {
                if let Some(offsets) = progress.take(&settings.topic) {
                    client.commit(&offsets, CommitMode::Async)?;
                }
            }
        }
    }
}

struct Line {
    sender: SendRequest<Full<Bytes>>,
    wire: Pin<Box<Connection<TokioIo<TcpStream>, Full<Bytes>>>>,
    host: String,
}

impl Line {
    async fn open(settings: &FloorSettings) -> Outcome<Self> {
        let stream = TcpStream::connect(settings.worker).await?;
        stream.set_nodelay(true)?;
        let (sender, wire) = Builder::new().max_buf_size(READ_BYTES_MAX).handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, wire: Box::pin(wire), host: settings.worker.to_string() })
    }

    async fn serve(mut self, feed: Feed, progress: std::sync::Arc<Progress>, poll: std::thread::Thread) -> Outcome<()> {
        loop {
            let next = feed.lock().await.recv().await;
            let Some(poll::Request { sequence, body, ends }) = next else {
                return Err("the poll thread ended".into());
            };
            // Costs a system call only when it waits for room.
            poll.unpark();
            self.call(body).await?;
            progress.finish(sequence, ends);
        }
    }

    async fn call(&mut self, body: Vec<u8>) -> Outcome<()> {
        let request = Request::post("/predict")
            .header(HOST, self.host.as_str())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))?;
        let response = self.sender.send_request(request);
        let response = drive(self.wire.as_mut(), response).await??;
        if response.status() != StatusCode::OK {
            return Err(format!("the worker answered {}", response.status()).into());
        }
        let mut answer = response.into_body();
        while let Some(frame) = drive(self.wire.as_mut(), answer.frame()).await? {
            frame?;
        }
        Ok(())
    }
}

/// Polls `work` and the connection it waits for, until the work is done.
async fn drive<W, F>(mut wire: Pin<&mut W>, work: F) -> Outcome<F::Output>
where
    W: Future<Output = hyper::Result<()>>,
    F: Future,
{
    let mut work = pin!(work);
    poll_fn(|cx| {
        if let Poll::Ready(output) = work.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        if wire.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err("the worker closed a connection".into()));
        }
        work.as_mut().poll(cx).map(Ok)
    })
    .await
}
