//! MCP servers as supervised actors.

mod config;
mod document;

pub use config::{
    Backoff, Change, Config, ConfigError, RestartPolicy, RestartSettings, ServerConfig, Settings,
    StateSettings, Transport, Warning,
};
pub use document::{Fault, FaultKind};
