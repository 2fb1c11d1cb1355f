//! Who a process is. Its number alone does not say that for long: it passes to another process some time after
//! its end.

/// A process, as long as the machine runs: no two have the same number and start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProcessId {
    /// Its number.
    pub pid: u32,
    /// When it was started, in clock ticks after boot: field 22 of `/proc/<pid>/stat`.
    pub start: u64,
}

/// A server's process and its guardian's, for ever. To be noted where a later life of the program finds it, for
/// [`Launcher::end_leftover`](super::Launcher::end_leftover).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProcessIdentity {
    /// The process that was started.
    pub server: ProcessId,
    /// Its guardian.
    pub guardian: ProcessId,
    /// What the system calls the time since it was booted: `/proc/sys/kernel/random/boot_id`.
    pub boot: String,
    /// The name of this launch. No other has the same; the server and its descendants have it in the environment
    /// variable `MCP_EVENT_LAUNCH`.
    pub launch: String,
}
