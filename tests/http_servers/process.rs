//! The example server over HTTP, a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use mcp_event::server::{CallError, CallOptions, ServerStatus, WhenDown};
use serde_json::{Value, json};

use super::example_server::example_server;
use super::{LONG, Stage, at_once};

/// The process. Dropped, it is killed.
struct Process {
    child: Child,
    url: String,
}

impl Process {
    fn start(address: &str, arguments: &[&str]) -> Process {
        let mut command = Command::new(example_server());
        command.args(["--http", address]).args(arguments).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let words = "listening on ";
        let url = stderr.lines().find_map(|line| {
            let line = line.unwrap();
            line.split_once(words).map(|(_, url)| url.to_owned())
        });
        Process { child, url: url.expect("it did not start") }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn a_remote_process_is_asked_killed_and_found_again() {
    let process = Process::start("127.0.0.1:0", &["--tools", "docker"]);
    let mut settings = at_once();
    settings["restart"]["maxRestarts"] = Value::Null;
    let stage = Stage::new(&process.url, settings);
    stage.until(ServerStatus::Running);
    let sum = stage.call(json!({ "name": "add", "arguments": { "a": 40, "b": 2 } })).unwrap();
    assert_eq!(sum["structuredContent"]["sum"], 42);
    let (sender, steps) = mpsc::channel();
    let options =
        CallOptions::new().timeout(LONG).on_progress(move |step| sender.send(step.progress).unwrap());
    let slow = json!({ "name": "slow", "arguments": { "ms": 3, "steps": 3 } });
    stage.servers.call_with("it", "tools/call", slow, options).wait().unwrap();
    assert_eq!(steps.iter().collect::<Vec<_>>(), [1.0, 2.0, 3.0]);

    let address = process.url.trim_start_matches("http://").trim_end_matches("/mcp").to_owned();
    drop(process);
    assert!(stage.servers.check("it").is_err());
    stage.until(ServerStatus::Backoff);
    let process = Process::start(&address, &[]);
    let options = CallOptions::new().timeout(LONG).when_down(WhenDown::Wait);
    assert_eq!(stage.servers.call_with("it", "ping", Value::Null, options).wait(), Ok(json!({})));
    drop(process);
}

#[test]
fn a_remote_process_that_answers_no_more_is_unhealthy() {
    // The answers to the handshake, and to the list of tools.
    let process = Process::start("127.0.0.1:0", &["--mute-after", "2"]);
    let mut settings = super::never();
    settings["healthIntervalMs"] = json!(10);
    settings["healthTimeoutMs"] = json!(50);
    let stage = Stage::new(&process.url, settings);
    let reason = stage.until(ServerStatus::Unhealthy).reason;
    assert!(reason.contains("3 health checks in a row failed"), "{reason}");
    let call = stage.servers.call_with("it", "ping", Value::Null, CallOptions::new().timeout(LONG / 1_000));
    assert!(matches!(call.wait(), Err(CallError::TimedOut(_))));
    stage.servers.stop_server("it").unwrap();
}
