//! Taking a new configuration over while servers run.

use mcp_event::server::{CallError, ServerStatus};
use serde_json::{Value, json};

use crate::stage::*;
use ServerStatus::*;

#[test]
fn a_reload_applies_what_differs_and_nobody_else_notices() {
    let stays = || example(&["--name", "stays"], json!({}));
    let relabelled = |label: &str| example(&[], json!({ "capabilities": [label], "category": label }));
    let stage = Stage::new(config([
        ("stays", stays()),
        ("goes", example(&[], json!({}))),
        ("changes", example(&["--name", "old"], json!({}))),
        ("relabelled", relabelled("old")),
    ]));
    let pids = ["stays", "goes", "changes", "relabelled"].map(|name| stage.until_running(name).pid.unwrap());
    let slow = json!({ "name": "slow", "arguments": { "ms": 200 } });
    let in_flight = stage.servers.call("stays", "tools/call", slow);
    let change = stage.servers.reload(config([
        ("comes", example(&[], json!({}))),
        ("relabelled", relabelled("new")),
        ("changes", example(&["--name", "new"], json!({}))),
        ("stays", stays()),
    ]));
    let change = change.unwrap();
    assert_eq!((change.added, change.removed), (vec!["comes".to_owned()], vec!["goes".to_owned()]));
    assert_eq!(
        (change.changed, change.relabelled),
        (vec!["changes".to_owned()], vec!["relabelled".to_owned()])
    );
    assert!(in_flight.wait().is_ok());
    stage.until_running("comes");
    let changed = stage.until_it("changes", |info| {
        info.status == Running && info.peer.as_ref().is_some_and(|peer| peer.name == "new")
    });
    assert_ne!(changed.pid, Some(pids[2]));
    stage.until("goes", Stopped);
    assert!(!exists(pids[1]) && !exists(pids[2]));
    let list = stage.servers.list();
    let names: Vec<_> = list.iter().map(|info| info.name.as_str()).collect();
    assert_eq!(names, ["comes", "relabelled", "changes", "stays"]);
    assert_eq!((list[1].pid, list[3].pid), (Some(pids[3]), Some(pids[0])));
    assert_eq!((list[1].labels.clone(), list[1].category.as_deref()), (vec!["new".to_owned()], Some("new")));
    assert_eq!(stage.statuses("stays"), [Starting, Running]);
    assert_eq!(stage.statuses("relabelled"), [Starting, Running]);
    let gone = stage.servers.call("goes", "ping", Value::Null).wait();
    assert_eq!(gone, Err(CallError::UnknownServer("goes".into())));
}

#[test]
fn a_server_that_is_removed_and_added_at_once_runs_once() {
    let stubborn = || example(&["--ignore-sigterm"], json!({ "stopTimeoutMs": 20 }));
    let other = || example(&[], json!({}));
    let stage = Stage::new(config([("it", stubborn()), ("other", other())]));
    let mut pid = stage.until_running("it").pid.unwrap();
    let other_pid = stage.until_running("other").pid;
    for _ in 0..3 {
        stage.servers.reload(config([("other", other())])).unwrap();
        assert!(stage.servers.info("it").is_none());
        stage.servers.reload(config([("it", stubborn()), ("other", other())])).unwrap();
        let waits = stage.servers.call_with("it", "ping", Value::Null, patient()).wait();
        assert_eq!(waits, Ok(json!({})));
        assert!(!exists(pid));
        pid = stage.servers.info("it").unwrap().pid.unwrap();
    }
    assert_eq!(stage.servers.info("other").unwrap().pid, other_pid);
}

#[test]
fn a_server_that_was_removed_and_ended_can_come_back() {
    let stage = Stage::new(config([("it", example(&[], json!({})))]));
    for _ in 0..3 {
        stage.until_running("it");
        stage.servers.reload(config([])).unwrap();
        stage.until("it", Stopped);
        stage.servers.reload(config([("it", example(&[], json!({})))])).unwrap();
    }
    stage.until_running("it");
    stage.ping("it");
}

/// What was known of a server goes with it, also what its end had to tell.
#[test]
fn nothing_is_remembered_of_a_server_that_was_removed() {
    let stage = Stage::new(config([("it", example(&[], json!({}))), ("last", example(&[], json!({})))]));
    stage.until_running("it");
    stage.until_running("last");
    stage.servers.reload(config([("last", example(&[], json!({})))])).unwrap();
    stage.until("it", Stopped);
    stage.servers.stop().unwrap();
    let history = stage.servers.history();
    assert_eq!(history.servers.keys().collect::<Vec<_>>(), ["last"]);
    assert!(!stage.servers.prometheus().contains("\"it\""));
}

#[test]
fn a_server_is_disabled_and_enabled() {
    let server = |disabled: bool| config([("it", example(&[], json!({ "disabled": disabled })))]);
    let stage = Stage::new(server(false));
    let pid = stage.until_running("it").pid.unwrap();
    stage.servers.reload(server(true)).unwrap();
    stage.until("it", Stopped);
    assert!(!exists(pid));
    stage.servers.reload(server(false)).unwrap();
    stage.until_running("it");
}

#[test]
fn a_server_that_was_given_up_is_tried_again_when_its_command_is_mended() {
    let stage = Stage::one(json!({ "command": "no-such-command", "restart": { "policy": "never" } }));
    stage.until("it", Failed);
    stage.servers.reload(config([("it", example(&[], json!({})))])).unwrap();
    stage.until_running("it");
    // One that somebody has stopped stays so.
    stage.servers.stop_server("it").unwrap();
    stage.servers.reload(config([("it", example(&["--name", "other"], json!({})))])).unwrap();
    assert_eq!(stage.servers.info("it").unwrap().status, Stopped);
    stage.servers.start_server("it").unwrap();
    stage.until_it("it", |info| info.peer.as_ref().is_some_and(|peer| peer.name == "other"));
}
