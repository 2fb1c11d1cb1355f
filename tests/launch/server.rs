//! A launched server, and what the tests do with one.

use std::env;
use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use mcp_event::server::{Launch, Launched, Launcher, LocalLauncher, Process, ProcessEvent, ProcessIdentity};

use crate::common::is_readable;

/// So long that only what is promised to come without it comes in time.
pub const NEVER: Duration = Duration::from_secs(3600);
pub const SHORT: Duration = Duration::from_millis(20);
/// After this a test has failed; none waits for it.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Ignores what it is asked, and so do its children: one in its group, one with a session of its own, and a daemon
/// with a child. Each tells its number: five lines.
pub const STUBBORN_FAMILY: &str = "trap '' TERM HUP INT
    sleep 1000 & echo $!
    setsid sleep 1000 & echo $!
    (setsid sh -c 'echo $$; sleep 1000 & echo $!; wait' &)
    echo $$
    wait";
pub const STUBBORN_FAMILY_SIZE: usize = 5;

pub fn shell(script: &str, grace: Duration) -> Launch {
    Launch { args: vec!["-c".into(), script.into()], grace, ..Launch::new("test", "sh") }
}

pub fn launch(launch: &Launch) -> Server {
    let Launched { stdin, stdout, stderr, process } = LocalLauncher::new().launch(launch).unwrap();
    Server { stdin: Some(File::from(stdin)), stdout: Lines::new(stdout), stderr: Lines::new(stderr), process }
}

/// A launched server, and what the tests do with one.
pub struct Server {
    pub stdin: Option<File>,
    pub stdout: Lines,
    pub stderr: Lines,
    pub process: Box<dyn Process>,
}

impl Server {
    #[track_caller]
    pub fn next_event(&mut self) -> ProcessEvent {
        loop {
            if let Some(event) = self.process.next_event().unwrap() {
                return event;
            }
            await_readable(self.process.event_fd().as_raw_fd());
        }
    }

    #[track_caller]
    pub fn started(&mut self) -> ProcessIdentity {
        match self.next_event() {
            ProcessEvent::Started(identity) => {
                assert_eq!(self.process.identity().as_ref(), Some(&identity));
                identity
            }
            event => panic!("{event:?}"),
        }
    }

    #[track_caller]
    pub fn exited(&mut self) -> ExitStatus {
        match self.next_event() {
            ProcessEvent::Exited(status) => status,
            event => panic!("{event:?}"),
        }
    }

    /// The guardian is reaped then, and there are no more events.
    #[track_caller]
    pub fn gone(&mut self) {
        let event = self.next_event();
        assert!(matches!(event, ProcessEvent::Gone), "{event:?}");
        assert!(self.process.next_event().unwrap().is_none());
    }

    /// Why the program was not run.
    #[track_caller]
    pub fn exec_failed(&mut self) -> io::Error {
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
    pub fn members(&mut self, count: usize) -> Witnesses {
        Witnesses::of((0..count).map(|_| self.stdout.next().parse().unwrap()))
    }

    /// All it says until it closes its output.
    pub fn output(&mut self) -> String {
        let lines: Vec<_> = std::iter::from_fn(|| self.stdout.try_next()).collect();
        lines.join("\n")
    }
}

/// The lines that come out of a non-blocking pipe.
pub struct Lines(BufReader<Patient>);

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
    pub fn new(fd: OwnedFd) -> Lines {
        Lines(BufReader::new(Patient(File::from(fd))))
    }

    #[track_caller]
    pub fn next(&mut self) -> String {
        self.try_next().expect("the output has ended")
    }

    pub fn try_next(&mut self) -> Option<String> {
        let mut line = String::new();
        let size = self.0.read_line(&mut line).unwrap();
        (size > 0).then(|| line.trim_end().to_owned())
    }
}

#[track_caller]
pub fn await_readable(fd: i32) {
    assert!(is_readable(fd, Some(LIMIT)), "nothing came");
}

/// Holds processes by their pidfds, to see their end.
pub struct Witnesses(Vec<(u32, OwnedFd)>);

impl Witnesses {
    #[track_caller]
    pub fn of(pids: impl IntoIterator<Item = u32>) -> Witnesses {
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
    pub fn assert_gone(&self) {
        for (pid, fd) in &self.0 {
            assert!(is_readable(fd.as_raw_fd(), Some(LIMIT)), "process {pid} is left");
        }
    }

    #[track_caller]
    pub fn assert_alive(&self) {
        for (pid, fd) in &self.0 {
            assert!(!is_readable(fd.as_raw_fd(), Some(Duration::ZERO)), "process {pid} has ended");
        }
    }
}

pub fn signal(pid: u32, number: i32) {
    // SAFETY: plain system call.
    assert_eq!(unsafe { libc::kill(pid as i32, number) }, 0);
}

/// Whether `/proc` knows the process; it does not if it was reaped.
pub fn is_there(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// Asserts that no process carries the name of the launch, whoever its parent may be.
#[track_caller]
pub fn assert_nobody_is_left_of(identity: &ProcessIdentity) {
    let variable = format!("MCP_EVENT_LAUNCH={}", identity.launch);
    for process in fs::read_dir("/proc").unwrap().flatten() {
        if let Ok(environment) = fs::read(process.path().join("environ")) {
            let has_it = environment.split(|&byte| byte == 0).any(|one| one == variable.as_bytes());
            assert!(!has_it, "{:?} is left", process.path());
        }
    }
}

/// A file that is removed with the test.
pub struct TestFile(pub PathBuf);

impl TestFile {
    pub fn new(name: &str, content: &[u8], mode: u32) -> TestFile {
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
