//! What a manager and a guardian say to each other: one message a packet, on a socket pair that both ends leave
//! with their process. Compiled into both programs.

#![allow(dead_code, reason = "each side writes one half of it and reads the other")]

/// What the manager asks for, a byte.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Command {
    /// SIGTERM to the server and all its descendants.
    Terminate = b'T',
    /// SIGKILL to them, until none is left.
    Kill = b'K',
}

impl Command {
    /// What `bytes` ask for; `None` if that is nothing.
    pub fn decode(bytes: &[u8]) -> Option<Command> {
        match bytes {
            [b'T'] => Some(Command::Terminate),
            [b'K'] => Some(Command::Kill),
            _ => None,
        }
    }
}

/// What the guardian tells. `Started` and `Exited`, or `ExecFailed`, and `AllGone` at last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Report {
    /// The server runs; `start` is its start time, in clock ticks after boot.
    Started { pid: i32, start: u64 },
    /// It could not be started.
    ExecFailed { errno: i32 },
    /// The server itself ended, with this wait status; its descendants are being ended.
    Exited { status: i32 },
    /// Neither the server nor any descendant is left. The guardian ends.
    AllGone,
}

/// The kind, a value, and a start time, in the byte order of the machine that both run on.
pub const REPORT_SIZE: usize = 16;

impl Report {
    /// As it travels.
    pub fn encode(self) -> [u8; REPORT_SIZE] {
        let (kind, value, start) = match self {
            Report::Started { pid, start } => (1i32, pid, start),
            Report::ExecFailed { errno } => (2, errno, 0),
            Report::Exited { status } => (3, status, 0),
            Report::AllGone => (4, 0, 0),
        };
        let mut bytes = [0; REPORT_SIZE];
        bytes[..4].copy_from_slice(&kind.to_ne_bytes());
        bytes[4..8].copy_from_slice(&value.to_ne_bytes());
        bytes[8..].copy_from_slice(&start.to_ne_bytes());
        bytes
    }

    /// What `bytes` say; `None` if that is no report.
    pub fn decode(bytes: &[u8]) -> Option<Report> {
        let (kind, rest) = bytes.split_first_chunk()?;
        let (value, start) = rest.split_first_chunk()?;
        let (value, start) = (i32::from_ne_bytes(*value), u64::from_ne_bytes(start.try_into().ok()?));
        match i32::from_ne_bytes(*kind) {
            1 => Some(Report::Started { pid: value, start }),
            2 => Some(Report::ExecFailed { errno: value }),
            3 => Some(Report::Exited { status: value }),
            4 => Some(Report::AllGone),
            _ => None,
        }
    }
}
