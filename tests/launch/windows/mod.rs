//! Servers in jobs: the example server, and batch files.

mod command;
mod end;
mod server;
