//! What a server is given.

use std::env;
use std::ffi::OsString;
use std::os::fd::AsRawFd;

use mcp_event::server::{Launch, Launcher, LocalLauncher};

use crate::common::alone;
use crate::server::*;

#[test]
fn a_server_has_its_arguments_environment_and_directory() {
    let directory = env::temp_dir().canonicalize().unwrap();
    let mut server = launch(&Launch {
        args: ["-c", "echo \"$0,$1\"; echo $OURS; pwd; echo $HOME; echo oops >&2", "one", "a b"]
            .map(OsString::from)
            .to_vec(),
        env: vec![("OURS".into(), "yes".into())],
        cwd: Some(directory.clone()),
        ..Launch::new("test", "sh")
    });
    server.started();
    assert_eq!(server.stdout.next(), "one,a b");
    assert_eq!(server.stdout.next(), "yes");
    assert_eq!(server.stdout.next(), directory.to_str().unwrap());
    assert_eq!(server.stdout.next(), env::var("HOME").unwrap_or_default());
    assert_eq!(server.stderr.next(), "oops");
    assert!(server.exited().success());
    server.gone();
}

#[test]
fn a_program_is_looked_for_in_the_path_of_the_servers_environment() {
    let program = TestFile::new("in_path", b"#!/bin/sh\necho found\n", 0o755);
    let mut wanted = Launch::new("test", program.0.file_name().unwrap());
    assert_eq!(launch(&wanted).exec_failed().raw_os_error(), Some(libc::ENOENT));
    let mut path = OsString::from("/nonexistent:");
    path.push(program.0.parent().unwrap());
    wanted.env.push(("PATH".into(), path));
    let mut server = launch(&wanted);
    server.started();
    assert_eq!(server.output(), "found");
    server.exited();
    server.gone();
}

/// Whatever the host leaves open, ignores and blocks.
#[test]
fn a_server_inherits_no_descriptors_and_no_signal_dispositions() {
    alone(|| {
        // SAFETY: plain system calls; the process is this test's own.
        let leaked = unsafe {
            libc::signal(libc::SIGHUP, libc::SIG_IGN);
            let mut blocked = std::mem::zeroed();
            libc::sigemptyset(&mut blocked);
            libc::sigaddset(&mut blocked, libc::SIGUSR1);
            libc::pthread_sigmask(libc::SIG_BLOCK, &blocked, std::ptr::null_mut());
            libc::fcntl(1, libc::F_DUPFD, 100)
        };
        assert!(leaked >= 100);
        let mut listing = Launch::new("test", "ls");
        listing.args = vec!["/proc/self/fd".into()];
        let mut server = launch(&listing);
        // One is the listed directory itself.
        assert_eq!(server.output(), "0\n1\n2\n3");
        let mut status = Launch::new("test", "grep");
        status.args = vec!["-E".into(), "^Sig(Blk|Ign)".into(), "/proc/self/status".into()];
        let mut server = launch(&status);
        for line in server.output().lines() {
            let signals = u64::from_str_radix(line.split('\t').nth(1).unwrap(), 16).unwrap();
            // Signals 32 and 33 are the C library's.
            assert_eq!(signals & !(3 << 31), 0, "{line}");
        }
    });
}

/// The guardian holds neither end of the server's pipes: an output that the server closes is closed.
#[test]
fn a_closed_output_is_seen_while_the_server_runs() {
    let mut server = launch(&shell("exec >&-; read line", NEVER));
    server.started();
    assert_eq!(server.output(), "");
    server.stdin = None;
    server.exited();
    server.gone();
}

#[test]
fn our_ends_are_non_blocking_and_closed_on_exec() {
    let launched = LocalLauncher::new().launch(&Launch::new("test", "cat")).unwrap();
    for fd in [&launched.stdin, &launched.stdout, &launched.stderr] {
        // SAFETY: plain system calls.
        let (flags, status) = unsafe {
            (libc::fcntl(fd.as_raw_fd(), libc::F_GETFD), libc::fcntl(fd.as_raw_fd(), libc::F_GETFL))
        };
        assert_ne!(flags & libc::FD_CLOEXEC, 0);
        assert_ne!(status & libc::O_NONBLOCK, 0);
    }
}
