//! Who a process is. Its number alone does not say that for long: it passes to another process some time after
//! its end.

/// A process, as long as the machine runs: no two have the same number and start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProcessId {
    /// Its number.
    pub pid: u32,
    /// When it was started. On Linux in clock ticks after boot, field 22 of `/proc/<pid>/stat`; on macOS and the BSDs
    /// in microseconds after 1970, and 0 where the system does not tell; on Windows in steps of 100 ns, from 1601 on.
    pub start: u64,
}

/// A server's process and its guardian's, for ever. To be noted where a later life of the program finds it, for
/// [`Launcher::end_leftover`](super::Launcher::end_leftover).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProcessIdentity {
    /// The process that was started.
    pub server: ProcessId,
    /// Its guardian; the server's process itself where it has none, so elsewhere but on Linux.
    pub guardian: ProcessId,
    /// What the system calls the time since it was booted: `/proc/sys/kernel/random/boot_id`. Empty where the start
    /// times are those of a calendar.
    pub boot: String,
    /// The name of this launch. No other has the same; the server and its descendants have it in the environment
    /// variable `MCP_EVENT_LAUNCH`.
    pub launch: String,
}

impl ProcessIdentity {
    /// Of a server without a guardian.
    #[cfg(any(test, not(mcp_event_guardian)))]
    pub(super) fn unguarded(server: ProcessId, launch: String) -> ProcessIdentity {
        ProcessIdentity { server, guardian: server, boot: String::new(), launch }
    }
}
