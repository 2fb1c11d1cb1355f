//! MCP servers under management: real processes of the example server, well behaved and not.

#[path = "common/example_server.rs"]
mod example_server;

use std::sync::mpsc;
use std::time::Duration;

use example_server::example_server;
use mcp_event::actor::System;
use mcp_event::server::{CallError, CallOptions, Config, ServerInfo, ServerStatus, Servers, WhenDown};
use serde_json::{Value, json};

/// Servers of the example program, each with these arguments and settings.
fn config(servers: &[(&str, &[&str], Value)]) -> Config {
    let entries = servers.iter().map(|(name, args, settings)| {
        let mut entry = json!({ "command": example_server(), "args": args });
        entry.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        (name.to_string(), entry)
    });
    let servers: serde_json::Map<_, _> = entries.collect();
    Config::parse(&json!({ "mcpServers": servers }).to_string(), |_| None).unwrap()
}

struct Stage {
    servers: Servers,
    changes: mpsc::Receiver<ServerInfo>,
    system: System,
}

impl Stage {
    fn new(config: Config) -> Stage {
        let system = System::new(2).unwrap();
        let (sender, changes) = mpsc::channel();
        let sender = std::sync::Mutex::new(sender);
        let servers = Servers::builder(config)
            .on_change(move |info| drop(sender.lock().unwrap().send(info.clone())))
            .start(&system)
            .unwrap();
        Stage { servers, changes, system }
    }

    fn one(args: &[&str], settings: Value) -> Stage {
        Stage::new(config(&[("it", args, settings)]))
    }

    /// Waits until a server has this status.
    #[track_caller]
    fn until(&self, name: &str, status: ServerStatus) -> ServerInfo {
        loop {
            let info = self.changes.recv_timeout(Duration::from_secs(60)).expect("the status never came");
            if info.name == name && info.status == status {
                return info;
            }
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.servers.stop().unwrap();
        self.system.stop().unwrap();
    }
}

#[test]
fn a_server_starts_answers_and_stops() {
    let stage = Stage::one(&["--name", "it"], json!({}));
    let info = stage.until("it", ServerStatus::Running);
    assert_eq!(info.peer.unwrap().protocol_version, "2025-11-25");
    assert!(info.pid.is_some());
    let sum =
        stage.servers.call("it", "tools/call", json!({ "name": "add", "arguments": { "a": 40, "b": 2 } }));
    let sum = sum.wait().unwrap();
    assert!(sum.to_string().contains("42"), "{sum}");
    let unknown = stage.servers.call("it", "no/such/method", Value::Null).wait();
    assert!(matches!(unknown, Err(CallError::Rpc(error)) if error.code == -32601));
    let nobody = stage.servers.call("nobody", "ping", Value::Null).wait();
    assert_eq!(nobody, Err(CallError::UnknownServer("nobody".into())));
    stage.servers.stop_server("it").unwrap();
    let down = stage.servers.call("it", "ping", Value::Null).wait();
    assert!(matches!(down, Err(CallError::Down { status: ServerStatus::Stopped, .. })), "{down:?}");
}

#[test]
fn a_killed_server_comes_back() {
    let settings = json!({ "restart": { "backoff": { "initialMs": 10, "maxMs": 100 } } });
    let stage = Stage::one(&[], settings);
    let pid = stage.until("it", ServerStatus::Running).pid.unwrap();
    // SAFETY: a number of a child's child, which lives.
    unsafe { libc::kill(pid as i32, libc::SIGKILL) };
    stage.until("it", ServerStatus::Backoff);
    let call = stage.servers.call_with(
        "it",
        "ping",
        Value::Null,
        CallOptions::new().when_down(WhenDown::Wait).timeout(Duration::from_secs(60)),
    );
    assert_eq!(call.wait(), Ok(json!({})));
    let info = stage.until("it", ServerStatus::Running);
    assert_ne!(info.pid, Some(pid));
    assert_eq!(stage.servers.metrics().unwrap().servers[0].counts.restarts, 1);
}

#[test]
fn a_command_that_is_not_there_is_named() {
    let text = json!({ "mcpServers": { "it": { "command": "/no/such/program", "restart": { "policy": "never" } } } });
    let stage = Stage::new(Config::parse(&text.to_string(), |_| None).unwrap());
    let info = stage.until("it", ServerStatus::Failed);
    assert!(info.reason.contains("No such file"), "{}", info.reason);
}
