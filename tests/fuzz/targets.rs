//! The parsers, with good examples of what each reads and pieces that might break it.

use crate::{Target, files, records, strangers, worker};

pub const TARGETS: &[Target] = &[
    Target {
        name: "deadline_header",
        examples: &["1764000000000", "-1", "0", "9223372036854775807", "-9223372036854775808"],
        words: &["+", " ", "0x", "e9", ".0", "99999999999999999999"],
        run: records::deadline_header,
    },
    Target {
        name: "commit_metadata",
        examples: &["sg1:wIQ9ATEB1SY", "sg1:BwEM", "sg1:BwAF", "sg1:"],
        words: &["sg1:", "sg2:", "=", "____", "AAAA", "f38B"],
        run: records::commit_metadata,
    },
    Target {
        name: "worker_answer",
        examples: &[
            r#"{"statuses":[{"entryId":"orders-3-1234","status":"SUCCESS"},{"entryId":"orders-3-1235","status":"RETRY"}]}"#,
            r#"{"statuses":[{"entryId":"orders-3-1236","status":"DROP","result":{"a":[1,2.5e3,null]}}],"more":true}"#,
            "null",
            "\"OK\"",
            "<html>",
        ],
        words: &["\"entryId\"", "\"status\"", "orders-3-1234", "\u{fffd}", "[[[[[[[[", "{\"a\":", "\\ud800", "1e999"],
        run: worker::worker_answer,
    },
    Target {
        name: "answer_headers",
        examples: &[
            "server-timing: service;dur=12.5, queue;dur=3;desc=\"a, b\"\nx-capacity: 8\nx-model-version: v1",
            "retry-after: 120\ncontent-encoding: gzip",
            "retry-after: Wed, 21 Oct 2026 07:28:00 GMT",
        ],
        words: &["dur=", "service", ";;", "\"", "NaN", "inf", "1e308", "-", "99999999999999999999"],
        run: worker::answer_headers,
    },
    Target {
        name: "record_headers",
        examples: &[
            "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n{\"a\":1}",
            "content-type: image/png\n__topic: x\n\u{1}\u{2}",
            "deadline_ms: 5\n[1,2,3]",
        ],
        words: &["traceparent: ", "content-type: ", "\r\n", "\0", "\\", "\"", "\u{2028}", "ff-"],
        run: records::record_headers,
    },
    Target {
        name: "json_validity",
        examples: &[r#"{"a":[1,-2.5e-3,true,null,"\u00e9\n"]}"#, "[]", "0", "\"\""],
        words: &["\\u", "\\ud83d\\ude00", "[", "{", "e+", "-0", "\u{feff}", "\0"],
        run: records::json_validity,
    },
    Target {
        name: "flags",
        examples: &[
            "QUEUE_MAXSIZE=512\nBATCH_TIMEOUT_MS=25\nWORKER_URL=http://127.0.0.1:8000/predict",
            "KAFKA_BROKERS=a:1,b:2\nKAFKA_TOPICS=^a.*,b\nDLQ_TOPIC=dead\nPAUSE_THRESHOLD_PCT=80%",
            "WORKER_URL=unix:/run/w.sock:/p\nSTALL_AFTER=30s\nQUEUE_MAX_BYTES=16MiB\nKAFKA_CFG_SESSION_TIMEOUT_MS=6000",
        ],
        words: &["KAFKA_CFG_", "_FILE", "MiB", "ms", "h", "%", "-1", "18446744073709551616", "\u{0}", "[::1]:", "1e3"],
        run: files::flags,
    },
    Target {
        name: "configuration_file",
        examples: &[
            "queue_maxsize = 512\nkafka_topics = [\"a\", \"b\"]\nworker_url = \"http://localhost/\"\n",
            "[kafka]\n\"session.timeout.ms\" = 6000\n",
        ],
        words: &["[[", "\"\"\"", "= ", "true", "1979-05-27", "{", "inf", "#"],
        run: files::configuration_file,
    },
    Target {
        name: "learned_state",
        examples: &[
            r#"{"version":1,"worker":"http://127.0.0.1:8000/","learned":{"version":1,"saved_at_ms":1764000000000,"model":7,"concurrency":4,"routes":[{"topic":"orders","shape":[0.01,0.0005,0.0],"bytes_per_record":120.0,"spread":0.1,"batch_records":64}]}}"#,
            "{}",
        ],
        words: &["\"routes\"", "NaN", "1e999", "-1", "[[[[", "\"version\":2"],
        run: files::learned_state,
    },
    Target {
        name: "scenario",
        examples: &[
            "why = \"x\"\ntopics = [4, 2]\n[workload]\nrecords = 8\n[[fault]]\nat_ms = 1\nkind = \"crash\"\n[expect]\ncompleted = [0, 8]\n",
        ],
        words: &["[engine]", "kind = \"slow\"", "times = ", "-1", "18446744073709551616", "[[fault]]", "4294967296"],
        run: files::scenario_file,
    },
    Target {
        name: "ingress_head",
        examples: &[
            "POST /predict?v=1\ncontent-type: application/json\ncontent-length: 17\nx-request-id: a\nx-deadline-ms: 1764000000000",
            "POST /v1/score\nx-request-timeout-ms: 250\ndeadline_ms: 1764000000500\nauthorization: Bearer x",
            "GET /predict\nhost: localhost",
            "POST http://elsewhere/predict\nx-request-timeout-ms: 9223372036854775807",
        ],
        words: &[
            "x-deadline-ms: ",
            "deadline_ms: ",
            "x-request-id: ",
            "\n",
            "POST ",
            "%0d%0a",
            "-1",
            "1e3",
            "99999999999999999999",
            "?",
        ],
        run: strangers::ingress_head,
    },
    Target {
        name: "admin_drain_query",
        examples: &["wait=500ms", "wait=25s", "wait=2m", "a=b&wait=1s", "", "wait=%32s"],
        words: &["wait=", "&", "%", "ms", "s", "m", "18446744073709551615", "-", "+", "%00"],
        run: strangers::admin_drain_query,
    },
    Target {
        name: "admin_log_level",
        examples: &["info", " WARN\n", "trace", "debug", "error"],
        words: &["info", "off", "\u{212a}", "\0", "\u{a0}"],
        run: strangers::admin_log_level,
    },
    Target {
        name: "admin_host_and_origin",
        examples: &[
            "/drain\nhost: localhost:9464",
            "/drain\nhost: 127.0.0.1\norigin: http://localhost:3000",
            "http://[::1]:9464/log-level\norigin: https://127.8.8.8",
            "/drain\nhost: [::ffff:127.0.0.1]:1",
            "/drain\nhost: example.com\norigin: null",
        ],
        words: &[
            "localhost",
            "127.0.0.1",
            "[::1]",
            ":80",
            "@",
            ".",
            "origin: http://",
            "host: ",
            "0x7f.1",
            "%",
            "\n",
            "/",
        ],
        run: strangers::admin_host_and_origin,
    },
    #[cfg(feature = "kafka")]
    Target {
        name: "oauth_token",
        examples: &[
            "e30.eyJleHAiOjIwMDAwMDAwMDAsInN1YiI6InBvZC03In0.sig",
            "e30.eyJleHAiOi0xZTMwOH0=.sig",
            "opaque",
            "a.b.c",
            r#"{"exp":2000000000,"sub":"pod-7"}"#,
            r#"{"exp":1.7e308,"sub":"\u0000"}"#,
        ],
        words: &[".", "=", "eyJ", "e30", "\0", "\"exp\":", "1e999", "-1", "\"sub\":null", "\\u0000"],
        run: strangers::oauth_token,
    },
];
