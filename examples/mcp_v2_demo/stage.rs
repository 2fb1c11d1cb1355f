//! The servers, the system of actors they live in, and the news of them.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use mcp_event::actor::System;
use mcp_event::server::{Config, ServerInfo, ServerStatus, Servers};
use serde_json::{Value, json};

use super::page::Page;
use super::processes::Processes;
use super::style::Colour;

/// Nothing here takes long; what takes this long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Stage {
    // In this order they go: the servers' actors end with their system.
    pub servers: Servers,
    pub system: System,
    /// Each change of a server's status.
    changes: Receiver<ServerInfo>,
    names: Vec<String>,
    begun: Instant,
}

impl Stage {
    /// Starts the actors, which start the servers.
    pub fn start(config: Config) -> Result<Stage, Box<dyn Error>> {
        let begun = Instant::now();
        let names = config.servers.iter().map(|server| server.name.clone()).collect();
        let system = System::new(2)?;
        let (changed, changes) = mpsc::channel();
        // Should nobody listen any more, nobody wants to know.
        let hook = move |info: &ServerInfo| drop(changed.send(info.clone()));
        let servers = Servers::builder(config).on_change(hook).start(&system)?;
        Ok(Stage { servers, system, changes, names, begun })
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The next change, if one comes within `limit`.
    pub fn next_change(&self, limit: Duration) -> Result<Option<ServerInfo>, Box<dyn Error>> {
        match self.changes.recv_timeout(limit) {
            Ok(info) => Ok(Some(info)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until a server has a status that it does not leave by itself within moments.
    pub fn until(&self, name: &str, status: ServerStatus) -> Result<ServerInfo, Box<dyn Error>> {
        loop {
            let info = self.next_change(PATIENCE)?.ok_or_else(|| format!("{name} never was {status}"))?;
            if info.status == ServerStatus::Failed {
                return Err(format!("{} failed: {}", info.name, info.reason).into());
            }
            if info.name == name && info.status == status {
                return Ok(info);
            }
        }
    }

    /// Has a server add two numbers.
    pub fn add(&self, server: &str, a: i64, b: i64) -> Result<(), Box<dyn Error>> {
        let arguments = json!({"name": "add", "arguments": {"a": a, "b": b}});
        let sum = self.servers.call(server, "tools/call", arguments).wait()?;
        match &sum["structuredContent"]["sum"] {
            Value::Number(sum) if sum.as_i64() == Some(a + b) => Ok(()),
            sum => Err(format!("{server} says that {a} and {b} are {sum}").into()),
        }
    }

    /// Shows the servers as they get ready, and then the actors.
    pub fn show_start(&self, page: &Page, processes: &mut Processes) -> Result<(), Box<dyn Error>> {
        page.columns(format_args!(
            "{:<12} {:<9} {:>8} {:>10}  what it says",
            "server", "status", "pid", "after"
        ));
        let mut starting: BTreeSet<_> = self.names.iter().cloned().collect();
        let mut silent = starting.clone();
        while !silent.is_empty() {
            let info = self.next_change(PATIENCE)?.ok_or("the servers do not get ready")?;
            match info.status {
                ServerStatus::Starting => {}
                ServerStatus::Running => {
                    // It says what it offers when it is asked, a moment after it is ready.
                    if !info.tools.is_empty() {
                        silent.remove(&info.name);
                    }
                    if !starting.remove(&info.name) {
                        continue;
                    }
                    let pid = info.pid.ok_or("a server runs without a process")?;
                    processes.note(&info.name, pid)?;
                    let after = format!("{:.0} ms", self.begun.elapsed().as_secs_f64() * 1e3);
                    let status =
                        page.style.paint(Colour::of(info.status), format_args!("{:<9}", info.status));
                    page.line(format_args!(
                        "{:<12} {status} {pid:>8} {after:>10}  {}",
                        info.name, info.reason
                    ));
                }
                _ => return Err(format!("{} is {}: {}", info.name, info.status, info.reason).into()),
            }
        }
        for name in &self.names {
            self.add(name, 40, 2)?;
        }
        for info in self.servers.list() {
            page.line(format_args!("{:<12} offers {}", info.name, info.tools.join(", ")));
        }
        println!();
        for line in self.system.tree().to_string().lines() {
            page.line(line);
        }
        Ok(())
    }

    /// Stops the servers, then the actors that looked after them, then the system.
    pub fn stop(&self, page: &Page) -> Result<(), Box<dyn Error>> {
        self.servers.stop()?;
        for info in self.changes.try_iter().filter(|info| info.status == ServerStatus::Stopped) {
            page.success(format_args!("{:<12} stopped: {}", info.name, info.reason));
        }
        for info in self.servers.list() {
            if info.status != ServerStatus::Stopped {
                return Err(format!("{} is {}", info.name, info.status).into());
            }
        }
        page.success(
            "the manager, the health monitor, the metrics collector and their supervisor have stopped",
        );
        self.system.stop()?;
        let left = self.system.tree();
        if !left.actors.is_empty() {
            return Err(format!("actors are left:\n{left}").into());
        }
        page.success("the system has stopped, and no actor is left");
        Ok(())
    }
}
