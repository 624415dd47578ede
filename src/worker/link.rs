//! One keep-alive HTTP/1.1 connection, driven by whoever uses it.
//!
//! hyper gives a connection as two halves: a sender, and a future that does the reading and writing. Usually that
//! future is a task of its own; here it is polled together with the request it serves. A call is then one task, no
//! wake-up goes from task to task, and dropping the call (its timeout) closes the socket at once. An idle link is not
//! polled at all, so whether it still lives is asked when it is taken out again ([`Link::is_alive`]).

use std::{
    error::Error as _,
    fmt::Write as _,
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response,
    body::{Body as _, Incoming},
    client::conn::http1::{Builder, Connection, SendRequest},
};
use hyper_util::rt::TokioIo;

use super::{
    classify::Fault,
    settings::Target,
    stream::{Stream, Traffic},
};

/// The largest head of an answer, and the largest piece in which its body is read.
const READ_BYTES_MAX: usize = 64 * 1024;

type Wire = Connection<TokioIo<Stream>, Full<Bytes>>;

/// What went wrong, for the table and for people.
#[derive(Debug)]
pub struct Failure {
    pub fault: Fault,
    pub text: String,
}

impl Failure {
    pub fn new(fault: Fault, text: impl Into<String>) -> Self {
        Self { fault, text: text.into() }
    }
}

pub struct Link {
    sender: SendRequest<Full<Bytes>>,
    /// `None` once the connection has ended.
    wire: Option<Pin<Box<Wire>>>,
    traffic: Arc<Traffic>,
}

/// An answer whose head has been read.
pub type Head = Response<Incoming>;

impl Link {
    /// Connects within `limit`.
    ///
    /// # Errors
    /// [`Fault::NoConnection`] or [`Fault::ConnectTimeout`].
    pub async fn open(target: &Target, limit: Duration) -> Result<Self, Failure> {
        let stream = match tokio::time::timeout(limit, Stream::connect(target)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                return Err(Failure::new(Fault::NoConnection, format!("cannot connect to {target}: {error}")));
            }
            Err(_) => {
                let text = format!("cannot connect to {target}: no answer within {} ms", limit.as_millis());
                return Err(Failure::new(Fault::ConnectTimeout, text));
            }
        };
        let traffic = stream.traffic();
        let handshake = Builder::new().max_buf_size(READ_BYTES_MAX).handshake(TokioIo::new(stream)).await;
        let (sender, wire) = handshake.map_err(|error| Failure::new(Fault::NoConnection, chain(&error)))?;
        Ok(Self { sender, wire: Some(Box::pin(wire)), traffic })
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// # Errors
    /// The fault tells how far it came: [`Fault::ClosedUnsent`], [`Fault::LostUnanswered`], [`Fault::Lost`],
    /// [`Fault::NotHttp`].
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Head, Failure> {
        let (read, written) = (self.traffic.read(), self.traffic.written());
        let response = self.sender.send_request(request);
        let result = drive(&mut self.wire, response).await;
        result.map_err(|error| {
            let fault = if error.is_parse() {
                Fault::NotHttp
            } else if self.traffic.read() > read {
                Fault::Lost
            } else if self.traffic.written() > written {
                Fault::LostUnanswered
            } else {
                Fault::ClosedUnsent
            };
            Failure::new(fault, chain(&error))
        })
    }

    /// Reads a body of at most `bytes_max`.
    ///
    /// # Errors
    /// [`Fault::AnswerTooLong`] or [`Fault::Lost`], with what had been read until then.
    pub async fn read(&mut self, mut body: Incoming, bytes_max: usize) -> Result<Bytes, (Failure, Bytes)> {
        let too_long = || Failure::new(Fault::AnswerTooLong, format!("the answer is longer than {bytes_max} bytes"));
        if body.size_hint().lower() > bytes_max as u64 {
            return Err((too_long(), Bytes::new()));
        }
        // Nearly every answer is one piece, which is then not copied.
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        loop {
            let frame = match drive(&mut self.wire, body.frame()).await {
                None => break,
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    return Err((Failure::new(Fault::Lost, chain(&error)), joined(first, rest)));
                }
            };
            let Ok(data) = frame.into_data() else { continue };
            if first.len() + rest.len() + data.len() > bytes_max {
                return Err((too_long(), joined(first, rest)));
            }
            if first.is_empty() {
                first = data;
            } else {
                rest.extend_from_slice(&data);
            }
        }
        Ok(joined(first, rest))
    }

    /// Lets the connection do what it can without waiting, and says whether it can take a request now. Not so when
    /// the worker has closed it, has said that it will, or has answered before it had read the whole request.
    pub async fn is_alive(&mut self) -> bool {
        poll_fn(|cx| {
            if self.wire.as_mut().is_some_and(|wire| wire.as_mut().poll(cx).is_ready()) {
                self.wire = None;
            }
            Poll::Ready(self.wire.is_some() && self.sender.is_ready())
        })
        .await
    }
}

/// Polls `work` and the connection it waits for, until the work is done.
async fn drive<F: Future>(wire: &mut Option<Pin<Box<Wire>>>, work: F) -> F::Output {
    let mut work = pin!(work);
    poll_fn(|cx| {
        if let Poll::Ready(output) = work.as_mut().poll(cx) {
            return Poll::Ready(output);
        }
        // An ended connection must not be polled again. Its last words, an error included, are in its channels, so
        // the work comes to an end without it.
        if wire.as_mut().is_some_and(|wire| wire.as_mut().poll(cx).is_ready()) {
            *wire = None;
        }
        // The connection may just have handed over what the work waits for: look now, not at the next wake-up.
        work.as_mut().poll(cx)
    })
    .await
}

fn joined(first: Bytes, rest: BytesMut) -> Bytes {
    if rest.is_empty() {
        return first;
    }
    let mut all = BytesMut::with_capacity(first.len() + rest.len());
    all.extend_from_slice(&first);
    all.extend_from_slice(&rest);
    all.freeze()
}

/// An error with its causes; hyper keeps the interesting part in the cause.
fn chain(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing into a string does not fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
