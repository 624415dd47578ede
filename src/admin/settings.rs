//! Where the admin thread listens, validated by `config`.

use std::net::SocketAddr;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminSettings {
    /// Everything, the mutating routes included: a loopback address.
    pub addr: SocketAddr,
    /// Probes and metrics alone.
    pub probe_addr: Option<SocketAddr>,
}
