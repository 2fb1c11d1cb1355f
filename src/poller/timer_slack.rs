//! Linux lets a thread's timeouts end up to 50 us late, to save wake-ups. A loop asks it not to. Other systems have
//! nothing to ask.

pub(crate) struct TimerSlack {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    before: libc::c_int,
}

/// For the arguments that the C library passes on whether they are given or not.
#[cfg(any(target_os = "linux", target_os = "android"))]
const NONE: libc::c_ulong = 0;

impl TimerSlack {
    /// Exact timeouts for this thread, until the value is dropped.
    pub(crate) fn least() -> TimerSlack {
        // SAFETY: plain system calls on the calling thread's own setting; a failure leaves it as it was.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        unsafe {
            let before = libc::prctl(libc::PR_GET_TIMERSLACK, NONE, NONE, NONE, NONE);
            libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong, NONE, NONE, NONE);
            TimerSlack { before }
        }
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        TimerSlack {}
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Drop for TimerSlack {
    fn drop(&mut self) {
        if self.before > 0 {
            // SAFETY: as above.
            unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, self.before as libc::c_ulong, NONE, NONE, NONE) };
        }
    }
}
