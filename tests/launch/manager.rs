//! A manager in a process of its own, which can be killed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, thread};

use mcp_event::server::{ProcessId, ProcessIdentity};

use crate::server::*;

pub const MANAGER: &str = "MCP_EVENT_TEST_MANAGER";

/// A process that runs a test in which `is_manager()` holds. That shows something, on a line with "shows ", and
/// waits to be killed.
pub struct Manager {
    process: Child,
    shown: Vec<String>,
}

impl Manager {
    pub fn start(test: &str) -> Manager {
        let mut process = Command::new(env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(MANAGER, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let shown = lines.find_map(|line| Some(line.unwrap().split_once("shows ")?.1.to_owned()));
        let shown = shown.expect("the manager failed").split(' ').map(str::to_owned).collect();
        Manager { process, shown }
    }

    /// Number `index` of what it shows.
    pub fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(&self, index: usize) -> T {
        self.shown[index].parse().unwrap()
    }

    /// What a manager that launched a family shows first.
    pub fn identity(&self) -> ProcessIdentity {
        ProcessIdentity {
            server: ProcessId { pid: self.number(0), start: self.number(1) },
            guardian: ProcessId { pid: self.number(2), start: self.number(3) },
            boot: self.shown[4].clone(),
            launch: self.shown[5].clone(),
        }
    }

    /// The family, the guardian included.
    pub fn members(&self) -> Witnesses {
        Witnesses::of((6..6 + STUBBORN_FAMILY_SIZE).map(|index| self.number(index)).chain([self.number(2)]))
    }

    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

pub fn is_manager() -> bool {
    env::var_os(MANAGER).is_some()
}

/// In a manager: launches a family and shows it, with `more`; then waits to be killed.
pub fn manage_a_family(grace: Duration, more: impl FnOnce() -> String) -> ! {
    let mut server = launch(&shell(STUBBORN_FAMILY, grace));
    let ProcessIdentity { server: leader, guardian, boot, launch } = server.started();
    let members: Vec<_> = (0..STUBBORN_FAMILY_SIZE).map(|_| server.stdout.next()).collect();
    let members = members.join(" ");
    let ids = format!("{} {} {} {}", leader.pid, leader.start, guardian.pid, guardian.start);
    println!("shows {ids} {boot} {launch} {members} {}", more());
    loop {
        thread::park();
    }
}
