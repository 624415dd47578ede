//! Visits to a running sidecar by its admin address, for places without another HTTP client: a probe, a stop hook.

use std::{
    fmt,
    net::SocketAddr,
    process::ExitCode,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::{
    config::{Problems, VisitSettings},
    lifecycle::{Exit, LEAVE_GRACE},
    say,
};

/// A process that is well answers a probe at once.
const PROBE_WITHIN: Duration = Duration::from_secs(5);
/// For the answer itself, after the wait it was asked for.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// `sluicegate healthcheck`
pub fn healthcheck(settings: Result<VisitSettings, Problems>, alive: bool) -> ExitCode {
    let (path, good) = if alive { ("/livez", "alive") } else { ("/readyz", "ready") };
    visit(settings, |settings| {
        let (status, body) = ask(settings.admin, Method::GET, path, PROBE_WITHIN)?;
        if status.is_success() {
            return Ok(say::print(good));
        }
        say::complain(&format!("not {good}: {}", reasons(&body)));
        Ok(ExitCode::FAILURE)
    })
}

/// `sluicegate drain`
pub fn drain(settings: Result<VisitSettings, Problems>) -> ExitCode {
    visit(settings, |settings| {
        let (start, wait) = (Instant::now(), settings.shutdown_timeout + LEAVE_GRACE);
        let path = format!("/drain?wait={}ms", wait.as_millis());
        let (status, body) = ask(settings.admin, Method::POST, &path, wait + ANSWER_WITHIN)?;
        let took = start.elapsed().as_secs_f64();
        match status {
            StatusCode::OK => Ok(say::print(&format!("out of the group after {took:.2} s"))),
            StatusCode::ACCEPTED => {
                say::complain(&format!("still draining after {took:.0} s; /state tells what is in flight"));
                Ok(Exit::DrainTimedOut.into())
            }
            other => {
                say::complain(&format!("the drain was answered {other}: {body}"));
                Ok(ExitCode::FAILURE)
            }
        }
    })
}

fn visit(
    settings: Result<VisitSettings, Problems>,
    with: impl FnOnce(VisitSettings) -> Result<ExitCode, Failure>,
) -> ExitCode {
    match settings {
        Err(problems) => say::bad_configuration(&problems),
        Ok(settings) => with(settings).unwrap_or_else(|failure| {
            say::complain(&failure);
            ExitCode::FAILURE
        }),
    }
}

/// Nobody there, or nobody that speaks as we do.
#[derive(Debug)]
struct Failure {
    admin: SocketAddr,
    why: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { admin, why } = self;
        write!(f, "no answer from ADMIN_ADDR={admin}: {why}; is a sidecar running there, with the same ADMIN_ADDR?")
    }
}

fn ask(admin: SocketAddr, method: Method, path: &str, within: Duration) -> Result<(StatusCode, Value), Failure> {
    let failed = |why: String| Failure { admin, why };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed(error.to_string()))?;
    runtime.block_on(async {
        let answer = tokio::time::timeout(within, exchange(admin, method, path)).await;
        let answer = answer.unwrap_or_else(|_| Err(format!("nothing came within {} s", within.as_secs()).into()));
        answer.map_err(|error| failed(error.to_string()))
    })
}

type Any = Box<dyn std::error::Error + Send + Sync>;

async fn exchange(admin: SocketAddr, method: Method, path: &str) -> Result<(StatusCode, Value), Any> {
    let stream = TcpStream::connect(admin).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::builder().method(method).uri(path).header(header::HOST, admin.to_string());
    let answer = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    // What is no JSON is not from a sidecar; its status is told all the same.
    Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
}

fn reasons(body: &Value) -> String {
    let all = body["reasons"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let all = all.collect::<Vec<_>>().join(", ");
    if all.is_empty() { "it does not say why".to_owned() } else { all }
}
