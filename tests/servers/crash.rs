//! Servers that end of themselves, or are ended by somebody else.

use std::sync::atomic::{AtomicBool, Ordering};

use mcp_event::server::{CallError, CallOptions, ServerStatus};
use serde_json::{Value, json};

use crate::stage::*;
use ServerStatus::*;

#[test]
fn a_killed_server_comes_back() {
    let stage = Stage::one(example(&[], for_ever()));
    let pid = stage.until_running("it").pid.unwrap();
    signal(pid, libc::SIGKILL);
    let call = stage.servers.call_with("it", "ping", Value::Null, patient());
    let info = stage.until("it", Backoff);
    assert!(
        info.reason.starts_with("its process ended: signal: 9 (SIGKILL); it is started again"),
        "{info:?}"
    );
    assert_eq!(info.pid, None);
    assert_ne!(stage.until_running("it").pid, Some(pid));
    // Sent to the former life or to the next, as it was seen to be dead or not yet.
    let outcome = call.wait();
    assert!(matches!(outcome, Ok(_) | Err(CallError::ConnectionLost(_))), "{outcome:?}");
    stage.ping("it");
    assert_eq!(stage.statuses("it"), [Starting, Running, Stopping, Backoff, Starting, Running]);
    assert_eq!((stage.counts().restarts, stage.servers.info("it").unwrap().restarts), (1, 1));
}

#[test]
fn requests_in_flight_fail_with_the_server() {
    let stage = Stage::one(example(&[], never()));
    stage.until_running("it");
    let slow = json!({ "name": "slow", "arguments": { "ms": 600_000 } });
    let calls: Vec<_> = (0..10).map(|_| stage.servers.call("it", "tools/call", slow.clone())).collect();
    let crash = stage.tool("crash", json!({ "code": 3 }));
    assert!(matches!(crash, Err(CallError::ConnectionLost(_))), "{crash:?}");
    for call in calls {
        let lost = call.wait();
        assert!(matches!(lost, Err(CallError::ConnectionLost(_))), "{lost:?}");
    }
    let info = stage.until("it", Failed);
    assert_eq!((info.reason.as_str(), info.in_flight), ("its process ended: exit status: 3", 0));
}

#[test]
fn a_server_that_exits_well_is_started_again_only_if_its_policy_says_always() {
    let stage =
        Stage::new(config([("on-failure", example(&[], json!({}))), ("always", example(&[], for_ever()))]));
    for name in ["on-failure", "always"] {
        stage.until_running(name);
        let exit = json!({ "name": "crash", "arguments": { "code": 0 } });
        assert!(stage.servers.call(name, "tools/call", exit).wait().is_err());
    }
    assert_eq!(stage.until("on-failure", Stopped).reason, "its process ended: exit status: 0");
    stage.until("always", Backoff);
    stage.until_running("always");
}

#[test]
fn a_server_that_exits_now_and_then_is_always_there_again() {
    let stage = Stage::one(example(&["--exit-after", "50"], for_ever()));
    for _ in 0..3 {
        stage.until("it", Backoff);
    }
}

#[test]
fn the_signal_that_ended_a_server_is_named() {
    let stage = Stage::one(example(&[], never()));
    stage.until_running("it");
    assert!(stage.tool("crash", json!({ "signal": libc::SIGTERM })).is_err());
    assert_eq!(stage.until("it", Failed).reason, "its process ended: signal: 15 (SIGTERM)");
}

#[test]
fn what_a_dead_server_started_is_ended_before_it_comes_back() {
    let stage = Stage::one(example(&["--fork-children", "2"], for_ever()));
    stage.until_running("it");
    assert!(stage.tool("crash", json!({})).is_err());
    stage.until("it", Backoff);
    let children = &children(&stage.servers, "it")[..4];
    assert!(children.iter().all(|pid| !exists(*pid)), "{children:?}");
    stage.until_running("it");
}

/// What a user gave us may fail when it is destroyed, too.
#[test]
fn a_failure_of_the_servers_actor_is_the_end_of_that_life_alone() {
    struct Bomb(AtomicBool);
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(!self.0.load(Ordering::Relaxed), "the bomb of a test goes off");
        }
    }
    let stage = Stage::new(config([("it", example(&[], json!({}))), ("other", example(&[], json!({})))]));
    let pid = stage.until_running("it").pid.unwrap();
    let other = stage.until_running("other").pid;
    let process = Witness::of(pid);
    let bomb = Bomb(AtomicBool::new(true));
    let options = CallOptions::new().on_progress(move |_| bomb.0.store(true, Ordering::Relaxed));
    // The answer is sent before the bomb goes off.
    assert_eq!(stage.servers.call_with("it", "ping", Value::Null, options).wait(), Ok(json!({})));
    stage.until_it("it", |info| info.status == Running && info.pid.is_some_and(|other| other != pid));
    stage.ping("it");
    process.assert_gone();
    assert_eq!(stage.servers.info("other").unwrap().pid, other);
}
