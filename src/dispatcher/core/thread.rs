//! Which thread this is, and which loops it runs.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Core;
#[cfg(unix)]
use crate::dispatcher::closure::Failure;
use crate::dispatcher::label::Label;

thread_local! {
    static NUMBER: Cell<u64> = const { Cell::new(0) };
    /// The loop that this thread runs; with nested runs of several dispatchers, the innermost.
    pub(super) static INNERMOST: Cell<*const Core> = const { Cell::new(std::ptr::null()) };
}

/// Tells living threads apart; a multiple of eight, and not zero.
#[inline]
pub(super) fn thread_token() -> usize {
    // In a shared library the address of a thread's own variable takes a call, and each operation of a handle asks.
    #[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
    {
        let token;
        // SAFETY: reads the first word of the thread's control block, which the system's ABI defines as its address.
        unsafe {
            std::arch::asm!("mov {}, fs:0", out(reg) token, options(pure, readonly, nostack, preserves_flags));
        }
        token
    }
    #[cfg(not(all(target_os = "linux", target_arch = "x86_64", not(miri))))]
    NUMBER.with(|number| std::ptr::from_ref(number) as usize)
}

/// Tells all threads apart, also those that are gone.
pub(crate) fn thread_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NUMBER.with(|number| {
        if number.get() == 0 {
            number.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        number.get()
    })
}

/// Whether this thread is inside any dispatcher's `run()`, so that what called us is a callback.
pub(crate) fn inside_callback() -> bool {
    !INNERMOST.get().is_null()
}

/// The core of the loop that this thread runs; with nested runs of several dispatchers, the innermost.
pub(crate) fn current() -> Option<Arc<Core>> {
    // SAFETY: a loop that this thread runs lives until it leaves it.
    unsafe { INNERMOST.get().as_ref() }?.me.upgrade()
}

/// Adds a label to what the loop of this thread is doing.
pub(crate) fn label_current(label: Label) {
    // SAFETY: a loop that this thread runs lives until it leaves it.
    if let Some(core) = unsafe { INNERMOST.get().as_ref() } {
        core.activity.label(label);
    }
}

/// The loops that this thread runs, innermost first. Also in a signal handler on it.
///
/// # Safety
/// They are looked at before this thread leaves them.
#[cfg(unix)]
pub(crate) unsafe fn loops_of_this_thread<'a>() -> impl Iterator<Item = &'a Core> {
    let mut next = INNERMOST.get();
    std::iter::from_fn(move || {
        // SAFETY: a loop that this thread runs lives until it leaves it, and it owns the loop's state.
        let core = unsafe { next.as_ref() }?;
        next = core.local.outer.get();
        Some(core)
    })
}

/// In a forked child: makes the loops that the forking thread runs stop after the callback that forked.
#[cfg(unix)]
pub(crate) fn stop_forked_loops() {
    // SAFETY: it is inside them.
    for core in unsafe { loops_of_this_thread() } {
        core.local.failure.set(Some(Box::new(Failure::Forked)));
    }
}
