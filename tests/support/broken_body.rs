//! Bodies of answers that go wrong.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::{Interval, interval};

#[derive(Debug)]
pub enum Broken {
    /// A byte now and then, for ever.
    Drip(Interval),
    /// As fast as it is read, for ever.
    Endless,
    /// The connection closes in the middle of it.
    Cut { begun: bool },
}

impl Broken {
    /// Inside the worker's runtime only.
    pub fn drip() -> Self {
        Self::Drip(interval(Duration::from_millis(20)))
    }
}

impl Body for Broken {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let frame = |bytes: &'static [u8]| Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(bytes)))));
        match &mut *self {
            Self::Drip(interval) => interval.poll_tick(cx).map(|_| Some(Ok(Frame::data(Bytes::from_static(b" "))))),
            Self::Endless => frame(&[b' '; 16 << 10]),
            Self::Cut { begun } if !*begun => {
                *begun = true;
                frame(br#"{"statuses":[{"entryId":"#)
            }
            Self::Cut { .. } => Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into()))),
        }
    }
}
