use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr;

/// While this lives, its thread gets no SIGPIPE, and loses one that its own writes raised.
pub(crate) struct SigpipeBlocked {
    before: libc::sigset_t,
    /// It is about the thread that made it.
    _not_send: PhantomData<*const ()>,
}

fn only_sigpipe() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the first call makes the set valid, and the signal exists.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGPIPE);
        set.assume_init()
    }
}

fn has_sigpipe(set: &libc::sigset_t) -> bool {
    // SAFETY: a valid set.
    unsafe { libc::sigismember(set, libc::SIGPIPE) == 1 }
}

impl SigpipeBlocked {
    pub(crate) fn new() -> SigpipeBlocked {
        let mut before = only_sigpipe();
        // SAFETY: valid sets. It fails for an unknown operation only.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &only_sigpipe(), &mut before) };
        SigpipeBlocked { before, _not_send: PhantomData }
    }

    /// A write found that nobody reads any more. The signal is taken back, unless somebody else had it blocked,
    /// and may wait for it.
    pub(crate) fn take_back(&self) {
        let mut pending = only_sigpipe();
        // SAFETY: valid sets. What is pending for this thread is here at once.
        unsafe {
            if !has_sigpipe(&self.before) && libc::sigpending(&mut pending) == 0 && has_sigpipe(&pending) {
                let mut signal = 0;
                libc::sigwait(&only_sigpipe(), &mut signal);
            }
        }
    }
}

impl Drop for SigpipeBlocked {
    fn drop(&mut self) {
        // SAFETY: the mask of this thread, as it was.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, ptr::null_mut()) };
    }
}
