//! Stopping servers, willing and not.

use mcp_event::server::{CallError, ServerError, ServerStatus};
use serde_json::{Value, json};

use crate::stage::*;
use ServerStatus::*;

/// The steps of a stop follow each other soon.
fn hasty() -> Value {
    json!({ "stopTimeoutMs": 20 })
}

#[test]
fn a_server_that_ignores_the_end_of_its_input_and_sigterm_is_killed() {
    let stage = Stage::one(example(&["--ignore-sigterm"], hasty()));
    let pid = stage.until_running("it").pid.unwrap();
    stage.servers.stop_server("it").unwrap();
    assert!(!exists(pid));
    assert_eq!(stage.statuses("it"), [Starting, Running, Stopping, Stopped]);
}

#[test]
fn nothing_that_a_server_started_outlives_it() {
    let stage = Stage::one(example(&["--fork-children", "3"], hasty()));
    stage.until_running("it");
    stage.servers.stop_server("it").unwrap();
    let children = children(&stage.servers, "it");
    // More, if a life before it was ended for being slow to start.
    assert!(children.len() >= 6, "{children:?}");
    assert!(children.iter().all(|pid| !exists(*pid)), "{children:?}");
}

#[test]
fn a_stop_in_the_handshake_is_a_stop() {
    let stage = Stage::one(example(&["--never-answer"], json!({})));
    stage.until_it("it", |info| info.pid.is_some());
    stage.servers.stop_server("it").unwrap();
    assert_eq!(stage.servers.info("it").unwrap().status, Stopped);
}

#[test]
fn a_stop_and_a_start_that_follow_closely_leave_the_server_running() {
    let stage = Stage::one(example(&["--ignore-sigterm"], hasty()));
    let pid = stage.until_running("it").pid.unwrap();
    let servers = stage.servers.clone();
    let stops = std::thread::spawn(move || servers.stop_server("it"));
    stage.until("it", Stopping);
    stage.servers.start_server("it").unwrap();
    // Nothing is left of the life that was to be stopped, though there is another.
    stops.join().unwrap().unwrap();
    assert!(!exists(pid));
    stage.until_running("it");
}

#[test]
fn requests_in_flight_fail_when_the_server_is_stopped() {
    let stage = Stage::one(example(&[], json!({})));
    stage.until_running("it");
    let slow = json!({ "name": "slow", "arguments": { "ms": 600_000 } });
    let call = stage.servers.call("it", "tools/call", slow);
    stage.servers.stop_server("it").unwrap();
    assert_eq!(call.wait(), Err(CallError::ConnectionLost("it was asked to stop".into())));
}

/// None waits for another: all are told to end before the first has.
#[test]
fn servers_that_do_not_want_to_end_are_stopped_at_the_same_time() {
    let names = ["a", "b", "c", "d", "e"];
    let mut settings = json!({ "stopTimeoutMs": 500 });
    settings["restart"] = never()["restart"].take();
    let stage =
        Stage::new(config(names.map(|name| (name, example(&["--ignore-sigterm"], settings.clone())))));
    for name in names {
        stage.until_running(name);
    }
    stage.servers.stop().unwrap();
    let changes = stage.changes();
    let last_told = changes.iter().rposition(|info| info.status == Stopping);
    let first_ended = changes.iter().position(|info| info.status == Stopped);
    assert!(last_told.unwrap() < first_ended.unwrap());
    assert!(stage.servers.list().iter().all(|info| info.status == Stopped && info.pid.is_none()));
}

#[test]
fn after_the_stop_of_all_everything_says_so() {
    let stage = Stage::one(example(&[], json!({})));
    stage.until_running("it");
    stage.servers.stop().unwrap();
    assert_eq!(stage.servers.call("it", "ping", Value::Null).wait(), Err(CallError::ManagerStopped));
    assert_eq!(stage.servers.start_server("it"), Err(ServerError::ManagerStopped));
    assert_eq!(stage.servers.stop_server("it"), Err(ServerError::ManagerStopped));
    assert_eq!(stage.servers.restart_server("it"), Err(ServerError::ManagerStopped));
    assert_eq!(stage.servers.reload(config([])), Err(ServerError::ManagerStopped));
    assert_eq!(stage.servers.check("it"), Err(CallError::ManagerStopped));
    assert_eq!(stage.servers.info("it").unwrap().status, Stopped);
    stage.servers.stop().unwrap();
}

#[test]
fn who_asks_for_a_server_that_is_not_there_is_told() {
    let stage = Stage::new(config([("off", example(&[], json!({ "disabled": true })))]));
    let unknown = || ServerError::Unknown("nobody".into());
    assert_eq!(stage.servers.start_server("nobody"), Err(unknown()));
    assert_eq!(stage.servers.stop_server("nobody"), Err(unknown()));
    assert_eq!(stage.servers.restart_server("nobody"), Err(unknown()));
    assert_eq!(stage.servers.notify("nobody", "x", Value::Null), Err(unknown()));
    let call = stage.servers.call("nobody", "ping", Value::Null).wait();
    assert_eq!(call, Err(CallError::UnknownServer("nobody".into())));
    assert_eq!(stage.servers.check("nobody"), Err(CallError::UnknownServer("nobody".into())));
    assert!(stage.servers.info("nobody").is_none());
    assert!(stage.servers.log_since("nobody", 1).is_empty());
    assert_eq!(stage.servers.start_server("off"), Err(ServerError::Disabled("off".into())));
    assert_eq!(stage.servers.restart_server("off"), Err(ServerError::Disabled("off".into())));
    assert_eq!(stage.servers.info("off").unwrap().status, Stopped);
}

#[test]
fn of_fifty_lives_nothing_is_left() {
    const LIVES: usize = 50;
    const CHILDREN: usize = 4;
    let stage = Stage::one(example(&["--ignore-sigterm", "--fork-children", "2"], hasty()));
    let mut pid = stage.until_running("it").pid.unwrap();
    for life in 1..=LIVES {
        stage.servers.restart_server("it").unwrap();
        let next = stage.until_it("it", |info| info.status == Running && info.pid != Some(pid));
        assert!(!exists(pid), "server {pid} of life {life}");
        // The next life may have named its children, too.
        let children = &children(&stage.servers, "it")[(life - 1) * CHILDREN..life * CHILDREN];
        assert!(children.iter().all(|pid| !exists(*pid)), "{children:?} of life {life}");
        pid = next.pid.unwrap();
    }
}
