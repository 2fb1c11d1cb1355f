//! Notices `fork()`: a child shares the parent's kernel objects and must leave them alone.

use std::cell::Cell;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

static GENERATION: AtomicU32 = AtomicU32::new(0);

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    crate::dispatcher::core::stop_forked_loops();
    crate::dispatcher::signal::forget_readers();
    crate::crash_dump::forget_other_threads();
}

/// How many forks lie between the first process that used the library and this one.
pub(crate) fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// The system's number for this thread; 0 where there is none.
pub(crate) fn thread_id() -> i32 {
    thread_local! {
        /// With the generation in which it was asked: a forked thread gets another.
        static KNOWN: Cell<(u32, i32)> = const { Cell::new((0, 0)) };
    }
    let (asked_in, id) = KNOWN.get();
    if id != 0 && asked_in == generation() {
        return id;
    }
    let id = ask_thread_id();
    KNOWN.set((generation(), id));
    id
}

#[cfg(target_os = "linux")]
fn ask_thread_id() -> i32 {
    // SAFETY: it only asks.
    unsafe { libc::gettid() }
}

#[cfg(not(target_os = "linux"))]
fn ask_thread_id() -> i32 {
    0
}

/// Starts counting; before the first dispatcher.
pub(crate) fn watch() {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        // SAFETY: the handler changes atomics, and what is this thread's alone. Should the registration fail for want of memory, forks
        // go unnoticed, as in any program without it.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
}
