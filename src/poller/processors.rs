//! Whether threads of this process can run at the same time.

/// False if this process has one processor to itself at most, by its affinity or by the quota of its control
/// group: who spins there keeps the others from running.
pub(crate) fn several_processors() -> bool {
    if std::thread::available_parallelism().is_ok_and(|processors| processors.get() > 1) {
        return true;
    }
    !is_alone()
}

/// Whether the process has no more processors than the calling thread, which has one.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_alone() -> bool {
    // A thread that was pinned to a processor knows no other. Threads inherit their affinity, so the main one's is next
    // to ask.
    match (affinity(0), affinity(std::process::id() as libc::pid_t)) {
        // SAFETY: they only read the sets.
        (Some(mine), Some(main)) => unsafe { libc::CPU_COUNT(&mine) != 1 || libc::CPU_EQUAL(&mine, &main) },
        // More processors than a set has room for.
        _ => false,
    }
}

/// Elsewhere, what the system said is about the process.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_alone() -> bool {
    true
}

/// The processors that a thread may run on; 0 is the calling one.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn affinity(thread: libc::pid_t) -> Option<libc::cpu_set_t> {
    // SAFETY: all-zero is the empty set, and it lives through the call.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        (libc::sched_getaffinity(thread, size_of_val(&set), &mut set) == 0).then_some(set)
    }
}
