//! The listener's numbers, validated by `config`.

use std::{net::SocketAddr, time::Duration};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngressSettings {
    pub addr: SocketAddr,
    /// Paths that may be POSTed to.
    pub paths: Vec<String>,
    /// The longest any request waits for its answer.
    pub timeout: Duration,
    /// Headers passed on beside the content type, lower-case.
    pub headers: Vec<String>,
    /// `MAX_RECORD_BYTES`: a body over it is refused with 413.
    pub body_bytes_max: u64,
    /// Bytes of bodies that are being read and not yet with the engine, over all connections.
    pub reading_bytes_max: u64,
    pub connections_max: usize,
    /// A connection without a whole request head for this long is closed.
    pub keep_alive: Duration,
    /// What a drain leaves at least for connections to be answered and closed in order.
    pub drain_grace: Duration,
}
