//! What is left of a launch without its guardian: finding and ending it.
//!
//! A process belongs to a launch if it has the launch's name in its environment; if it descends from the guardian,
//! or is in its session; or if it is in the server's group. Numbers count only while the process that gave them
//! is the one we mean, if only as a zombie: nobody else can have them then. All that is signalled is held by a
//! pidfd first.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use crate::server::launch::{Leftover, ProcessId, ProcessIdentity};

/// The environment variable with the launch's name.
pub(super) const LAUNCH_VARIABLE: &str = "MCP_EVENT_LAUNCH";

/// How long a process may take to die of SIGKILL; only one that hangs in the kernel takes more than milliseconds.
const DYING: Duration = Duration::from_secs(5);

/// The name of the time since boot.
pub(super) fn boot_id() -> io::Result<String> {
    read_line("/proc/sys/kernel/random/boot_id")
}

/// A name that no launch had before.
pub(super) fn new_launch_name() -> io::Result<String> {
    read_line("/proc/sys/kernel/random/uuid")
}

fn read_line(path: &str) -> io::Result<String> {
    Ok(fs::read_to_string(path)?.trim_end().to_owned())
}

/// What `/proc/<pid>/stat` tells about a process.
#[derive(Clone, Copy)]
struct Stat {
    is_dead: bool,
    parent: u32,
    group: u32,
    session: u32,
    start: u64,
}

impl Stat {
    fn of(pid: u32) -> io::Result<Stat> {
        let line = fs::read(format!("/proc/{pid}/stat"))?;
        Stat::parse(&line).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/<pid>/stat"))
    }

    fn parse(line: &[u8]) -> Option<Stat> {
        // Field 2, the name, is in parentheses, and may contain any.
        let name_end = line.iter().rposition(|&byte| byte == b')')?;
        let rest = str::from_utf8(&line[name_end + 1..]).ok()?;
        let fields: Vec<_> = rest.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Stat {
            is_dead: matches!(field(3)?, "Z" | "X"),
            parent: field(4)?.parse().ok()?,
            group: field(5)?.parse().ok()?,
            session: field(6)?.parse().ok()?,
            start: field(22)?.parse().ok()?,
        })
    }
}

/// The process that now has the number `pid`.
pub(super) fn process_id(pid: u32) -> io::Result<ProcessId> {
    Ok(ProcessId { pid, start: Stat::of(pid)?.start })
}

/// Sends SIGKILL to all that is left of a launch. They may still be dying on return, but can start nothing more;
/// the descriptors become readable when they are dead.
///
/// # Errors
/// The first that occurred; all others were killed nevertheless.
pub(super) fn kill(identity: &ProcessIdentity) -> io::Result<Vec<OwnedFd>> {
    let mut killed = HashSet::new();
    let mut dying = Vec::new();
    let mut failure = None;
    // A process may fork before it is killed, but not after. So when nobody new is found, there is nobody.
    loop {
        let found = Snapshot::take()?.members(identity);
        let news: Vec<_> = found.into_iter().filter(|&process| killed.insert(process)).collect();
        if news.is_empty() {
            break;
        }
        // The guardian last: as long as it lives, orphans stay its descendants.
        let all_others_are_killed = news == [identity.guardian];
        for process in news {
            if process == identity.guardian && !all_others_are_killed {
                killed.remove(&process);
                continue;
            }
            match kill_process(process) {
                Ok(handle) => dying.extend(handle),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
    }
    failure.map_or(Ok(dying), Err)
}

/// Ends what is left of a launch of an earlier life of this program, and waits for that.
pub(super) fn end(identity: &ProcessIdentity) -> Leftover {
    match end_here(identity) {
        Ok(leftover) => leftover,
        Err(error) => Leftover::Failed(error),
    }
}

fn end_here(identity: &ProcessIdentity) -> io::Result<Leftover> {
    // Of processes before the last boot nothing is left.
    if boot_id()? != identity.boot {
        return Ok(Leftover::Gone);
    }
    let dying = kill(identity)?;
    if dying.is_empty() {
        let has_other_owner =
            |process: ProcessId| Stat::of(process.pid).is_ok_and(|stat| stat.start != process.start);
        let taken = has_other_owner(identity.server) || has_other_owner(identity.guardian);
        return Ok(if taken { Leftover::NotOurs } else { Leftover::Gone });
    }
    let deadline = Instant::now() + DYING;
    for process in &dying {
        await_end(process, deadline)?;
    }
    Ok(Leftover::Ended)
}

/// Sends SIGKILL; `None` if it has ended by itself.
fn kill_process(process: ProcessId) -> io::Result<Option<OwnedFd>> {
    // SAFETY: plain system call.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, process.pid, 0) };
    if fd < 0 {
        return none_if_ended(io::Error::last_os_error());
    }
    // SAFETY: just made, and ours.
    let handle = unsafe { OwnedFd::from_raw_fd(fd as i32) };
    // Now that it is held: is it the one that was found?
    if !process_id(process.pid).is_ok_and(|found| found == process) {
        return Ok(None);
    }
    let no_info: *const libc::siginfo_t = std::ptr::null();
    // SAFETY: plain system call; without an info the kernel makes its own.
    let sent =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, handle.as_raw_fd(), libc::SIGKILL, no_info, 0) };
    if sent < 0 { none_if_ended(io::Error::last_os_error()) } else { Ok(Some(handle)) }
}

fn none_if_ended(error: io::Error) -> io::Result<Option<OwnedFd>> {
    if error.raw_os_error() == Some(libc::ESRCH) { Ok(None) } else { Err(error) }
}

fn await_end(process: &OwnedFd, deadline: Instant) -> io::Result<()> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).as_millis() as i32;
        let mut entry = libc::pollfd { fd: process.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one entry, valid for the call.
        match unsafe { libc::poll(&mut entry, 1, left) } {
            1.. => return Ok(()),
            0 => return Err(io::Error::new(io::ErrorKind::TimedOut, "a process does not die of SIGKILL")),
            _ => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => {}
                error => return Err(error),
            },
        }
    }
}

/// All processes that we can see.
struct Snapshot(HashMap<u32, Stat>);

impl Snapshot {
    fn take() -> io::Result<Snapshot> {
        let mut processes = HashMap::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            // Some end while we look.
            if let Ok(stat) = Stat::of(pid) {
                processes.insert(pid, stat);
            }
        }
        // Of some the parent ended since they were looked at, so they have another now.
        let is_torn = |stat: &Stat| stat.parent != 0 && !processes.contains_key(&stat.parent);
        let torn: Vec<u32> =
            processes.iter().filter(|(_, stat)| is_torn(stat)).map(|(&pid, _)| pid).collect();
        for pid in torn {
            match Stat::of(pid) {
                Ok(stat) => processes.insert(pid, stat),
                Err(_) => processes.remove(&pid),
            };
        }
        Ok(Snapshot(processes))
    }

    /// Those that live and belong to the launch, its guardian included.
    fn members(&self, identity: &ProcessIdentity) -> Vec<ProcessId> {
        let guardian = self.contains(identity.guardian);
        let server = self.contains(identity.server);
        let variable = format!("{LAUNCH_VARIABLE}={}", identity.launch);
        let belongs = |pid: u32, stat: &Stat| {
            guardian && (stat.session == identity.guardian.pid || self.descends(pid, identity.guardian.pid))
                || server && stat.group == identity.server.pid
                || !identity.launch.is_empty() && has_variable(pid, variable.as_bytes())
        };
        // Whatever a damaged identity says, it is neither us nor what the system lives by.
        let is_untouchable = |pid: u32| pid <= 1 || pid == std::process::id();
        self.0
            .iter()
            .filter(|&(&pid, stat)| !stat.is_dead && !is_untouchable(pid) && belongs(pid, stat))
            .map(|(&pid, stat)| ProcessId { pid, start: stat.start })
            .collect()
    }

    fn contains(&self, process: ProcessId) -> bool {
        self.0.get(&process.pid).is_some_and(|stat| stat.start == process.start)
    }

    fn descends(&self, mut pid: u32, from: u32) -> bool {
        // No line of parents is longer than there are processes, even if it was torn while it was read.
        for _ in 0..self.0.len() {
            match self.0.get(&pid) {
                _ if pid == from => return true,
                Some(stat) => pid = stat.parent,
                None => return false,
            }
        }
        false
    }
}

/// Whether process `pid` has `variable` (`name=value`) in its environment. Not if that is hidden from us.
fn has_variable(pid: u32, variable: &[u8]) -> bool {
    fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|environment| environment.split(|&byte| byte == 0).any(|one| one == variable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_is_read_after_the_last_parenthesis_of_the_name() {
        let mut line = b"42 (a ) S 1) (b) Z 7 8 9".to_vec();
        line.extend((7..22).flat_map(|field| format!(" {field}").into_bytes()));
        line.extend(b" 12345 0 0\n");
        let stat = Stat::parse(&line).expect("it is complete");
        assert!(stat.is_dead);
        assert_eq!((stat.parent, stat.group, stat.session), (7, 8, 9));
        assert_eq!(stat.start, 12345);
    }

    #[test]
    fn what_is_no_stat_is_none() {
        for line in [&b""[..], b"42", b"42 (x)", b"42 (x) S 1 2", b"42 (x) S a b c"] {
            assert!(Stat::parse(line).is_none());
        }
    }
}
