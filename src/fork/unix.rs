use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

static GENERATION: AtomicU32 = AtomicU32::new(0);

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    crate::dispatcher::core::stop_forked_loops();
    crate::dispatcher::signal::forget_readers();
    crate::crash_dump::forget_other_threads();
    #[cfg(feature = "ffi")]
    crate::ffi::forget_visitors();
}

/// How many forks lie between the first process that used the library and this one.
pub(crate) fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Starts counting; before the first dispatcher.
pub(crate) fn watch() {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        // SAFETY: the handler changes atomics, and what is this thread's alone. Should the registration fail for want
        // of memory, forks go unnoticed, as in any program without it.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
}
