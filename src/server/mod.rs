//! MCP servers as supervised actors.
//!
//! [`Servers`] starts what a [`Config`] says, as processes of which nothing is ever left behind, keeps them well,
//! and carries requests to them.

mod actor;
mod board;
mod call;
mod client;
mod collector;
mod config;
mod document;
mod handshake;
mod health;
mod heard;
#[cfg(feature = "http")]
mod http;
mod json_rpc;
mod launch;
mod line_reader;
mod link;
mod listing;
mod log_ring;
mod manager;
mod memory;
mod metrics;
mod open_link;
mod restarts;
mod servers;
mod state;
mod state_keeper;
mod status;
mod stdio;
mod working_set;

pub use call::{Call, CallError, CallKey, CallOptions, Progress, WhenDown};
pub use config::{
    Backoff, Change, Config, ConfigError, RestartPolicy, RestartSettings, ServerConfig, Settings,
    StateSettings, Transport, Warning,
};
pub use document::{Fault, FaultKind};
pub use json_rpc::{Id, RpcError};
pub use launch::{
    Launch, LaunchError, Launched, Launcher, Leftover, LocalLauncher, Process, ProcessEvent, ProcessId,
    ProcessIdentity,
};
pub use log_ring::LogLine;
pub use metrics::{
    LatencyHistogram, MethodMetrics, MetricsSnapshot, RequestOutcome, ServerCounts, ServerMetrics,
};
pub use servers::{Builder, ServerError, Servers, StartError};
pub use state::{Desired, Event, EventKind, ServerState, State, StateError, StateFile};
pub use status::{Peer, ServerInfo, ServerStatus};
