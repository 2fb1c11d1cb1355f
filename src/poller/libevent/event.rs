//! An event of libevent's, in memory of ours.

use std::cell::UnsafeCell;
use std::ffi::{c_int, c_short, c_void};
use std::io;

use super::library::{Callback, Library};
use crate::dispatcher::Nanos;

/// Never pending when it is dropped.
pub(super) struct Event {
    library: &'static Library,
    /// libevent alone knows the layout, and writes to it behind our back.
    memory: Box<[UnsafeCell<u64>]>,
}

/// The longest timeout that is asked for; an earlier end does no harm.
const LONGEST: Nanos = 24 * 60 * 60 * 1_000_000_000;

impl Event {
    pub(super) fn new(library: &'static Library) -> Event {
        // SAFETY: it tells a constant.
        let size = unsafe { (library.event_get_struct_event_size)() };
        let memory = (0..size.div_ceil(size_of::<u64>())).map(|_| UnsafeCell::new(0)).collect();
        Event { library, memory }
    }

    fn raw(&self) -> *mut c_void {
        // All of the memory, not the first word alone.
        self.memory.as_ptr().cast_mut().cast()
    }

    /// Says what it waits for, and who is called; it is among the base's most urgent events.
    ///
    /// # Safety
    /// It is not pending; the base is living; whenever it becomes active, `callback` may be called with `data`.
    pub(super) unsafe fn assign(
        &self,
        base: *mut c_void,
        fd: c_int,
        what: c_short,
        callback: Callback,
        data: *mut c_void,
    ) {
        // SAFETY: the caller's promise; the memory is as large as an event.
        unsafe {
            (self.library.event_assign)(self.raw(), base, fd, what, callback, data);
            (self.library.event_priority_set)(self.raw(), 0);
        }
    }

    /// Makes it pending, from now on with this timeout. An early end is never asked for: microseconds are rounded up.
    ///
    /// # Safety
    /// It was assigned to a base, which is living, and this thread is the one that may touch it.
    pub(super) unsafe fn add(&self, timeout: Option<Nanos>) -> io::Result<()> {
        let timeout = timeout.map(|nanos| {
            let micros = nanos.min(LONGEST).div_ceil(1000);
            libc::timeval { tv_sec: (micros / 1_000_000) as _, tv_usec: (micros % 1_000_000) as _ }
        });
        let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: the caller's promise; the timeout is copied.
        match unsafe { (self.library.event_add)(self.raw(), timeout) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Makes it not pending any more.
    ///
    /// # Safety
    /// As for [`add`](Self::add).
    pub(super) unsafe fn del(&self) {
        // SAFETY: the caller's promise.
        unsafe { (self.library.event_del)(self.raw()) };
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: it is not pending. Only libevent's debug mode remembers it, and asks no base.
        unsafe { (self.library.event_debug_unassign)(self.raw()) };
    }
}
