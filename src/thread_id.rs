//! The system's number for a thread, as debuggers and process lists show it.

use std::cell::Cell;

use crate::fork;

/// This thread's; 0 where there is none.
pub(crate) fn thread_id() -> i32 {
    thread_local! {
        /// With the generation in which it was asked: a forked thread gets another.
        static KNOWN: Cell<(u32, i32)> = const { Cell::new((0, 0)) };
    }
    let (asked_in, id) = KNOWN.get();
    if id != 0 && asked_in == fork::generation() {
        return id;
    }
    let id = ask();
    KNOWN.set((fork::generation(), id));
    id
}

/// The same, not from this thread's memory, which may not be ready in a signal handler.
pub(crate) fn ask() -> i32 {
    // SAFETY: these only ask.
    unsafe {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        return libc::gettid();
        // The port's name, by which the thread can be found again.
        #[cfg(target_vendor = "apple")]
        return libc::pthread_mach_thread_np(libc::pthread_self()) as i32;
        #[cfg(target_os = "freebsd")]
        return libc::pthread_getthreadid_np();
        #[cfg(target_os = "netbsd")]
        return libc::_lwp_self();
        #[cfg(target_os = "openbsd")]
        return libc::getthrid();
        #[cfg(windows)]
        return windows_sys::Win32::System::Threading::GetCurrentThreadId() as i32;
    }
}
