//! A launched server, and what the tests do with one.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::os::windows::io::{AsRawHandle, AsRawSocket, FromRawHandle, OwnedHandle, OwnedSocket};
use std::process::ExitStatus;
use std::time::Duration;

use mcp_event::server::{Launch, Launched, Launcher, LocalLauncher, Process, ProcessEvent, ProcessIdentity};
use windows_sys::Win32::Foundation::WAIT_OBJECT_0;
use windows_sys::Win32::Networking::WinSock::{POLLRDNORM, SOCKET, WSAPOLLFD, WSAPoll};
use windows_sys::Win32::System::Threading::{OpenProcess, PROCESS_SYNCHRONIZE, WaitForSingleObject};

use crate::example_server::example_server;

/// So long that only what is promised to come without it comes in time.
pub const NEVER: Duration = Duration::from_secs(3600);
pub const SHORT: Duration = Duration::from_millis(20);
/// After this a test has failed; none waits for it.
const LIMIT: Duration = Duration::from_secs(60);

/// A server of the example program.
pub fn example(arguments: &[&str], grace: Duration) -> Launch {
    let args = arguments.iter().map(OsString::from).collect();
    Launch { args, grace, ..Launch::new("test", example_server()) }
}

pub struct Server {
    pub stdin: Option<TcpStream>,
    pub stdout: BufReader<TcpStream>,
    pub stderr: BufReader<TcpStream>,
    pub process: Box<dyn Process>,
}

pub fn launch(launch: &Launch) -> Server {
    let Launched { stdin, stdout, stderr, process } = LocalLauncher::new().launch(launch).unwrap();
    let stream = |socket: OwnedSocket| {
        let stream = TcpStream::from(socket);
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    };
    Server {
        stdin: Some(stream(stdin)),
        stdout: BufReader::new(stream(stdout)),
        stderr: BufReader::new(stream(stderr)),
        process,
    }
}

impl Server {
    #[track_caller]
    fn next_event(&mut self) -> ProcessEvent {
        loop {
            if let Some(event) = self.process.next_event().unwrap() {
                return event;
            }
            let fd = self.process.event_fd().as_raw_socket() as SOCKET;
            let mut entry = WSAPOLLFD { fd, events: POLLRDNORM, revents: 0 };
            // SAFETY: one entry, valid for the call.
            assert_eq!(unsafe { WSAPoll(&mut entry, 1, LIMIT.as_millis() as i32) }, 1, "nothing came");
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

    #[track_caller]
    pub fn gone(&mut self) {
        let event = self.next_event();
        assert!(matches!(event, ProcessEvent::Gone), "{event:?}");
        assert!(self.process.next_event().unwrap().is_none());
    }

    /// Why the program was not run.
    #[track_caller]
    pub fn exec_failed(&mut self) -> std::io::Error {
        match self.next_event() {
            ProcessEvent::ExecFailed(error) => {
                assert_eq!(self.process.identity(), None);
                self.gone();
                error
            }
            event => panic!("{event:?}"),
        }
    }

    /// The children that the example server names.
    #[track_caller]
    pub fn children(&mut self, count: usize) -> Vec<Witness> {
        let lines = self.stderr.by_ref().lines().map(Result::unwrap);
        let pids = lines.filter_map(|line| line.strip_prefix("child ")?.parse().ok());
        pids.take(count).map(Witness::of).collect()
    }
}

pub fn line(stream: &mut impl BufRead) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// Sees the end of a process.
pub struct Witness(u32, OwnedHandle);

impl Witness {
    #[track_caller]
    pub fn of(pid: u32) -> Witness {
        // SAFETY: plain system call.
        let handle = unsafe { OpenProcess(PROCESS_SYNCHRONIZE, 0, pid) };
        assert!(!handle.is_null(), "process {pid} is not there");
        // SAFETY: just made, and ours.
        Witness(pid, unsafe { OwnedHandle::from_raw_handle(handle) })
    }

    fn ends_within(&self, time: Duration) -> bool {
        // SAFETY: an open process.
        unsafe { WaitForSingleObject(self.1.as_raw_handle(), time.as_millis() as u32) == WAIT_OBJECT_0 }
    }

    #[track_caller]
    pub fn assert_gone(&self) {
        assert!(self.ends_within(LIMIT), "process {} is left", self.0);
    }

    #[track_caller]
    pub fn assert_alive(&self) {
        assert!(!self.ends_within(Duration::ZERO), "process {} has ended", self.0);
    }
}
