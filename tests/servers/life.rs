//! How a server starts, and what is said when it does not.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use mcp_event::server::{CallError, CallOptions, Config, ServerStatus, WhenDown};
use serde_json::{Value, json};

use crate::directory::Directory;
use crate::stage::*;

#[test]
fn a_server_starts_answers_and_stops() {
    let stage =
        Stage::one(example(&["--name", "sums"], json!({ "category": "math", "capabilities": ["add"] })));
    let info = stage.until_running("it");
    assert_eq!(info.reason, "sums 1.0.0 is ready");
    assert_eq!((info.category.as_deref(), &info.labels[..]), (Some("math"), &["add".to_owned()][..]));
    let peer = info.peer.unwrap();
    assert_eq!((peer.name.as_str(), peer.protocol_version.as_str()), ("sums", "2025-11-25"));
    assert!(peer.capabilities["tools"].is_object(), "{:?}", peer.capabilities);
    let sum = stage.tool("add", json!({ "a": 40, "b": 2 })).unwrap();
    assert_eq!(sum["structuredContent"]["sum"], 42);
    stage.servers.stop_server("it").unwrap();
    assert!(!exists(info.pid.unwrap()));
    let info = stage.servers.info("it").unwrap();
    assert_eq!((info.status, info.pid, info.peer), (ServerStatus::Stopped, None, None));
    assert_eq!(info.reason, "it was asked to stop");
    let down = stage.servers.call("it", "ping", Value::Null).wait();
    assert!(matches!(down, Err(CallError::Down { status: ServerStatus::Stopped, .. })), "{down:?}");
}

#[test]
fn a_slow_start_is_waited_for() {
    let stage = Stage::one(example(&["--slow-start", "100"], json!({})));
    assert_eq!(stage.servers.call_with("it", "ping", Value::Null, patient()).wait(), Ok(json!({})));
    assert_eq!(stage.statuses("it"), [ServerStatus::Starting, ServerStatus::Running]);
}

#[test]
fn a_call_to_a_server_that_starts_fails_at_once_or_waits_no_longer_than_its_time() {
    let stage = Stage::one(example(&["--never-answer"], json!({})));
    let down = stage.servers.call("it", "ping", Value::Null).wait();
    assert!(matches!(down, Err(CallError::Down { status: ServerStatus::Starting, .. })), "{down:?}");
    let limit = Duration::from_millis(20);
    let options = CallOptions::new().when_down(WhenDown::Wait).timeout(limit);
    let late = stage.servers.call_with("it", "ping", Value::Null, options).wait();
    assert_eq!(late, Err(CallError::TimedOut(limit)));
}

/// Starts a server that must fail, and gives the reason.
fn failure(args: &[&str], start_timeout: u64) -> String {
    let mut settings = never();
    settings["startTimeoutMs"] = start_timeout.into();
    let stage = Stage::one(example(args, settings));
    let call = stage.servers.call_with("it", "ping", Value::Null, patient()).wait();
    let info = stage.until("it", ServerStatus::Failed);
    assert_eq!(call, Err(CallError::Down { status: ServerStatus::Failed, reason: info.reason.clone() }));
    assert!(!stage.statuses("it").contains(&ServerStatus::Running));
    assert_eq!(stage.counts().failed_starts, 1);
    info.reason
}

const LONG: u64 = 60_000;

#[test]
fn a_server_that_dies_at_once_has_failed_with_its_exit_status() {
    assert_eq!(failure(&["--die-at-once", "3"], LONG), "its process ended: exit status: 3");
}

#[test]
fn a_server_that_exits_without_a_handshake_has_failed_even_with_status_0() {
    assert_eq!(failure(&["--die-at-once", "0"], LONG), "its process ended: exit status: 0");
}

#[test]
fn a_server_that_dies_in_its_handshake_has_failed_with_its_exit_status() {
    assert_eq!(failure(&["--die-in-handshake"], LONG), "its process ended: exit status: 1");
}

#[test]
fn a_server_that_never_answers_has_failed_after_the_time_for_its_start() {
    assert_eq!(failure(&["--never-answer"], 100), "the handshake took longer than 100ms");
}

#[test]
fn half_a_line_is_no_handshake() {
    assert_eq!(failure(&["--half-line"], 100), "the handshake took longer than 100ms");
}

#[test]
fn an_error_in_the_handshake_is_the_reason() {
    let reason = failure(&["--error-on-initialize"], LONG);
    assert!(reason.starts_with("the handshake failed: ") && reason.contains("told not to start"), "{reason}");
}

#[test]
fn a_foreign_revision_of_the_protocol_is_named() {
    let reason = failure(&["--wrong-version", "1999-12-31"], LONG);
    assert!(reason.contains("\"1999-12-31\"") && reason.contains("2025-11-25"), "{reason}");
}

#[test]
fn what_cannot_be_run_is_said() {
    let directory = Directory::new();
    let file = directory.file("no-program");
    fs::write(&file, "echo").unwrap();
    let reason = |server: Value| {
        let mut server = server;
        server["restart"] = never()["restart"].take();
        Stage::one(server).until("it", ServerStatus::Failed).reason
    };
    let missing = reason(json!({ "command": "no-such-command-anywhere" }));
    assert!(missing.starts_with("it cannot be run: No such file"), "{missing}");
    let forbidden = reason(json!({ "command": &file }));
    assert!(forbidden.starts_with("it cannot be run: Permission denied"), "{forbidden}");
    fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
    let no_program = reason(json!({ "command": &file }));
    assert!(no_program.starts_with("it cannot be run: Exec format error"), "{no_program}");
    let nowhere = reason(json!({ "command": "sh", "cwd": "/no/such/directory" }));
    assert!(nowhere.contains("/no/such/directory"), "{nowhere}");
}

#[test]
fn a_zero_byte_is_refused_with_its_place_in_the_configuration() {
    let text = r#"{"mcpServers": {"it": {"command": "sh", "env": {"A": "x\u0000y"}}}}"#;
    let error = Config::parse(text, |_| None).unwrap_err().to_string();
    assert!(error.contains("$.mcpServers.it.env.A"), "{error}");
}

#[test]
fn a_server_without_autostart_waits_to_be_started() {
    let stage = Stage::one(example(&[], json!({ "autostart": false })));
    assert_eq!(stage.servers.info("it").unwrap().status, ServerStatus::Stopped);
    stage.servers.start_server("it").unwrap();
    stage.until_running("it");
}
