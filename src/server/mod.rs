//! MCP servers as supervised actors.

mod launch;

pub use launch::{
    Launch, LaunchError, Launched, Launcher, Leftover, LocalLauncher, Process, ProcessEvent, ProcessId,
    ProcessIdentity,
};
