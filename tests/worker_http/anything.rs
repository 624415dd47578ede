//! Whatever comes back: no panic, no hang.

use proptest::prelude::*;

use crate::*;

fn scraps() -> impl Strategy<Value = Vec<u8>> {
    let scrap = prop::sample::select(vec![
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 503 \r\n",
        "HTTP/1.0 ",
        "content-length: 5\r\n",
        "content-length: -1\r\n",
        "content-length: 99999999999999999999\r\n",
        "transfer-encoding: chunked\r\n",
        "connection: close\r\n",
        "retry-after: 1\r\n",
        "content-encoding: \u{ff}\r\n",
        "\r\n",
        "\r\n\r\n",
        "5\r\n",
        "0\r\n\r\n",
        "null",
        "{\"statuses\":[",
        "{\"entryId\":\"orders-0-0\",",
        "\"status\":\"SUCCESS\"}",
        "]}",
        "\0",
        "HTTP/1.1 100 \r\n\r\n",
    ]);
    prop::collection::vec(scrap, 0..12).prop_map(|scraps| scraps.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_answer_makes_it_panic_or_hang(
        bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..200), scraps()],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = ScriptedWorker::start(move |_| Act::ReplyAndClose(bytes.clone())).await;
            let worker = worker_at(server.port);
            for _ in 0..2 {
                let settled = call(&worker, batch(2)).await;
                if let Answer::Each(verdicts) = settled.answer {
                    assert_eq!(verdicts.len(), 2);
                }
            }
        });
    }
}
