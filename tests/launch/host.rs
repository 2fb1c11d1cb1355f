//! What launches do to their host, and hosts to their launches.

use std::fs;
use std::io::Write;
use std::sync::Mutex;
use std::thread;

use mcp_event::server::Launch;

use crate::common::{alone, in_forked_child, in_own_process};
use crate::server::*;

#[test]
fn a_launch_leaks_no_descriptor() {
    alone(|| {
        let open = || fs::read_dir("/proc/self/fd").unwrap().count();
        let whole_life = || {
            let mut server = launch(&shell("exit 0", NEVER));
            server.started();
            server.exited();
            server.gone();
            launch(&Launch::new("test", "no-such-command-anywhere")).exec_failed();
        };
        whole_life();
        let before = open();
        for _ in 0..10 {
            whole_life();
        }
        assert_eq!(open(), before);
    });
}

/// A forked child that destroys what it inherited ends nothing of its parent's.
#[test]
fn in_a_forked_child_a_process_is_inert() {
    alone(|| {
        let server = Mutex::new(Some(launch(&Launch { grace: NEVER, ..Launch::new("test", "cat") })));
        in_forked_child(|| {
            let mut server = server.lock().unwrap().take().unwrap();
            assert!(server.process.terminate().is_err());
            assert!(server.process.kill().is_err());
            assert!(server.process.next_event().unwrap_err().to_string().contains("parent process"));
        });
        let mut server = server.into_inner().unwrap().unwrap();
        server.started();
        server.stdin.as_ref().unwrap().write_all(b"still here\n").unwrap();
        assert_eq!(server.stdout.next(), "still here");
        server.stdin = None;
        assert!(server.exited().success());
        server.gone();
    });
}

/// Whose SIGCHLD is ignored, so that the system reaps its children.
#[test]
fn a_host_may_ignore_the_end_of_its_children() {
    alone(|| {
        // SAFETY: plain system call; the process is this test's own.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
        let mut server = launch(&shell(STUBBORN_FAMILY, NEVER));
        server.started();
        let members = server.members(STUBBORN_FAMILY_SIZE);
        server.process.kill().unwrap();
        server.exited();
        server.gone();
        members.assert_gone();
    });
}

/// A host may have closed its first three descriptors, so that those of a launch get their numbers.
#[test]
fn a_host_may_have_closed_its_first_descriptors() {
    let output = in_own_process(
        |_| (),
        || {
            // The outcome is told by the exit status, since nothing can be written.
            // SAFETY: the process is this test's own.
            unsafe { (0..3).for_each(|fd| assert_eq!(libc::close(fd), 0)) };
            let mut server = launch(&Launch { grace: NEVER, ..Launch::new("test", "cat") });
            server.started();
            server.stdin.take().unwrap().write_all(b"hello\n").unwrap();
            let said = server.stdout.next();
            server.exited();
            server.gone();
            // SAFETY: plain system call.
            unsafe { libc::_exit(if said == "hello" { 77 } else { 1 }) };
        },
    );
    assert_eq!(output.unwrap().status.code(), Some(77));
}

#[test]
fn many_threads_launch_at_once() {
    let threads: Vec<_> = (0..8)
        .map(|_| {
            thread::spawn(|| {
                for _ in 0..5 {
                    let mut server = launch(&Launch { grace: NEVER, ..Launch::new("test", "cat") });
                    server.started();
                    server.stdin.take().unwrap().write_all(b"hello\n").unwrap();
                    assert_eq!(server.stdout.next(), "hello");
                    assert!(server.exited().success());
                    server.gone();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
