//! MCP servers for C, a noun a file.

mod answer;
mod call;
mod change;
mod config;
mod list;
mod log;
pub(crate) mod manager;
