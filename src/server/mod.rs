//! MCP servers as supervised actors.

mod config;
mod document;
mod json_rpc;
mod line_reader;
mod log_ring;
mod state;

pub use config::{
    Backoff, Change, Config, ConfigError, RestartPolicy, RestartSettings, ServerConfig, Settings,
    StateSettings, Transport, Warning,
};
pub use document::{Fault, FaultKind};
pub use json_rpc::{Id, RpcError};
pub use log_ring::LogLine;
pub use state::{
    Desired, Event, EventKind, ProcessRecord, ProcessStamp, ServerState, State, StateError, StateFile,
};
