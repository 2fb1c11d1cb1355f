//! Bad messages: none ends a connection.

use mcp_event::server::{CallError, CallOptions, ServerStatus};
use serde_json::{Value, json};
use std::time::Duration;

use crate::stage::*;

#[test]
fn garbage_is_counted_and_passed_over() {
    let stage = Stage::one(example(&["--garbage", "12"], json!({ "healthIntervalMs": null })));
    stage.until_it("it", |info| !info.tools.is_empty());
    for _ in 0..5 {
        stage.ping("it");
    }
    // Of the twelve sorts of lines three are answers that nobody asked for... to no request of ours.
    let counts = stage.counts();
    assert_eq!((counts.unsolicited, counts.malformed), (7 * 2, 7 * 10));
    assert_eq!(stage.servers.info("it").unwrap().status, ServerStatus::Running);
}

#[test]
fn floods_are_swallowed() {
    let stage = Stage::one(example(&["--flood-stdout", "4", "--stderr-flood", "20000"], json!({})));
    assert_eq!(stage.servers.call_with("it", "ping", Value::Null, patient()).wait(), Ok(json!({})));
    assert!(stage.counts().notifications >= 8 << 10);
    stage.servers.stop_server("it").unwrap();
    let log = stage.servers.log_since("it", 1);
    let last = log.last().unwrap();
    assert_eq!((last.number, last.text.as_str()), (20_001, "example: noise 20000 of 20000"));
    assert!(log.len() <= 1_000);
}

#[test]
fn a_line_of_fifty_mebibytes_is_passed_over() {
    let stage = Stage::one(example(&["--huge-line", "50"], json!({})));
    stage.until_it("it", |info| !info.tools.is_empty());
    stage.ping("it");
    let counts = stage.counts();
    assert_eq!((counts.oversized, counts.malformed), (1, 0));
}

#[test]
fn an_answer_is_taken_up_to_the_limit_and_refused_clearly_beyond() {
    const LIMIT: usize = 4096;
    let stage = Stage::one(example(&[], json!({ "maxMessageBytes": LIMIT })));
    stage.until_it("it", |info| !info.tools.is_empty());
    let mut refused_from = None;
    for length in LIMIT - 150..LIMIT {
        match stage.tool("echo", json!({ "text": "x".repeat(length) })) {
            Ok(answer) => {
                assert_eq!(refused_from, None, "after one that was too long");
                assert_eq!(answer["content"][0]["text"].as_str().unwrap().len(), length);
            }
            Err(error) => {
                refused_from.get_or_insert(length);
                assert_eq!(error.to_string(), "the server's answer was longer than the 4096 bytes allowed");
            }
        }
    }
    // The message is more than the text, and the ids were of one length where it was refused first.
    let around = |id: u32| {
        let answer = json!({
            "jsonrpc": "2.0", "id": id,
            "result": { "content": [{ "type": "text", "text": "" }], "isError": false },
        });
        answer.to_string().len()
    };
    assert_eq!(refused_from, Some(LIMIT - around(99) + 1));
    assert_eq!(stage.counts().oversized as usize, LIMIT - refused_from.unwrap());
    stage.ping("it");
}

#[test]
fn an_answer_under_another_id_is_no_answer() {
    let stage = Stage::one(example(&["--wrong-id"], json!({ "healthIntervalMs": null })));
    stage.until_running("it");
    let limit = Duration::from_millis(50);
    let call = stage.servers.call_with("it", "ping", Value::Null, CallOptions::new().timeout(limit));
    assert_eq!(call.wait(), Err(CallError::TimedOut(limit)));
    // To this and to tools/list; it lies in the pipe, or is counted.
    stage.servers.stop_server("it").unwrap();
    assert_eq!(stage.counts().unsolicited, 2);
}

/// What is meant to be the answer to a request but cannot be read fails that request, and no other.
#[test]
fn an_answer_that_is_none_fails_its_request_at_once() {
    let script = r#"read -r line
        echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{}}}'
        read -r line; read -r line
        echo '{"jsonrpc":"2.0","id":2,"result":{},"error":{}}'
        read -r line
        echo '{"jsonrpc":"2.0","id":"3","result":{"fine":true}}'
        cat >/dev/null"#;
    let stage = Stage::one(shell(script, json!({ "healthIntervalMs": null })));
    stage.until_running("it");
    let malformed = stage.servers.call("it", "ping", Value::Null).wait();
    assert!(
        matches!(&malformed, Err(CallError::Malformed(why)) if why.contains("more than one")),
        "{malformed:?}"
    );
    // An id that came back as a string is ours still.
    assert_eq!(stage.servers.call("it", "ping", Value::Null).wait(), Ok(json!({ "fine": true })));
}

#[test]
fn a_server_that_asks_is_answered() {
    let script = r#"read -r line
        echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{}}}'
        read -r line
        echo '{"jsonrpc":"2.0","id":"a","method":"ping"}'
        echo '{"jsonrpc":"2.0","id":7,"method":"sampling/createMessage","params":{}}'
        for number in 1 2 3; do read -r line; echo "$line" >&2; done
        echo '{"jsonrpc":"2.0","id":2,"result":{}}'
        cat >/dev/null"#;
    let stage = Stage::one(shell(script, json!({ "healthIntervalMs": null })));
    stage.until_running("it");
    stage.ping("it");
    stage.servers.stop_server("it").unwrap();
    let log = stage.servers.log_since("it", 1);
    let lines: Vec<Value> = log.iter().map(|line| serde_json::from_str(&line.text).unwrap()).collect();
    assert!(lines.contains(&json!({ "jsonrpc": "2.0", "id": "a", "result": {} })), "{lines:?}");
    let refusal = lines.iter().find(|line| line["id"] == 7).unwrap();
    assert_eq!(refusal["error"]["code"], -32601);
}
