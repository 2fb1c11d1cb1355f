//! A manager that is killed leaves nothing behind, and the next one begins clean.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, thread};

use mcp_event::server::{Config, ServerStatus};
use serde_json::json;

use crate::directory::Directory;
use crate::stage::*;

/// In the manager that is to be killed: its state file.
const MANAGER: &str = "MCP_EVENT_TEST_SERVERS_STATE";

fn servers() -> Config {
    config([
        ("stubborn", example(&["--ignore-sigterm", "--fork-children", "1"], json!({ "stopTimeoutMs": 50 }))),
        ("well", example(&[], json!({}))),
    ])
}

fn stage(path: &Path) -> Stage {
    Stage::with(servers(), |builder| builder.state_file(path))
}

#[test]
fn a_killed_manager_leaves_nothing_and_the_next_begins_clean() {
    if let Some(path) = env::var_os(MANAGER) {
        return manage_until_killed(Path::new(&path));
    }
    let directory = Directory::new();
    let path = directory.file("state.json");
    let mut manager = Command::new(env::current_exe().unwrap())
        .args([
            "leftover::a_killed_manager_leaves_nothing_and_the_next_begins_clean",
            "--exact",
            "--nocapture",
        ])
        .env(MANAGER, &path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(manager.stdout.take().unwrap()).lines();
    let shown = lines.find_map(|line| Some(line.unwrap().split_once("shows ")?.1.to_owned()));
    let shown = shown.expect("the manager failed");
    let processes: Vec<_> = shown.split(' ').map(|pid| Witness::of(pid.parse().unwrap())).collect();
    assert_eq!(processes.len(), 4);
    manager.kill().unwrap();
    manager.wait().unwrap();

    // The next one need not wait for that.
    let stage = stage(&path);
    for process in &processes {
        process.assert_gone();
    }
    stage.until_running("stubborn");
    stage.until_running("well");
    assert!(stage.servers.list().iter().all(|info| info.status == ServerStatus::Running));
}

fn manage_until_killed(path: &Path) {
    let stage = stage(path);
    let pids = ["stubborn", "well"].map(|name| stage.until_running(name).pid.unwrap());
    // It names its children before it answers anything, but on another stream.
    let mut started = Vec::new();
    while started.len() < 2 {
        started = children(&stage.servers, "stubborn");
        thread::yield_now();
    }
    let all: Vec<_> = pids.iter().chain(&started).map(u32::to_string).collect();
    println!("shows {}", all.join(" "));
    loop {
        thread::park();
    }
}
