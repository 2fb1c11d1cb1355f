//! MCP servers as supervised actors.

mod config;
mod document;
#[allow(dead_code)]
mod json_rpc;
mod launch;
#[allow(dead_code)]
mod line_reader;
#[allow(dead_code)]
mod log_ring;
#[allow(dead_code)]
mod metrics;
mod state;

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
pub use state::{
    Desired, Event, EventKind, ProcessRecord, ProcessStamp, ServerState, State, StateError, StateFile,
};
