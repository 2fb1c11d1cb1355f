//! The C library's `errno` of this thread. A signal handler leaves it as it was: the interrupted code must not see it
//! change.

#[cfg(any(target_os = "netbsd", target_os = "openbsd"))]
use libc::__errno as location;
#[cfg(any(target_os = "linux", target_os = "android"))]
use libc::__errno_location as location;
#[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "dragonfly"))]
use libc::__error as location;

pub(crate) fn get() -> i32 {
    // SAFETY: it is this thread's, and there as long as the thread.
    unsafe { *location() }
}

/// Brings back, when it is dropped, what was there when it was made.
pub(crate) struct Kept(i32);

impl Kept {
    pub(crate) fn new() -> Kept {
        Kept(get())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { *location() = self.0 };
    }
}
