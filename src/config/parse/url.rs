//! The worker's address: `http://host:port/path` or `unix:/path.sock:/http/path`.
//!
//! Nothing is looked up. A host is kept without the brackets of an IPv6 literal.

use std::net::IpAddr;

use super::Fault;
use crate::worker::settings::Target;

const FORM: &str = "write it as http://127.0.0.1:8000/predict or unix:/run/worker.sock:/predict";

pub(super) fn parse_url(text: &str) -> Result<Target, Fault> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control() || !c.is_ascii()) {
        return Err(Fault::new("has blanks or characters that a URL cannot hold", "percent-encode them"));
    }
    if text.contains('#') {
        return Err(Fault::new("has a fragment, which is never sent", "remove everything from # on"));
    }
    if let Some(rest) = strip_scheme(text, "unix:") {
        return parse_unix(rest);
    }
    match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => parse_http(rest),
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => Err(Fault::new(
            "is https, which is not spoken to a worker on the same machine",
            "use http:// on loopback or a unix socket; to reach further, put a TLS proxy beside this process",
        )),
        Some((scheme, _)) => Err(Fault::new(format!("has an unknown scheme, {}", scheme.escape_debug()), FORM)),
        None => Err(Fault::new("is not a URL", FORM)),
    }
}

fn strip_scheme<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(scheme.len())?;
    head.eq_ignore_ascii_case(scheme).then_some(rest)
}

fn parse_unix(rest: &str) -> Result<Target, Fault> {
    let rest = rest.strip_prefix("//").filter(|rest| rest.starts_with('/')).unwrap_or(rest);
    let (socket, path) = rest.split_once(":/").map_or((rest, "/".to_owned()), |(s, p)| (s, format!("/{p}")));
    if socket.len() < 2 || !socket.starts_with('/') || socket.starts_with("//") {
        return Err(Fault::new("has no absolute path to a socket", FORM));
    }
    Ok(Target::Unix { socket: socket.into(), path })
}

fn parse_http(rest: &str) -> Result<Target, Fault> {
    let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_end);
    if authority.contains('@') {
        return Err(Fault::new("has credentials in it, which are not sent", "remove everything before the @"));
    }
    let (host, port) = split_port(authority).ok_or_else(|| Fault::new("has no valid host and port", FORM))?;
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    Ok(Target::Tcp { host: host.to_owned(), port, path })
}

/// Host without brackets, and the port (80 when it is not said).
fn split_port(authority: &str) -> Option<(&str, u16)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        host.parse::<std::net::Ipv6Addr>().ok()?;
        let port = if rest.is_empty() { "80" } else { rest.strip_prefix(':')? };
        return Some((host, parse_port(port)?));
    }
    let (host, port) = authority.split_once(':').unwrap_or((authority, "80"));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if host.is_empty() || !host.chars().all(plain) {
        return None;
    }
    Some((host, parse_port(port)?))
}

fn parse_port(text: &str) -> Option<u16> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten().filter(|port| *port > 0)
}

/// On this machine: a socket, a loopback address or `localhost`.
pub(crate) fn is_local(target: &Target) -> bool {
    match target {
        Target::Unix { .. } => true,
        Target::Tcp { host, .. } if host.eq_ignore_ascii_case("localhost") => true,
        Target::Tcp { host, .. } => host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback()),
    }
}

/// A URL fit to be shown: credentials and the query, where keys like to hide, become `***`. Works on any text.
pub(crate) fn redact_url(text: &str) -> String {
    let scheme_end = match text.split_once("://") {
        Some((scheme, _)) if scheme.bytes().all(|b| b.is_ascii_alphabetic()) => scheme.len() + 3,
        _ => 0,
    };
    let (scheme, rest) = text.split_at(scheme_end);
    // The last @, wherever it is: an unescaped password may hold slashes and question marks.
    let (hidden, rest) = rest.rsplit_once('@').map_or(("", rest), |(_, rest)| ("***@", rest));
    let (base, query) = rest.split_once('?').map_or((rest, ""), |(base, _)| (base, "?***"));
    format!("{scheme}{hidden}{base}{query}")
}
