//! How a server ends, and all that it started.

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::thread;

use mcp_event::server::{Launch, ProcessIdentity};

use crate::server::*;

#[test]
fn the_end_of_its_input_ends_a_server() {
    let mut server = launch(&Launch { grace: NEVER, ..Launch::new("test", "cat") });
    let identity = server.started();
    server.stdin.take().unwrap().write_all(b"hello\n").unwrap();
    assert_eq!(server.stdout.next(), "hello");
    assert!(server.exited().success());
    server.gone();
    assert!(!is_there(identity.guardian.pid), "the guardian is a zombie");
}

#[test]
fn the_status_is_the_servers() {
    let mut server = launch(&shell("exit 7", NEVER));
    server.started();
    assert_eq!(server.exited().code(), Some(7));
    server.gone();
    let mut server = launch(&shell("kill -SEGV $$", NEVER));
    server.started();
    assert_eq!(server.exited().signal(), Some(libc::SIGSEGV));
    server.gone();
}

#[test]
fn terminate_asks_all_and_leaves_time() {
    let mut server = launch(&shell(
        "trap 'read line; exit 7' TERM
         setsid sh -c 'trap \"echo bye; exit\" TERM; sh -c \"echo ready; exec sleep 1000\" & wait' &
         wait; wait",
        NEVER,
    ));
    server.started();
    assert_eq!(server.stdout.next(), "ready");
    server.process.terminate().unwrap();
    assert_eq!(server.stdout.next(), "bye", "the session of its own is reached while the launcher lives");
    // Nothing is escalated: the server takes its time, until we tell it to go on.
    server.stdin.as_ref().unwrap().write_all(b"\n").unwrap();
    assert_eq!(server.exited().code(), Some(7));
    server.gone();
}

#[test]
fn who_is_stopped_sees_sigterm_too() {
    let mut server = launch(&shell("kill -STOP $$; sleep 1000", NEVER));
    let pid = server.started().server.pid;
    while !fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") T ") {
        thread::yield_now();
    }
    server.process.terminate().unwrap();
    assert_eq!(server.exited().signal(), Some(libc::SIGTERM));
    server.gone();
}

#[test]
fn kill_ends_those_who_ignore_sigterm() {
    for _ in 0..100 {
        let mut server = launch(&shell(STUBBORN_FAMILY, NEVER));
        let identity = server.started();
        let members = server.members(STUBBORN_FAMILY_SIZE);
        server.process.terminate().unwrap();
        server.process.kill().unwrap();
        assert_eq!(server.exited().signal(), Some(libc::SIGKILL));
        server.gone();
        members.assert_gone();
        assert_nobody_is_left_of(&identity);
    }
}

/// Whoever has forked at the wrong moment is found as well.
#[test]
fn kill_ends_a_server_that_never_stops_starting_daemons() {
    let mut server = launch(&shell("while :; do (setsid sleep 1000 & echo $!); done", NEVER));
    let identity = server.started();
    let members = server.members(20);
    server.process.kill().unwrap();
    server.exited();
    server.gone();
    members.assert_gone();
    assert_nobody_is_left_of(&identity);
}

#[test]
fn when_only_the_launcher_dies_all_others_end() {
    for _ in 0..100 {
        let mut server = launch(&shell(STUBBORN_FAMILY, SHORT));
        let identity = server.started();
        let members = server.members(STUBBORN_FAMILY_SIZE);
        signal(identity.server.pid, libc::SIGKILL);
        assert_eq!(server.exited().signal(), Some(libc::SIGKILL));
        server.gone();
        members.assert_gone();
        assert_nobody_is_left_of(&identity);
    }
}

#[test]
fn those_left_by_a_launcher_get_sigterm_first() {
    let mut server = launch(&shell(
        "sh -c 'trap \"echo bye; exit\" TERM; sh -c \"echo ready; exec sleep 1000\" & wait' & read line",
        NEVER,
    ));
    server.started();
    assert_eq!(server.stdout.next(), "ready");
    server.stdin = None;
    assert!(!server.exited().success(), "the input has ended");
    assert_eq!(server.stdout.next(), "bye");
    server.gone();
}

#[test]
fn a_dropped_process_sees_the_end_of_its_input() {
    let mut server = launch(&Launch { grace: NEVER, ..Launch::new("test", "cat") });
    let identity = server.started();
    let members = Witnesses::of([identity.server.pid, identity.guardian.pid]);
    drop(server);
    members.assert_gone();
    assert_is_reaped(&identity);
}

#[test]
fn a_dropped_process_is_ended_if_it_does_not_end() {
    let mut server = launch(&shell(STUBBORN_FAMILY, SHORT));
    let identity = server.started();
    let members = server.members(STUBBORN_FAMILY_SIZE);
    drop(server);
    members.assert_gone();
    assert_is_reaped(&identity);
}

#[test]
fn the_reaper_does_the_work_of_a_guardian_that_is_killed() {
    let mut server = launch(&shell(STUBBORN_FAMILY, NEVER));
    let identity = server.started();
    let members = server.members(STUBBORN_FAMILY_SIZE);
    drop(server);
    signal(identity.guardian.pid, libc::SIGKILL);
    members.assert_gone();
    assert_is_reaped(&identity);
}

/// By the thread that waits for it.
#[track_caller]
fn assert_is_reaped(identity: &ProcessIdentity) {
    while is_there(identity.guardian.pid) {
        thread::yield_now();
    }
    assert_nobody_is_left_of(identity);
}

#[test]
fn commands_to_what_is_gone_do_nothing() {
    let mut server = launch(&shell("exit 0", NEVER));
    server.started();
    server.exited();
    server.gone();
    server.process.terminate().unwrap();
    server.process.kill().unwrap();
}
