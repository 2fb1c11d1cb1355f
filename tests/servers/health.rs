//! Hung servers, and such that use too much.

use mcp_event::server::{CallError, ServerStatus};
use serde_json::{Value, json};

use crate::stage::*;
use ServerStatus::*;

/// Checked often, and taken for hung after two checks in a row.
fn checked(mut settings: Value) -> Value {
    settings["healthIntervalMs"] = 5.into();
    settings["healthTimeoutMs"] = 100.into();
    settings["healthFailureThreshold"] = 2.into();
    settings
}

#[test]
fn a_hung_server_is_unhealthy_and_started_anew() {
    // The answers are to initialize, tools/list and the first checks.
    let stage = Stage::one(example(&["--mute-after", "5"], checked(for_ever())));
    let pid = stage.until_running("it").pid;
    let info = stage.until("it", Unhealthy);
    assert_eq!(info.reason, "2 health checks in a row failed: the server did not answer within 100ms");
    assert_eq!((info.pid, info.failed_checks), (pid, 2));
    assert!(stage.until("it", Backoff).reason.starts_with(&info.reason));
    assert_ne!(stage.until_running("it").pid, pid);
    assert_eq!(stage.statuses("it")[..6], [Starting, Running, Unhealthy, Stopping, Backoff, Starting]);
}

#[test]
fn a_server_that_is_never_restarted_stays_unhealthy_until_it_answers() {
    let stage = Stage::one(example(&[], checked(never())));
    let pid = stage.until_running("it").pid.unwrap();
    signal(pid, libc::SIGSTOP);
    stage.until("it", Unhealthy);
    // It may be heard again.
    let call = stage.servers.call("it", "ping", Value::Null);
    signal(pid, libc::SIGCONT);
    assert_eq!(call.wait(), Ok(json!({})));
    let info = stage.until("it", Running);
    assert_eq!((info.reason.as_str(), info.pid), ("its health checks pass again", Some(pid)));
}

#[test]
fn a_check_answers_whether_a_server_is_well() {
    let settings = json!({ "healthIntervalMs": null, "healthTimeoutMs": 50 });
    let stage = Stage::new(config([
        ("well", example(&[], json!({ "healthIntervalMs": null }))),
        ("hung", example(&["--mute-after", "1"], settings)),
        ("down", example(&[], json!({ "autostart": false }))),
    ]));
    stage.until_running("well");
    stage.until_running("hung");
    assert_eq!(stage.servers.check("well"), Ok(()));
    assert!(stage.servers.info("well").unwrap().last_ping.is_some());
    let hung = stage.servers.check("hung");
    assert!(matches!(hung, Err(CallError::TimedOut(limit)) if limit.as_millis() == 50), "{hung:?}");
    let down = stage.servers.check("down");
    assert!(matches!(down, Err(CallError::Down { status: Stopped, .. })), "{down:?}");
    let metrics = stage.servers.metrics().unwrap();
    let counts = |name| metrics.servers.iter().find(|server| server.name == name).unwrap().counts;
    assert_eq!((counts("well").health_checks_ok, counts("hung").health_checks_failed), (1, 1));
}

#[test]
fn a_server_without_ping_is_well_if_it_says_so() {
    let script = r#"read -r line
        echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2024-11-05","capabilities":{}}}'
        read -r line; read -r line
        echo '{"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"what?"}}'
        cat >/dev/null"#;
    let stage = Stage::one(shell(script, json!({ "healthIntervalMs": null })));
    stage.until_running("it");
    assert_eq!(stage.servers.check("it"), Ok(()));
}

#[test]
fn a_server_that_uses_too_much_memory_is_ended() {
    let mut settings = never();
    settings["healthIntervalMs"] = 5.into();
    settings["workingSetLimitBytes"] = (1 << 20).into();
    let stage = Stage::one(example(&[], settings));
    let info = stage.until("it", Unhealthy);
    assert!(info.reason.contains("bytes of memory; 1048576 are allowed"), "{}", info.reason);
    assert_eq!(stage.until("it", Failed).reason, info.reason);
    // It is in the history once.
    let history = stage.servers.history();
    let failures = history.servers["it"].history().filter(|event| event.reason == info.reason);
    assert_eq!(failures.count(), 1);
}
