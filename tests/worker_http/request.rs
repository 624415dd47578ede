//! What goes out.

use crate::*;

#[tokio::test]
async fn the_request_has_exactly_the_headers_it_should_whatever_is_in_the_records() {
    let server = ScriptedWorker::start(|_| ok()).await;
    let nasty = b"\r\nx-evil: 1\r\n\r\nGET / HTTP/1.1\r\n\x00\xff";
    let mut payload = PayloadBuilder::with_capacity(Some(nasty), Some(nasty), 0);
    payload.header(nasty, Some(nasty));
    payload.header(b"host", Some(b"evil"));
    payload.header(b"content-length", Some(b"3"));
    payload.header(b"transfer-encoding", Some(b"chunked"));
    let settled = call(&worker_at(server.port), batch_of([payload.finish()])).await;
    assert_eq!(settled.answer, Answer::Done);
    assert_eq!(server.requests(), 1);
    let seen = &server.seen()[0];
    let mut lines: Vec<_> = seen.head.trim_end().lines().collect();
    assert_eq!(lines.remove(0), "POST /infer?v=1 HTTP/1.1");
    let mut names: Vec<_> = lines.iter().map(|line| line.split_once(':').unwrap().0).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["content-length", "content-type", "host", "user-agent", "x-sluicegate-batch-id", "x-sluicegate-remaining-ms"]
    );
    assert_eq!(seen.header("content-type"), ["application/json"]);
    assert_eq!(seen.header("host"), [format!("127.0.0.1:{}", server.port)]);
    assert_eq!(seen.json()["id"], seen.header("x-sluicegate-batch-id")[0]);
    assert_eq!(seen.json()["entries"][0]["entryId"], "orders-0-0");
}

#[tokio::test]
async fn with_format_json_what_does_not_parse_is_undecodable_and_the_rest_is_sent() {
    let server = ScriptedWorker::start(|_| ok()).await;
    let mut json_only = settings(tcp(server.port));
    json_only.value_format = ValueFormat::Json;
    let worker = HttpWorker::new(&json_only).unwrap();
    let values: [&[u8]; 3] = [b"1", b"{", b"2"];
    let payloads = |values: &[&[u8]]| batch_of(values.iter().map(|v| Payload::new(None, Some(v))).collect::<Vec<_>>());
    let settled = call(&worker, payloads(&values)).await;
    use Verdict::{Success, Undecodable};
    assert_eq!(settled.answer, Answer::Each(vec![Success, Undecodable, Success]));
    assert!(detail(&settled).contains("1 not sent: the value is not valid JSON"), "{}", detail(&settled));
    assert_eq!(server.seen()[0].json()["entries"].as_array().unwrap().len(), 2);

    let settled = call(&worker, payloads(&[b"{", b""])).await;
    assert_eq!(settled.answer, Answer::Each(vec![Undecodable, Undecodable]));
    assert_eq!((settled.status, settled.took, server.requests()), (None, Duration::ZERO, 1), "nothing is sent");
}

#[test]
fn proxies_in_the_environment_are_ignored() {
    const CHILD: &str = "SLUICEGATE_TEST_PROXIED";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if std::env::var_os(CHILD).is_some() {
        runtime.block_on(async {
            let server = ScriptedWorker::start(|_| ok()).await;
            assert_eq!(call(&worker_at(server.port), batch(1)).await.answer, Answer::Done);
        });
        return;
    }
    // The environment of this process is shared with other tests, so the call is made in one of its own.
    runtime.block_on(async {
        let proxy = ScriptedWorker::start(|_| ok()).await;
        let address = format!("http://127.0.0.1:{}", proxy.port);
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "request::proxies_in_the_environment_are_ignored"]).env(CHILD, "1");
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            child.env(name, &address);
        }
        let done = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success() && said.contains("1 passed"), "{said}");
        assert_eq!(proxy.connections(), 0);
    });
}
