//! What is remembered from one life of the manager to the next.

use std::fs;

use mcp_event::server::{Config, Desired, EventKind, ServerStatus, StartError, StateError, StateFile};
use serde_json::{Value, json};

use crate::directory::Directory;
use crate::stage::*;
use ServerStatus::*;

#[test]
fn what_a_user_asked_for_survives_the_manager() {
    let directory = Directory::new();
    let path = directory.file("state.json");
    let servers = || {
        let late = example(&[], json!({ "autostart": false }));
        config([("stopped", example(&[], json!({}))), ("started", late), ("other", example(&[], json!({})))])
    };
    let stage = Stage::with(servers(), |builder| builder.state_file(&path));
    stage.until_running("stopped");
    stage.servers.stop_server("stopped").unwrap();
    stage.servers.start_server("started").unwrap();
    stage.until_running("started");
    stage.until_running("other");
    drop(stage);

    let stage = Stage::with(servers(), |builder| builder.state_file(&path));
    stage.until_running("started");
    stage.until_running("other");
    assert_eq!(stage.servers.info("stopped").unwrap().status, Stopped);
    assert_eq!(stage.statuses("stopped"), []);
    stage.servers.start_server("stopped").unwrap();
    stage.until_running("stopped");
}

#[test]
fn the_history_is_whole_when_the_manager_has_stopped() {
    let directory = Directory::new();
    let path = directory.file("state.json");
    let stage = Stage::with(config([("it", example(&[], for_ever()))]), |builder| builder.state_file(&path));
    stage.until_running("it");
    assert!(stage.tool("crash", json!({ "code": 9 })).is_err());
    stage.until("it", Backoff);
    let pid = stage.until_running("it").pid;
    let process = stage.servers.history().servers["it"].process.clone();
    assert_eq!(process.map(|process| process.server.pid), pid);
    stage.servers.stop().unwrap();
    // The file is free, though there are still handles.
    let state = StateFile::open(&path).unwrap().load().unwrap();
    assert_eq!(state, stage.servers.history());
    let it = &state.servers["it"];
    assert_eq!((it.process.clone(), it.restarts, it.desired), (None, 1, None));
    let history: Vec<_> = it.history().map(|event| (event.kind, event.reason.as_str())).collect();
    assert_eq!(
        history,
        [
            (EventKind::Started, "example 1.0.0 is ready"),
            (EventKind::Failed, &*format!("its process ended: {EXIT}: 9")),
            (EventKind::Started, "example 1.0.0 is ready"),
            (EventKind::Stopped, "it was asked to stop"),
        ]
    );
}

#[test]
fn a_server_that_does_not_run_is_not_stopped_again() {
    let directory = Directory::new();
    let path = directory.file("state.json");
    for _ in 0..2 {
        let stage = Stage::with(config([("it", example(&[], json!({ "autostart": false })))]), |builder| {
            builder.state_file(&path)
        });
        stage.servers.stop_server("it").unwrap();
        stage.servers.stop().unwrap();
    }
    let state = StateFile::open(&path).unwrap().load().unwrap();
    assert_eq!(state.servers["it"].desired, Some(Desired::Stopped));
    assert_eq!(state.servers["it"].history().len(), 0);
}

#[test]
fn a_second_manager_does_not_get_the_state() {
    let directory = Directory::new();
    let path = directory.file("state.json");
    let first = Stage::with(config([]), |builder| builder.state_file(&path));
    let second = mcp_event::server::Servers::builder(config([])).name("second").state_file(&path);
    let error = second.start(&first.system).unwrap_err();
    assert!(matches!(error, StartError::State(StateError::InUse { .. })), "{error}");
    first.servers.stop().unwrap();
    let third = mcp_event::server::Servers::builder(config([])).name("third").state_file(&path);
    third.start(&first.system).unwrap().stop().unwrap();
}

#[test]
fn a_state_that_cannot_be_read_is_set_aside() {
    let directory = Directory::new();
    let path = directory.file("state.json");
    fs::write(&path, "{ half a sta").unwrap();
    let stage = Stage::with(config([("it", example(&[], json!({})))]), |builder| builder.state_file(&path));
    stage.until_running("it");
    stage.servers.stop().unwrap();
    assert_eq!(fs::read_to_string(directory.file("state.json.bad-1")).unwrap(), "{ half a sta");
    assert!(StateFile::open(&path).unwrap().load().is_ok());
}

#[test]
fn servers_that_are_not_configured_any_more_are_forgotten() {
    let directory = Directory::new();
    let path = directory.file("state.json");
    let stage = Stage::with(config([("old", example(&[], json!({})))]), |builder| builder.state_file(&path));
    stage.until_running("old");
    drop(stage);
    let stage = Stage::with(config([("new", example(&[], json!({})))]), |builder| builder.state_file(&path));
    stage.until_running("new");
    assert_eq!(stage.servers.history().servers.keys().collect::<Vec<_>>(), ["new"]);
}

/// A configuration with one server, "it", and these settings of the state.
fn config_with_state(state: Value) -> Config {
    let text = json!({ "state": state, "mcpServers": { "it": example(&[], json!({})) } }).to_string();
    Config::parse(&text, |_| None).unwrap()
}

#[test]
fn the_state_file_of_the_configuration_goes_before_the_builders() {
    let directory = Directory::new();
    let (path, other) = (directory.file("state.json"), directory.file("other.json"));
    let config = config_with_state(json!({ "path": &path }));
    let stage = Stage::with(config, |builder| builder.state_file(&other));
    stage.until_running("it");
    stage.servers.stop().unwrap();
    let state = StateFile::open(&path).unwrap().load().unwrap();
    assert_eq!(state.servers["it"].history().len(), 2);
    assert!(!other.exists());
}

#[test]
fn a_state_that_is_switched_off_is_written_nowhere() {
    let directory = Directory::new();
    let (path, other) = (directory.file("state.json"), directory.file("other.json"));
    for state in [json!({ "enabled": false }), json!({ "enabled": false, "path": &path })] {
        let stage = Stage::with(config_with_state(state), |builder| builder.state_file(&other));
        stage.until_running("it");
        stage.servers.stop().unwrap();
        // It is remembered all the same, for as long as the manager lives.
        assert_eq!(stage.servers.history().servers["it"].history().len(), 2);
        assert!(!path.exists() && !other.exists());
    }
}
