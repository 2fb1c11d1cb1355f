//! Launching servers: what they are given, how they end, and that nothing is ever left of them. All with real
//! processes; that one is gone is asked of its pidfd.

#![cfg(target_os = "linux")]

mod common;

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::Duration;
use std::{env, thread};

use common::*;
use mcp_event::server::{
    Launch, LaunchError, Launched, Launcher, Leftover, LocalLauncher, Process, ProcessEvent, ProcessId,
    ProcessIdentity,
};

/// So long that only what is promised to come without it comes in time.
const NEVER: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(20);
/// After this a test has failed; none waits for it.
const LIMIT: Duration = Duration::from_secs(30);

/// Ignores what it is asked, and so do its children: one in its group, one with a session of its own, and a daemon
/// with a child. Each tells its number: five lines.
const STUBBORN_FAMILY: &str = "trap '' TERM HUP INT
    sleep 1000 & echo $!
    setsid sleep 1000 & echo $!
    (setsid sh -c 'echo $$; sleep 1000 & echo $!; wait' &)
    echo $$
    wait";
const STUBBORN_FAMILY_SIZE: usize = 5;

fn shell(script: &str, grace: Duration) -> Launch {
    Launch { args: vec!["-c".into(), script.into()], grace, ..Launch::new("test", "sh") }
}

fn launch(launch: &Launch) -> Server {
    let Launched { stdin, stdout, stderr, process } = LocalLauncher::new().launch(launch).unwrap();
    Server { stdin: Some(File::from(stdin)), stdout: Lines::new(stdout), stderr: Lines::new(stderr), process }
}

/// A launched server, and what the tests do with one.
struct Server {
    stdin: Option<File>,
    stdout: Lines,
    stderr: Lines,
    process: Box<dyn Process>,
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
            ProcessEvent::Started(identity) => {
                assert_eq!(self.process.identity().as_ref(), Some(&identity));
                identity
            }
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

    /// The guardian is reaped then, and there are no more events.
    #[track_caller]
    fn gone(&mut self) {
        let event = self.next_event();
        assert!(matches!(event, ProcessEvent::Gone), "{event:?}");
        assert!(self.process.next_event().unwrap().is_none());
    }

    /// Why the program was not run.
    #[track_caller]
    fn exec_failed(&mut self) -> io::Error {
        match self.next_event() {
            ProcessEvent::ExecFailed(error) => {
                assert_eq!(self.process.identity(), None);
                self.gone();
                error
            }
            event => panic!("{event:?}"),
        }
    }

    /// The next `count` lines of the output, which are process numbers.
    #[track_caller]
    fn members(&mut self, count: usize) -> Witnesses {
        Witnesses::of((0..count).map(|_| self.stdout.next().parse().unwrap()))
    }

    /// All it says until it closes its output.
    fn output(&mut self) -> String {
        let lines: Vec<_> = std::iter::from_fn(|| self.stdout.try_next()).collect();
        lines.join("\n")
    }
}

/// The lines that come out of a non-blocking pipe.
struct Lines(BufReader<Patient>);

struct Patient(File);

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => await_readable(self.0.as_raw_fd()),
                outcome => return outcome,
            }
        }
    }
}

impl Lines {
    fn new(fd: OwnedFd) -> Lines {
        Lines(BufReader::new(Patient(File::from(fd))))
    }

    #[track_caller]
    fn next(&mut self) -> String {
        self.try_next().expect("the output has ended")
    }

    fn try_next(&mut self) -> Option<String> {
        let mut line = String::new();
        let size = self.0.read_line(&mut line).unwrap();
        (size > 0).then(|| line.trim_end().to_owned())
    }
}

#[track_caller]
fn await_readable(fd: i32) {
    assert!(is_readable(fd, Some(LIMIT)), "nothing came");
}

/// Holds processes by their pidfds, to see their end.
struct Witnesses(Vec<(u32, OwnedFd)>);

impl Witnesses {
    #[track_caller]
    fn of(pids: impl IntoIterator<Item = u32>) -> Witnesses {
        let open = |pid: u32| {
            // SAFETY: plain system call.
            let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
            assert!(fd >= 0, "process {pid} is not there");
            // SAFETY: just made, and ours.
            (pid, unsafe { OwnedFd::from_raw_fd(fd as i32) })
        };
        Witnesses(pids.into_iter().map(open).collect())
    }

    #[track_caller]
    fn assert_gone(&self) {
        for (pid, fd) in &self.0 {
            assert!(is_readable(fd.as_raw_fd(), Some(LIMIT)), "process {pid} is left");
        }
    }

    #[track_caller]
    fn assert_alive(&self) {
        for (pid, fd) in &self.0 {
            assert!(!is_readable(fd.as_raw_fd(), Some(Duration::ZERO)), "process {pid} has ended");
        }
    }
}

fn signal(pid: u32, number: i32) {
    // SAFETY: plain system call.
    assert_eq!(unsafe { libc::kill(pid as i32, number) }, 0);
}

/// Whether `/proc` knows the process; it does not if it was reaped.
fn is_there(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// Asserts that no process carries the name of the launch, whoever its parent may be.
#[track_caller]
fn assert_nobody_is_left_of(identity: &ProcessIdentity) {
    let variable = format!("MCP_EVENT_LAUNCH={}", identity.launch);
    for process in fs::read_dir("/proc").unwrap().flatten() {
        if let Ok(environment) = fs::read(process.path().join("environ")) {
            let has_it = environment.split(|&byte| byte == 0).any(|one| one == variable.as_bytes());
            assert!(!has_it, "{:?} is left", process.path());
        }
    }
}

/// A file that is removed with the test.
struct TestFile(PathBuf);

impl TestFile {
    fn new(name: &str, content: &[u8], mode: u32) -> TestFile {
        let path = env::temp_dir().join(format!("mcp-event-launch-{}-{name}", std::process::id()));
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        TestFile(path)
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        fs::remove_file(&self.0).unwrap();
    }
}

// ---- What a server is given.

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

// ---- How it ends.

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
    let mut server = launch(&shell(STUBBORN_FAMILY, SHORT));
    let identity = server.started();
    let members = server.members(STUBBORN_FAMILY_SIZE);
    signal(identity.server.pid, libc::SIGKILL);
    assert_eq!(server.exited().signal(), Some(libc::SIGKILL));
    server.gone();
    members.assert_gone();
    assert_nobody_is_left_of(&identity);
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

// ---- Without a manager, without a guardian.

const MANAGER: &str = "MCP_EVENT_TEST_MANAGER";

/// A process that is a manager, running the calling test's name with `body`, which shows something on a line that
/// begins with "shows ". It lives until it is killed.
struct Manager {
    process: Child,
    shown: Vec<String>,
}

impl Manager {
    fn start(test: &str) -> Manager {
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
    fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(&self, index: usize) -> T {
        self.shown[index].parse().unwrap()
    }

    /// What a manager that launched a family shows first.
    fn identity(&self) -> ProcessIdentity {
        ProcessIdentity {
            server: ProcessId { pid: self.number(0), start: self.number(1) },
            guardian: ProcessId { pid: self.number(2), start: self.number(3) },
            boot: self.shown[4].clone(),
            launch: self.shown[5].clone(),
        }
    }

    /// The family, the guardian included.
    fn members(&self) -> Witnesses {
        Witnesses::of((6..6 + STUBBORN_FAMILY_SIZE).map(|index| self.number(index)).chain([self.number(2)]))
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn is_manager() -> bool {
    env::var_os(MANAGER).is_some()
}

/// In a manager: launches a family and shows it, with `more`; then waits to be killed.
fn manage_a_family(grace: Duration, more: impl FnOnce() -> String) -> ! {
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

#[test]
fn nothing_outlives_a_manager_that_is_killed() {
    if is_manager() {
        manage_a_family(SHORT, String::new);
    }
    for _ in 0..100 {
        let mut manager = Manager::start("nothing_outlives_a_manager_that_is_killed");
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
    let mut manager = Manager::start("nothing_outlives_a_manager_whose_descriptors_live_on");
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
        args: ["nothing_outlives_a_server_that_is_a_manager", "--exact", "--nocapture"]
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
    for _ in 0..10 {
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

// ---- An earlier life.

#[test]
fn what_an_earlier_life_left_is_ended() {
    if is_manager() {
        manage_a_family(NEVER, String::new);
    }
    let mut manager = Manager::start("what_an_earlier_life_left_is_ended");
    let (identity, members) = (manager.identity(), manager.members());
    manager.kill();
    // Its guardian gives it an hour.
    members.assert_alive();
    let leftover = LocalLauncher::new().end_leftover(&identity);
    assert!(matches!(leftover, Leftover::Ended), "{leftover:?}");
    members.assert_gone();
    assert_nobody_is_left_of(&identity);
    let leftover = LocalLauncher::new().end_leftover(&identity);
    assert!(matches!(leftover, Leftover::Gone), "{leftover:?}");
}

#[test]
fn what_lost_both_its_manager_and_its_guardian_is_ended() {
    if is_manager() {
        manage_a_family(NEVER, String::new);
    }
    let mut manager = Manager::start("what_lost_both_its_manager_and_its_guardian_is_ended");
    let (identity, members) = (manager.identity(), manager.members());
    signal(identity.guardian.pid, libc::SIGKILL);
    manager.kill();
    let leftover = LocalLauncher::new().end_leftover(&identity);
    assert!(matches!(leftover, Leftover::Ended), "{leftover:?}");
    members.assert_gone();
    assert_nobody_is_left_of(&identity);
}

/// A bystander has the number of a server of ours, or of a guardian, but was started at another time.
#[test]
fn a_process_that_only_has_the_number_is_not_touched() {
    let mut server = launch(&shell("echo $$; exec sleep 1000", NEVER));
    let real = server.started();
    let bystander = server.members(1);
    let other = |id: ProcessId| ProcessId { start: id.start + 1, ..id };
    let nobody = ProcessId { pid: u32::MAX >> 1, start: 1 };
    let recycled = |server, guardian| ProcessIdentity {
        server,
        guardian,
        launch: "another launch".into(),
        boot: real.boot.clone(),
    };
    for identity in [
        recycled(other(real.server), nobody),
        recycled(nobody, other(real.server)),
        recycled(other(real.server), other(real.guardian)),
    ] {
        let leftover = LocalLauncher::new().end_leftover(&identity);
        assert!(matches!(leftover, Leftover::NotOurs), "{leftover:?}");
        bystander.assert_alive();
    }
    let another_boot = ProcessIdentity { boot: "another boot".into(), ..real.clone() };
    let leftover = LocalLauncher::new().end_leftover(&another_boot);
    assert!(matches!(leftover, Leftover::Gone), "{leftover:?}");
    bystander.assert_alive();
    let nothing = ProcessIdentity { launch: String::new(), ..recycled(nobody, nobody) };
    let leftover = LocalLauncher::new().end_leftover(&nothing);
    assert!(matches!(leftover, Leftover::Gone), "{leftover:?}");
    bystander.assert_alive();
    // The test can tell: with the true one it is ended.
    let leftover = LocalLauncher::new().end_leftover(&real);
    assert!(matches!(leftover, Leftover::Ended), "{leftover:?}");
    bystander.assert_gone();
}

// ---- Bad input.

#[test]
fn what_cannot_be_run_is_told_with_the_reason() {
    let errno = |command: &Path| launch(&Launch::new("test", command)).exec_failed().raw_os_error();
    assert_eq!(errno(Path::new("no-such-command-anywhere")), Some(libc::ENOENT));
    assert_eq!(errno(Path::new("/no/such/command")), Some(libc::ENOENT));
    assert_eq!(errno(Path::new("/")), Some(libc::EACCES));
    let text = TestFile::new("text", b"#!/bin/sh\n", 0o644);
    assert_eq!(errno(&text.0), Some(libc::EACCES));
    let nonsense = TestFile::new("nonsense", b"\x01\x02\x03\x04", 0o755);
    assert_eq!(errno(&nonsense.0), Some(libc::ENOEXEC));
    assert_eq!(errno(&PathBuf::from("x".repeat(300))), Some(libc::ENAMETOOLONG));
}

#[test]
fn a_launch_that_makes_no_sense_is_refused_and_told_why() {
    let sound = Launch::new("test", "cat");
    let zero = || OsString::from_vec(b"a\0b".to_vec());
    let with_variable =
        |name: OsString, value: OsString| Launch { env: vec![(name, value)], ..sound.clone() };
    for (refused, why) in [
        (Launch { command: "".into(), ..sound.clone() }, "command of \"test\" is empty"),
        (Launch { command: zero(), ..sound.clone() }, "the command \"a\\0b\" contains a zero"),
        (Launch { name: "a\0b".into(), ..sound.clone() }, "the name"),
        (Launch { args: vec!["x".into(), zero()], ..sound.clone() }, "the argument"),
        (Launch { cwd: Some(zero().into()), ..sound.clone() }, "the working directory"),
        (with_variable(zero(), "x".into()), "the environment variable"),
        (with_variable("X".into(), zero()), "the value of the environment variable \"X\""),
        (with_variable("".into(), "x".into()), "cannot be the name"),
        (with_variable("A=B".into(), "x".into()), "\"A=B\" cannot be the name"),
    ] {
        match LocalLauncher::new().launch(&refused).map(|_| ()) {
            Err(LaunchError::InvalidArgument(text)) => assert!(text.contains(why), "{text}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_directory_that_is_none_is_named() {
    for (path, errno) in [("/no/such/directory", libc::ENOENT), ("/dev/null", libc::ENOTDIR)] {
        let wanted = Launch { cwd: Some(path.into()), ..Launch::new("test", "cat") };
        let error = LocalLauncher::new().launch(&wanted).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(path), "{error}");
        match error {
            LaunchError::WorkingDirectory { source, .. } => assert_eq!(source.raw_os_error(), Some(errno)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_values_of_the_environment_are_not_shown() {
    let mut wanted = Launch::new("test", "cat");
    wanted.env.push(("TOKEN".into(), "secret".into()));
    let shown = format!("{wanted:?}");
    assert!(shown.contains("TOKEN") && !shown.contains("secret"), "{shown}");
}

// ---- The host.

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
