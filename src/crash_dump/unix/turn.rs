//! Who writes a dump: one thread at a time, so that two that crash at once do not mix their lines.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::{mem, ptr};

use super::{chain, thread};

/// The thread that writes, as [`thread::this`]; 0 for none.
static WRITER: AtomicUsize = AtomicUsize::new(0);

/// How long another thread's dump is waited for, in milliseconds. Its objects may hang; this process must not.
const PATIENCE: u32 = 2000;

pub(super) enum Turn {
    /// This thread's; end it with [`end`].
    Mine,
    /// It is this thread's already: what it described has crashed.
    Again,
    /// There is to be no dump: this thread has written one, and is inside the handler that comes after it, or another
    /// does not come to the end of its own.
    None,
}

pub(super) fn take() -> Turn {
    if chain::is_inside() {
        return Turn::None;
    }
    let me = thread::this();
    for _ in 0..PATIENCE {
        match WRITER.compare_exchange(0, me, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => return Turn::Mine,
            Err(writer) if writer == me => return Turn::Again,
            Err(_) => pause(),
        }
    }
    Turn::None
}

pub(super) fn end() {
    WRITER.store(0, Ordering::SeqCst);
}

/// In a forked child: what other threads wrote, they write in the parent alone.
pub(super) fn forget_others() {
    if WRITER.load(Ordering::SeqCst) != thread::this() {
        end();
    }
}

/// A millisecond.
fn pause() {
    // SAFETY: all-zero is a valid time, which lives through the call.
    unsafe {
        let mut time: libc::timespec = mem::zeroed();
        time.tv_nsec = 1_000_000;
        libc::nanosleep(&time, ptr::null_mut());
    }
}
