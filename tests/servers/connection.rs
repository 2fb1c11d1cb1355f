//! Connections that are lost while the process lives, or do not move.

use mcp_event::server::{CallError, ServerStatus};
use serde_json::{Value, json};

use crate::stage::*;
use ServerStatus::*;

/// A handshake of a script, and nothing more.
const HANDSHAKE: &str = r#"read -r line
    echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{}}}'
    "#;

#[test]
fn a_server_that_closes_its_output_is_lost_though_it_lives() {
    let settings = json!({ "stopTimeoutMs": 20, "restart": for_ever()["restart"] });
    let stage = Stage::one(example(&["--close-stdout"], settings));
    stage.until("it", Running);
    let info = stage.until("it", Stopping);
    assert_eq!(info.reason, "it closed its output");
    // That it exits well when its input ends does not make it a good one.
    assert!(stage.until("it", Backoff).reason.starts_with("it closed its output;"));
    stage.until("it", Running);
}

#[test]
fn a_server_that_closes_its_input_is_lost_when_it_is_written_to() {
    let mut settings = never();
    settings["stopTimeoutMs"] = 20.into();
    // It asks for something when nobody can answer any more.
    let ping = r#"echo '{"jsonrpc":"2.0","id":1,"method":"ping"}'"#;
    let script = format!("{HANDSHAKE} read -r line; exec 0<&-; {ping}; sleep 1000");
    let stage = Stage::one(shell(&script, settings));
    stage.until("it", Running);
    assert!(stage.until("it", Failed).reason.starts_with("it closed its input: "));
}

#[test]
fn a_server_that_does_not_read_is_not_written_to_without_end() {
    let settings = json!({ "healthIntervalMs": null, "requestTimeoutMs": 100, "stopTimeoutMs": 20 });
    let stage = Stage::one(shell(&format!("{HANDSHAKE} exec sleep 1000"), settings));
    stage.until_running("it");
    let mebibyte = json!({ "text": "x".repeat(1 << 20) });
    let calls: Vec<_> = (0..20).map(|_| stage.servers.call("it", "echo", mebibyte.clone())).collect();
    let mut refused = 0;
    for call in calls {
        match call.wait() {
            Err(CallError::TimedOut(_)) => assert_eq!(refused, 0),
            Err(CallError::NotReading { waiting }) => {
                assert!(waiting > 16 << 20);
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!((2..=4).contains(&refused), "{refused}");
    // Nor does it notice that its input ends.
    stage.servers.stop_server("it").unwrap();
}

#[test]
fn half_a_line_is_told_when_the_server_is_gone() {
    let script = format!("{HANDSHAKE} read -r line; read -r line; printf '{{\"jsonrpc\":'; exit 4");
    let stage = Stage::one(shell(&script, never()));
    stage.until_running("it");
    assert!(stage.servers.call("it", "ping", Value::Null).wait().is_err());
    assert_eq!(stage.until("it", Failed).reason, "its process ended: exit status: 4");
    assert_eq!(stage.counts().malformed, 1);
}
