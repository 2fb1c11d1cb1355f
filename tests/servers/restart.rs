//! When and how often a server is started again.

use mcp_event::server::{CallError, ServerStatus};
use serde_json::{Value, json};

use crate::stage::*;
use ServerStatus::*;

#[test]
fn a_storm_of_restarts_ends() {
    let settings = json!({ "restart": { "maxRestarts": 3, "backoff": { "initialMs": 1, "maxMs": 2 } } });
    let stage = Stage::one(example(&["--die-at-once"], settings));
    let info = stage.until("it", Failed);
    let reason = format!("its process ended: {EXIT}: 1; after 3 restarts within 60s it is given up");
    assert_eq!(info.reason, reason);
    let one_life = [Starting, Stopping, Backoff];
    let statuses = stage.statuses("it");
    assert_eq!(statuses[..9], [one_life; 3].concat());
    assert_eq!(statuses[9..], [Starting, Stopping, Failed]);
    let counts = stage.counts();
    assert_eq!((counts.starts, counts.failed_starts, counts.restarts, counts.stops), (0, 4, 3, 4));
    // By hand, it has all its tries again.
    stage.servers.start_server("it").unwrap();
    assert_eq!(stage.until("it", Failed).reason, reason);
}

#[test]
fn without_a_limit_it_is_tried_for_ever() {
    let stage = Stage::one(json!({ "command": "no-such-command", "restart": for_ever()["restart"] }));
    for _ in 0..20 {
        stage.until("it", Backoff);
    }
    stage.servers.stop_server("it").unwrap();
    assert_eq!(stage.servers.info("it").unwrap().status, Stopped);
}

#[test]
fn a_server_in_backoff_is_started_at_once_by_hand() {
    let settings = json!({ "restart": { "backoff": { "initialMs": 600_000, "maxMs": 600_000 } } });
    let stage = Stage::one(example(&[], settings));
    stage.until_running("it");
    assert!(stage.tool("crash", json!({})).is_err());
    stage.until("it", Backoff);
    let down = stage.servers.call("it", "ping", Value::Null).wait();
    assert!(matches!(down, Err(CallError::Down { status: Backoff, .. })), "{down:?}");
    let waits = stage.servers.call_with("it", "ping", Value::Null, patient());
    stage.servers.start_server("it").unwrap();
    assert_eq!(waits.wait(), Ok(json!({})));
}

#[test]
fn who_waits_for_a_server_that_is_stopped_waits_no_more() {
    let settings = json!({ "restart": { "backoff": { "initialMs": 600_000, "maxMs": 600_000 } } });
    let stage = Stage::one(example(&["--die-at-once"], settings));
    stage.until("it", Backoff);
    let waits = stage.servers.call_with("it", "ping", Value::Null, patient());
    stage.servers.stop_server("it").unwrap();
    let down = waits.wait();
    assert!(matches!(down, Err(CallError::Down { status: Stopped, .. })), "{down:?}");
}

#[test]
fn a_server_is_restarted_by_hand_in_any_state() {
    let stage = Stage::one(example(&[], json!({})));
    let first = stage.until_running("it").pid.unwrap();
    stage.servers.restart_server("it").unwrap();
    let second = stage.until_it("it", |info| info.status == Running && info.pid != Some(first)).pid.unwrap();
    assert!(!exists(first));
    stage.servers.stop_server("it").unwrap();
    assert!(!exists(second));
    stage.servers.restart_server("it").unwrap();
    stage.until("it", Stopped);
    stage.until_running("it");
}

/// The wait before a restart may be over at the very moment of the stop.
#[test]
fn a_server_that_was_stopped_stays_so_however_short_its_backoff() {
    let stage = Stage::one(json!({ "command": "no-such-command", "restart": for_ever()["restart"] }));
    for _ in 0..50 {
        stage.until("it", Backoff);
        stage.servers.stop_server("it").unwrap();
        assert_eq!(stage.servers.info("it").unwrap().status, Stopped);
        let starts = stage.changes().len();
        // Whatever was on its way to the server's actor has arrived before the answer.
        let down = stage.servers.check("it");
        assert!(matches!(down, Err(CallError::Down { status: Stopped, .. })), "{down:?}");
        assert_eq!(stage.changes().len(), starts);
        stage.servers.start_server("it").unwrap();
    }
}
