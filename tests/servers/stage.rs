//! Servers under management, and everything that their status ever was.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use mcp_event::actor::System;
use mcp_event::server::{
    Builder, CallError, CallOptions, Config, ServerInfo, ServerStatus, Servers, WhenDown,
};
use serde_json::{Map, Value, json};

use crate::example_server::example_server;
pub use crate::process::*;

/// After this a test has failed; none waits for it.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A server of the example program, with these arguments and settings.
pub fn example(args: &[&str], settings: Value) -> Value {
    with(settings, json!({ "command": example_server(), "args": args }))
}

/// A server that is a shell script.
#[cfg(not(windows))]
pub fn shell(script: &str, settings: Value) -> Value {
    with(settings, json!({ "command": "sh", "args": ["-c", script] }))
}

fn with(mut settings: Value, keys: Value) -> Value {
    let Value::Object(keys) = keys else { unreachable!() };
    settings.as_object_mut().unwrap().extend(keys);
    settings
}

pub fn config<'a>(servers: impl IntoIterator<Item = (&'a str, Value)>) -> Config {
    let servers: Map<_, _> = servers.into_iter().map(|(name, server)| (name.to_owned(), server)).collect();
    Config::parse(&json!({ "mcpServers": servers }).to_string(), |_| None).unwrap()
}

/// The setting that a server which ended is not started again.
pub fn never() -> Value {
    json!({ "restart": { "policy": "never" } })
}

/// The setting that it is started again at once, for ever.
pub fn for_ever() -> Value {
    json!({ "restart": { "policy": "always", "maxRestarts": null, "backoff": { "initialMs": 1, "maxMs": 2 } } })
}

#[derive(Default)]
struct History {
    changes: Mutex<Vec<ServerInfo>>,
    more: Condvar,
}

pub struct Stage {
    pub servers: Servers,
    pub system: System,
    history: Arc<History>,
    /// Up to where the changes of each server have been looked at.
    seen: Mutex<HashMap<String, usize>>,
}

impl Stage {
    pub fn new(config: Config) -> Stage {
        Stage::with(config, |builder| builder)
    }

    pub fn with(config: Config, build: impl FnOnce(Builder) -> Builder) -> Stage {
        let system = System::new(2).unwrap();
        let history = Arc::new(History::default());
        let hook = history.clone();
        let builder = Servers::builder(config).on_change(move |info| {
            hook.changes.lock().unwrap().push(info.clone());
            hook.more.notify_all();
        });
        let servers = build(builder).start(&system).unwrap();
        Stage { servers, system, history, seen: Mutex::default() }
    }

    /// With one server, named "it".
    pub fn one(server: Value) -> Stage {
        Stage::new(config([("it", server)]))
    }

    /// Waits for the next change of a server that is as wanted.
    #[track_caller]
    pub fn until_it(&self, name: &str, is_wanted: impl Fn(&ServerInfo) -> bool) -> ServerInfo {
        let mut seen = self.seen.lock().unwrap();
        let seen = seen.entry(name.to_owned()).or_default();
        let mut changes = self.history.changes.lock().unwrap();
        loop {
            while let Some(change) = changes.get(*seen) {
                *seen += 1;
                if change.name == name && is_wanted(change) {
                    return change.clone();
                }
            }
            let (more, waited) = self.history.more.wait_timeout(changes, LIMIT).unwrap();
            changes = more;
            assert!(!waited.timed_out(), "{name} never came to that; it is {:?}", self.servers.info(name));
        }
    }

    #[track_caller]
    pub fn until(&self, name: &str, status: ServerStatus) -> ServerInfo {
        self.until_it(name, |info| info.status == status)
    }

    /// Waits until a server runs.
    #[track_caller]
    pub fn until_running(&self, name: &str) -> ServerInfo {
        let info = self.until(name, ServerStatus::Running);
        assert!(info.pid.is_some() && info.peer.is_some(), "{info:?}");
        info
    }

    /// All changes so far.
    pub fn changes(&self) -> Vec<ServerInfo> {
        self.history.changes.lock().unwrap().clone()
    }

    /// The different statuses that a server has had, in their order.
    pub fn statuses(&self, name: &str) -> Vec<ServerStatus> {
        let changes = self.changes();
        let mut statuses: Vec<_> =
            changes.iter().filter(|info| info.name == name).map(|info| info.status).collect();
        statuses.dedup();
        statuses
    }

    /// Calls a tool of the server "it".
    pub fn tool(&self, tool: &str, arguments: Value) -> Result<Value, CallError> {
        self.servers.call("it", "tools/call", json!({ "name": tool, "arguments": arguments })).wait()
    }

    #[track_caller]
    pub fn ping(&self, name: &str) {
        assert_eq!(self.servers.call(name, "ping", Value::Null).wait(), Ok(json!({})));
    }

    /// The counts of the server "it".
    pub fn counts(&self) -> mcp_event::server::ServerCounts {
        self.servers.metrics().unwrap().servers[0].counts
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.servers.stop().unwrap();
        self.system.stop().unwrap();
    }
}

/// A request that waits for a server, for as long as a test may take.
pub fn patient() -> CallOptions {
    CallOptions::new().when_down(WhenDown::Wait).timeout(LIMIT)
}

/// The children that the example server named in its log.
pub fn children(servers: &Servers, name: &str) -> Vec<u32> {
    let log = servers.log_since(name, 1);
    log.iter().filter_map(|line| line.text.strip_prefix("child ")?.parse().ok()).collect()
}
