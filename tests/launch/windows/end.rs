//! How a server ends, and all that it started.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::{env, thread};

use mcp_event::server::{Launcher, Leftover, LocalLauncher, ProcessId, ProcessIdentity};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, GetProcessHandleCount};

use super::server::*;

const STUBBORN: [&str; 3] = ["--ignore-sigterm", "--fork-children", "2"];
/// Children in all: some in its group, some not.
const CHILDREN: usize = 4;

#[test]
fn a_server_answers_and_ends_with_its_input() {
    let mut server = launch(&example(&[], NEVER));
    server.started();
    let request = br#"{"jsonrpc":"2.0","id":7,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#;
    server.stdin.as_mut().unwrap().write_all(request).unwrap();
    server.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    let answer = line(&mut server.stdout);
    assert!(answer.contains(r#""id":7"#) && answer.contains("serverInfo"), "{answer}");
    server.stdin = None;
    assert!(server.exited().success());
    server.gone();
    let mut said = String::new();
    server.stderr.read_to_string(&mut said).unwrap();
    assert!(said.contains("ready"), "{said}");
}

#[test]
fn a_thousand_messages_go_each_way() {
    let mut server = launch(&example(&[], NEVER));
    server.started();
    for id in 0..1000 {
        let request = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}\n");
        server.stdin.as_mut().unwrap().write_all(request.as_bytes()).unwrap();
        let answer = line(&mut server.stdout);
        assert!(answer.contains(&format!("\"id\":{id}")), "{answer}");
    }
    server.stdin = None;
    assert!(server.exited().success());
    server.gone();
}

#[test]
fn the_status_is_the_servers() {
    let mut server = launch(&example(&["--die-at-once", "7"], NEVER));
    server.started();
    assert_eq!(server.exited().code(), Some(7));
    server.gone();
}

#[test]
fn kill_ends_all_that_a_server_started() {
    for _ in 0..3 {
        let mut server = launch(&example(&STUBBORN, NEVER));
        let pid = server.started().server.pid;
        let mut members = server.children(CHILDREN);
        members.push(Witness::of(pid));
        // Nobody obeys, and nothing is escalated.
        server.process.terminate().unwrap();
        members.iter().for_each(Witness::assert_alive);
        server.process.kill().unwrap();
        assert_eq!(server.exited().code(), Some(1));
        server.gone();
        members.iter().for_each(Witness::assert_gone);
        server.process.kill().expect("nothing is left to do");
    }
}

#[test]
fn when_only_the_server_ends_all_others_are_ended() {
    let mut server = launch(&example(&["--fork-children", "2"], SHORT));
    server.started();
    let members = server.children(CHILDREN);
    server.stdin = None;
    assert!(server.exited().success());
    server.gone();
    members.iter().for_each(Witness::assert_gone);
}

#[test]
fn a_dropped_process_is_ended() {
    let mut server = launch(&example(&STUBBORN, SHORT));
    let pid = server.started().server.pid;
    let mut members = server.children(CHILDREN);
    members.push(Witness::of(pid));
    drop(server);
    members.iter().for_each(Witness::assert_gone);
}

const MANAGER: &str = "MCP_EVENT_TEST_MANAGER";

#[test]
fn nothing_outlives_a_manager_that_is_killed() {
    if env::var_os(MANAGER).is_some() {
        let mut server = launch(&example(&STUBBORN, NEVER));
        println!("shows {}", server.started().server.pid);
        for said in server.stderr.by_ref().lines() {
            println!("{}", said.unwrap().replace("child ", "shows "));
        }
        loop {
            thread::park();
        }
    }
    for _ in 0..2 {
        let mut manager = Command::new(env::current_exe().unwrap())
            .args(["windows::end::nothing_outlives_a_manager_that_is_killed", "--exact", "--nocapture"])
            .env(MANAGER, "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(manager.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut pids = lines.filter_map(|line| line.split_once("shows ")?.1.parse().ok());
        let members: Vec<_> = pids.by_ref().take(1 + CHILDREN).map(Witness::of).collect();
        assert_eq!(members.len(), 1 + CHILDREN);
        members.iter().for_each(Witness::assert_alive);
        manager.kill().unwrap();
        members.iter().for_each(Witness::assert_gone);
        manager.wait().unwrap();
    }
}

#[test]
fn a_process_of_an_earlier_life_is_ended_and_no_other() {
    let mut server = launch(&example(&STUBBORN, NEVER));
    let real = server.started();
    let witness = Witness::of(real.server.pid);
    let end = |identity: &ProcessIdentity| LocalLauncher::new().end_leftover(identity);
    let another = ProcessId { start: real.server.start + 1, ..real.server };
    assert!(matches!(end(&ProcessIdentity { server: another, ..real.clone() }), Leftover::NotOurs));
    witness.assert_alive();
    assert!(matches!(end(&real), Leftover::Ended));
    witness.assert_gone();
    server.exited();
    assert!(matches!(end(&real), Leftover::Gone));
}

#[test]
fn what_was_said_last_comes_before_the_end() {
    let mut server = launch(&example(&["--flood-stdout", "1", "--die-in-handshake"], NEVER));
    server.started();
    server
        .stdin
        .as_mut()
        .unwrap()
        .write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"}\n")
        .unwrap();
    let mut output = Vec::new();
    server.stdout.read_to_end(&mut output).unwrap();
    assert!(output.ends_with(b"\n") || output.is_empty());
    server.exited();
    server.gone();
}

#[test]
fn a_launch_leaks_no_handle() {
    let open = || {
        let mut count = 0;
        // SAFETY: `count` is valid for writing.
        assert_ne!(unsafe { GetProcessHandleCount(GetCurrentProcess(), &mut count) }, 0);
        count
    };
    let whole_life = || {
        let mut server = launch(&example(&["--die-at-once"], NEVER));
        server.started();
        server.exited();
        server.gone();
    };
    whole_life();
    let before = open();
    (0..10).for_each(|_| whole_life());
    // Other tests of this program run as well, and the last guards may not have ended.
    let after = open();
    assert!(after < before + 100, "{before} handles, then {after}");
}
