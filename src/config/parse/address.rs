//! `IP:port` to listen on, and `host:port` of a broker.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::Fault;

/// An address to listen on. Names are not looked up: only `localhost` is known.
pub(super) fn parse_address(text: &str) -> Result<SocketAddr, Fault> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Some((host, port)) = text.rsplit_once(':')
        && host.eq_ignore_ascii_case("localhost")
        && let Ok(port) = port.parse()
    {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    Err(Fault::new("is not an address to listen on", "write it as 127.0.0.1:9464 or [::1]:9464"))
}

/// Whether librdkafka can make something of one entry of the broker list: `[PROTOCOL://]host[:port]`.
pub(crate) fn is_broker(entry: &str) -> bool {
    let address = entry.split_once("://").map_or(entry, |(_, rest)| rest);
    let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':').or(rest.is_empty().then_some("9092"))),
        None => match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, Some("9092")),
        },
    };
    let port_fits = port.is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:%".contains(c);
    port_fits && !host.is_empty() && host.chars().all(plain)
}
