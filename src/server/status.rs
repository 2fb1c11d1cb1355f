//! What a server is doing, as anybody may see it at any moment.

use std::fmt;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::listing::Catalog;
use crate::metrics::{Exposition, Kind, Label};

/// What a server is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServerStatus {
    /// Its process is started, or the handshake is under way.
    Starting,
    /// It is ready for requests.
    Running,
    /// It runs, but its health checks fail.
    Unhealthy,
    /// It was asked to end, and has not ended yet.
    Stopping,
    /// It does not run, and is not meant to.
    Stopped,
    /// It does not run, and is not started again by itself.
    Failed,
    /// It does not run, and is started again after a wait.
    Backoff,
}

impl ServerStatus {
    /// All of them.
    pub const ALL: [ServerStatus; 7] = [
        ServerStatus::Starting,
        ServerStatus::Running,
        ServerStatus::Unhealthy,
        ServerStatus::Stopping,
        ServerStatus::Stopped,
        ServerStatus::Failed,
        ServerStatus::Backoff,
    ];

    /// Whether it takes requests.
    pub fn takes_requests(self) -> bool {
        matches!(self, ServerStatus::Running | ServerStatus::Unhealthy)
    }

    /// Whether it will take requests again without anybody's doing.
    pub fn is_on_its_way(self) -> bool {
        matches!(self, ServerStatus::Starting | ServerStatus::Backoff)
    }

    /// The status in one word, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            ServerStatus::Starting => "starting",
            ServerStatus::Running => "running",
            ServerStatus::Unhealthy => "unhealthy",
            ServerStatus::Stopping => "stopping",
            ServerStatus::Stopped => "stopped",
            ServerStatus::Failed => "failed",
            ServerStatus::Backoff => "backoff",
        }
    }
}

impl fmt::Display for ServerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is known of a server at one moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServerInfo {
    /// Its name in the configuration.
    pub name: String,
    /// What it is doing.
    pub status: ServerStatus,
    /// Why, in words.
    pub reason: String,
    /// Since when.
    pub since: Instant,
    /// Its process, while it has one.
    pub pid: Option<u32>,
    /// The sort of server it is, as configured.
    pub category: Option<String>,
    /// What it can do, as configured.
    pub labels: Vec<String>,
    /// What it said of itself in the last handshake.
    pub peer: Option<Peer>,
    /// The names of its tools, as it last listed them.
    pub tools: Vec<String>,
    /// The URIs of its resources, likewise.
    pub resources: Vec<String>,
    /// The names of its prompts, likewise.
    pub prompts: Vec<String>,
    /// How often it was started again, in this life of the manager.
    pub restarts: u64,
    /// How long the last health check took, if it passed.
    pub last_ping: Option<Duration>,
    /// Health checks that failed in a row.
    pub failed_checks: u32,
    /// Requests that wait for their answers.
    pub in_flight: usize,
}

impl ServerInfo {
    pub(crate) fn names_of(&mut self, catalog: Catalog) -> &mut Vec<String> {
        match catalog {
            Catalog::Tools => &mut self.tools,
            Catalog::Resources => &mut self.resources,
            Catalog::Prompts => &mut self.prompts,
        }
    }

    pub(crate) fn new(name: String) -> ServerInfo {
        ServerInfo {
            name,
            status: ServerStatus::Stopped,
            reason: "not started yet".into(),
            since: Instant::now(),
            pid: None,
            category: None,
            labels: Vec::new(),
            peer: None,
            tools: Vec::new(),
            resources: Vec::new(),
            prompts: Vec::new(),
            restarts: 0,
            last_ping: None,
            failed_checks: 0,
            in_flight: 0,
        }
    }
}

/// What a server says of itself in the handshake.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Peer {
    /// Its own name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The revision of the protocol that was agreed on.
    pub protocol_version: String,
    /// Its capabilities, as it wrote them.
    pub capabilities: Value,
    /// What it says about its use, for a model.
    pub instructions: Option<String>,
}

/// Adds what each server is doing.
pub(crate) fn write_status(page: &mut Exposition, servers: &[ServerInfo]) {
    let help = "What the server is doing: 1 for the status it has.";
    for server in servers {
        for status in ServerStatus::ALL {
            let labels: [Label<'_>; 2] = [("server", &server.name), ("status", &status)];
            let is_it = f64::from(u8::from(status == server.status));
            page.put(Kind::Gauge, "mcp_server_status", help, &labels, is_it);
        }
    }
}
