//! Nothing outlives a manager or a guardian, however they end.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::{env, fs};

use mcp_event::server::Launch;

use crate::manager::*;
use crate::server::*;

#[test]
fn nothing_outlives_a_manager_that_is_killed() {
    if is_manager() {
        manage_a_family(SHORT, String::new);
    }
    for _ in 0..100 {
        let mut manager = Manager::start("orphans::nothing_outlives_a_manager_that_is_killed");
        let (members, identity) = (manager.members(), manager.identity());
        members.assert_alive();
        manager.kill();
        members.assert_gone();
        assert_nobody_is_left_of(&identity);
    }
}

/// A child that the manager forked keeps all its descriptors open, the server's input and the guardian's socket
/// among them.
#[test]
fn nothing_outlives_a_manager_whose_descriptors_live_on() {
    if is_manager() {
        manage_a_family(SHORT, || {
            // SAFETY: the child does nothing but wait.
            match unsafe { libc::fork() } {
                0 => loop {
                    // SAFETY: plain system call.
                    unsafe { libc::pause() };
                },
                child => child.to_string(),
            }
        });
    }
    let mut manager = Manager::start("orphans::nothing_outlives_a_manager_whose_descriptors_live_on");
    let members = manager.members();
    let child = manager.number(6 + STUBBORN_FAMILY_SIZE);
    manager.kill();
    members.assert_gone();
    signal(child, libc::SIGKILL);
}

/// A server that launches servers itself, under guardians of its own.
#[test]
fn nothing_outlives_a_server_that_is_a_manager() {
    if is_manager() {
        manage_a_family(NEVER, String::new);
    }
    let mut server = launch(&Launch {
        args: ["orphans::nothing_outlives_a_server_that_is_a_manager", "--exact", "--nocapture"]
            .map(OsString::from)
            .to_vec(),
        env: vec![(MANAGER.into(), "1".into())],
        ..Launch::new("test", env::current_exe().unwrap())
    });
    server.started();
    let shown = loop {
        if let Some((_, shown)) = server.stdout.next().split_once("shows ") {
            break shown.trim_end().to_owned();
        }
    };
    let pids = shown.split(' ').skip(6).chain(shown.split(' ').nth(2));
    let members = Witnesses::of(pids.map(|pid| pid.parse().unwrap()));
    members.assert_alive();
    server.process.kill().unwrap();
    server.exited();
    server.gone();
    members.assert_gone();
}

#[test]
fn only_sigkill_ends_a_guardian() {
    let mut server = launch(&Launch { grace: NEVER, ..Launch::new("weather", "cat") });
    let guardian = server.started().guardian.pid;
    for number in (1..32).filter(|&number| number != libc::SIGKILL && number != libc::SIGSTOP) {
        signal(guardian, number);
    }
    // A command that is obeyed afterwards proves that it has lived through them.
    server.process.terminate().unwrap();
    assert_eq!(server.exited().signal(), Some(libc::SIGTERM));
    server.gone();
}

#[test]
fn a_guardian_is_out_of_the_terminals_reach_and_shows_whose_it_is() {
    let mut server = launch(&Launch::new("weather", "cat"));
    let guardian = server.started().guardian.pid;
    // SAFETY: plain system calls.
    let (session, ours) = unsafe { (libc::getsid(guardian as i32), libc::getsid(0)) };
    assert_eq!(session, guardian as i32);
    assert_ne!(session, ours);
    let arguments = fs::read_to_string(format!("/proc/{guardian}/cmdline")).unwrap();
    assert_eq!(arguments.split('\0').next(), Some("mcp-guardian weather"));
    assert_eq!(fs::read_to_string(format!("/proc/{guardian}/comm")).unwrap(), "mcp-guardian\n");
    assert_eq!(fs::read_link(format!("/proc/{guardian}/cwd")).unwrap(), Path::new("/"));
}

#[test]
fn nothing_outlives_a_guardian_that_is_killed() {
    for _ in 0..100 {
        let mut server = launch(&shell(STUBBORN_FAMILY, NEVER));
        let identity = server.started();
        let members = server.members(STUBBORN_FAMILY_SIZE);
        signal(identity.guardian.pid, libc::SIGKILL);
        server.gone();
        members.assert_gone();
        assert_nobody_is_left_of(&identity);
        assert!(!is_there(identity.guardian.pid), "the guardian is a zombie");
    }
}
