//! On Linux, where there is a guardian for this: what is tested here is the same wherever there is none.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use super::*;
use crate::server::launch::{Process, ProcessEvent, ProcessId};
use crate::task::exit_fd;

/// So long that only what is promised to come without it comes in time.
const NEVER: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(20);

/// Two that ignore what they are asked, in the group of a third that does so too. Each tells its number.
const STUBBORN_FAMILY: &str = "trap '' TERM
    sleep 1000 & echo $!
    sh -c 'echo $$; read line; exec sleep 1000' &
    echo $$
    wait";

struct Server {
    stdin: Option<File>,
    stdout: BufReader<File>,
    process: Box<dyn Process>,
}

fn launch(launch: &Launch) -> Server {
    let Launched { stdin, stdout, process, .. } = super::launch(launch).unwrap();
    Server { stdin: Some(stdin.into()), stdout: BufReader::new(stdout.into()), process }
}

fn shell(script: &str, grace: Duration) -> Launch {
    Launch { args: vec!["-c".into(), script.into()], grace, ..Launch::new("test", "sh") }
}

#[track_caller]
fn await_readable(fd: i32) {
    let mut entry = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry, valid for the call.
    assert_eq!(unsafe { libc::poll(&mut entry, 1, 30_000) }, 1, "nothing came");
}

impl Server {
    #[track_caller]
    fn next_event(&mut self) -> ProcessEvent {
        loop {
            if let Some(event) = self.process.next_event().unwrap() {
                return event;
            }
            await_readable(self.process.event_fd().as_raw_fd());
        }
    }

    #[track_caller]
    fn started(&mut self) -> ProcessIdentity {
        match self.next_event() {
            ProcessEvent::Started(identity) => identity,
            event => panic!("{event:?}"),
        }
    }

    #[track_caller]
    fn exited(&mut self) -> ExitStatus {
        match self.next_event() {
            ProcessEvent::Exited(status) => status,
            event => panic!("{event:?}"),
        }
    }

    #[track_caller]
    fn gone(&mut self) {
        let event = self.next_event();
        assert!(matches!(event, ProcessEvent::Gone), "{event:?}");
        assert!(self.process.next_event().unwrap().is_none());
    }

    /// Reads what there is, and what comes until `read` is done.
    #[track_caller]
    fn read(&mut self, read: impl Fn(&mut BufReader<File>, &mut String) -> io::Result<usize>) -> String {
        let mut text = String::new();
        while let Err(error) = read(&mut self.stdout, &mut text) {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            await_readable(self.stdout.get_ref().as_raw_fd());
        }
        text
    }

    #[track_caller]
    fn line(&mut self) -> String {
        self.read(|stdout, line| stdout.read_line(line)).trim_end().to_owned()
    }

    /// All until the end, which is late where a server that is being born just now has all descriptors still.
    #[track_caller]
    fn rest(&mut self) -> String {
        self.read(|stdout, rest| stdout.read_to_string(rest))
    }

    /// Those who see the end of the next three who tell their numbers.
    fn members(&mut self) -> Vec<OwnedFd> {
        (0..3).map(|_| exit_fd(self.line().parse().unwrap()).unwrap()).collect()
    }
}

#[track_caller]
fn assert_gone(members: &[OwnedFd]) {
    members.iter().for_each(|member| await_readable(member.as_raw_fd()));
}

#[test]
fn the_end_of_its_input_ends_a_server() {
    let mut server = launch(&Launch { grace: NEVER, ..Launch::new("test", "cat") });
    let identity = server.started();
    assert_eq!(server.process.identity(), Some(identity));
    server.stdin.as_ref().unwrap().write_all(b"hello\n").unwrap();
    assert_eq!(server.line(), "hello");
    server.stdin = None;
    assert!(server.exited().success());
    server.gone();
}

#[test]
fn a_server_is_given_what_the_launch_says_and_leads_a_session() {
    let script =
        "echo \"$0,$OURS,$MCP_EVENT_LAUNCH\"; pwd; ps -o sid= -p $$; echo $$; ls /proc/self/fd; exit 7";
    let mut wanted = shell(script, NEVER);
    wanted.args.push("a b".into());
    wanted.env.push(("OURS".into(), "yes".into()));
    wanted.cwd = Some("/".into());
    let mut server = launch(&wanted);
    let identity = server.started();
    assert_eq!(server.line(), format!("a b,yes,{}", identity.launch));
    assert_eq!(server.line(), "/");
    assert_eq!(server.line().trim(), identity.server.pid.to_string());
    assert_eq!(server.line(), identity.server.pid.to_string());
    assert_eq!(server.exited().code(), Some(7));
    server.gone();
    assert_eq!(server.rest(), "0\n1\n2\n3\n", "nothing was inherited; 3 is the directory itself");
}

#[test]
fn what_cannot_be_run_is_told_with_the_reason() {
    let mut server = launch(&Launch::new("test", "no-such-command-anywhere"));
    match server.next_event() {
        ProcessEvent::ExecFailed(error) => assert_eq!(error.raw_os_error(), Some(libc::ENOENT)),
        event => panic!("{event:?}"),
    }
    server.gone();
    assert_eq!(server.process.identity(), None);
    assert_eq!(server.rest(), "");
}

#[test]
fn kill_ends_those_who_ignore_sigterm() {
    let mut server = launch(&shell(STUBBORN_FAMILY, NEVER));
    server.started();
    let members = server.members();
    server.process.terminate().unwrap();
    server.process.kill().unwrap();
    assert_eq!(server.exited().signal(), Some(libc::SIGKILL));
    server.gone();
    assert_gone(&members);
    server.process.kill().expect("nothing is left to do");
}

#[test]
fn terminate_asks_all_and_leaves_time() {
    // It is the last of them that says so.
    let script = "trap 'read line; exit 7' TERM; sh -c 'echo ready; exec sleep 1000' & wait";
    let mut server = launch(&shell(script, NEVER));
    server.started();
    assert_eq!(server.line(), "ready");
    server.process.terminate().unwrap();
    server.stdin.as_ref().unwrap().write_all(b"\n").unwrap();
    assert_eq!(server.exited().code(), Some(7));
    server.gone();
}

#[test]
fn when_only_the_launcher_dies_all_others_end() {
    let mut server = launch(&shell(STUBBORN_FAMILY, SHORT));
    let identity = server.started();
    let members = server.members();
    // SAFETY: plain system call; it is not reaped.
    unsafe { libc::kill(identity.server.pid as i32, libc::SIGKILL) };
    assert_eq!(server.exited().signal(), Some(libc::SIGKILL));
    server.gone();
    assert_gone(&members);
}

#[test]
fn a_dropped_process_is_ended() {
    let mut server = launch(&shell(STUBBORN_FAMILY, SHORT));
    server.started();
    let members = server.members();
    drop(server);
    assert_gone(&members);
}

#[test]
fn a_leftover_is_ended_and_no_other() {
    let mut server = launch(&shell(STUBBORN_FAMILY, NEVER));
    let real = server.started();
    let members = server.members();
    let another = ProcessId { start: real.server.start + 1, ..real.server };
    let outcome = end_leftover(&ProcessIdentity { server: another, ..real.clone() });
    assert!(matches!(outcome, Leftover::NotOurs), "{outcome:?}");
    let outcome = end_leftover(&real);
    assert!(matches!(outcome, Leftover::Ended), "{outcome:?}");
    assert_gone(&members);
    server.exited();
    server.gone();
    let outcome = end_leftover(&real);
    assert!(matches!(outcome, Leftover::Gone), "{outcome:?}");
}
