//! Who may change something: someone on this machine, and not a web page that someone on this machine looks at.
//!
//! Three checks, each enough to keep one kind of stranger out: the peer is on loopback; `Host` is a loopback name
//! (against DNS rebinding); `Origin`, which browsers add and others do not, is one too.

use std::net::IpAddr;

use axum::{
    Json,
    extract::{ConnectInfo, FromRequestParts},
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};

use super::listener::Peer;

/// A request that may change something.
#[derive(Debug)]
pub struct Trusted;

impl<S: Sync> FromRequestParts<S> for Trusted {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let peer = parts.extensions.get::<ConnectInfo<Peer>>().map(|peer| peer.0.addr.ip());
        match objection(peer, parts) {
            None => Ok(Self),
            Some(why) => {
                let body = serde_json::json!({ "error": why });
                Err((StatusCode::FORBIDDEN, Json(body)).into_response())
            }
        }
    }
}

/// Why a request from `peer` with this head may change nothing, if it may not.
pub fn objection(peer: Option<IpAddr>, parts: &Parts) -> Option<&'static str> {
    if !peer.is_some_and(|peer| peer.to_canonical().is_loopback()) {
        return Some("only from this machine");
    }
    let authority = parts.uri.authority().map(ToString::to_string);
    let host = authority.as_deref().or_else(|| text(parts, header::HOST));
    if !host.is_some_and(is_loopback) {
        return Some("the Host header must be a loopback name");
    }
    // Present and not readable is foreign too.
    let origin = parts.headers.contains_key(header::ORIGIN).then(|| text(parts, header::ORIGIN).unwrap_or_default());
    let foreign = origin.is_some_and(|origin| {
        let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        !rest.is_some_and(is_loopback)
    });
    foreign.then_some("not from another origin")
}

fn text(parts: &Parts, name: header::HeaderName) -> Option<&str> {
    let mut values = parts.headers.get_all(name).iter();
    let first = values.next()?;
    // Two of them are one too many to trust either.
    if values.next().is_some() { None } else { first.to_str().ok() }
}

/// `localhost`, 127.0.0.0/8 or `[::1]`, with or without a port.
fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            // The standard library takes a plus sign for part of a number.
            if port.starts_with('+') || port.parse::<u16>().is_err() {
                return false;
            }
            host
        }
        _ => authority,
    };
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match bare {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok_and(|ip| IpAddr::from(ip).to_canonical().is_loopback()),
        None => host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback()),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[test]
    fn a_peer_from_elsewhere_is_a_stranger_whatever_it_calls_itself() {
        let request = Request::post("/drain").header(header::HOST, "localhost").body(()).unwrap();
        let parts = request.into_parts().0;
        let asked_by = |peer: &str| objection(Some(peer.parse().unwrap()), &parts);
        assert_eq!(asked_by("127.0.0.1"), None);
        assert_eq!(asked_by("::1"), None);
        assert_eq!(asked_by("::ffff:127.0.0.1"), None);
        assert_eq!(asked_by("10.1.2.3"), Some("only from this machine"));
        assert_eq!(objection(None, &parts), Some("only from this machine"));
    }

    #[test]
    fn only_loopback_names_pass() {
        let good = ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:8080", "127.9.9.9:1", "[::1]", "[::1]:9090"];
        for name in good {
            assert!(is_loopback(name), "{name}");
        }
        let bad = [
            "",
            ":80",
            "example.com",
            "localhost.example.com",
            "localhost:80.example.com",
            "127.0.0.1.example.com",
            "10.0.0.1",
            "::1",
            "[::2]",
            "[fe80::1]:80",
            "localhost:99999",
            "localhost:+80",
            "0.0.0.0:1",
            "user@localhost",
        ];
        for name in bad {
            assert!(!is_loopback(name), "{name}");
        }
    }
}
