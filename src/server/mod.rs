//! MCP servers as supervised actors.

mod config;
mod document;
#[cfg_attr(not(test), expect(dead_code, reason = "for the actor of a server"))]
mod json_rpc;
#[cfg_attr(not(test), expect(dead_code, reason = "for the actor of a server"))]
mod line_reader;
#[cfg_attr(not(test), expect(dead_code, reason = "for the actor of a server"))]
mod log_ring;
#[cfg_attr(not(test), expect(dead_code, reason = "for the actor of a server"))]
mod metrics;
mod state;

pub use config::{
    Backoff, Change, Config, ConfigError, RestartPolicy, RestartSettings, ServerConfig, Settings,
    StateSettings, Transport, Warning,
};
pub use document::{Fault, FaultKind};
pub use json_rpc::{Id, RpcError};
pub use log_ring::LogLine;
pub use metrics::{
    LatencyHistogram, MethodMetrics, MetricsSnapshot, RequestOutcome, ServerCounts, ServerMetrics,
};
pub use state::{
    Desired, Event, EventKind, ProcessRecord, ProcessStamp, ServerState, State, StateError, StateFile,
};
