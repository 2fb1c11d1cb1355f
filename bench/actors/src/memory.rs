//! What the process has allocated, and what of it the system has given it pages for.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::{fs, io};

/// The system's allocator, which counts what is in use while it is told to, and costs one load while it is not.
pub struct CountingAllocator;

static COUNTS: AtomicBool = AtomicBool::new(false);
static IN_USE: AtomicI64 = AtomicI64::new(0);

/// Counts from now on.
pub fn begin_counting() {
    COUNTS.store(true, Relaxed);
}

/// The bytes that were asked for since, less those that were given back.
pub fn bytes_in_use() -> i64 {
    IN_USE.load(Relaxed)
}

/// The process's resident memory, in bytes.
pub fn resident() -> io::Result<i64> {
    let pages = fs::read_to_string("/proc/self/statm")?;
    let pages = pages.split_whitespace().nth(1).and_then(|pages| pages.parse::<i64>().ok());
    // SAFETY: no argument that could be wrong.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    pages.map(|pages| pages * page).ok_or_else(|| io::Error::other("/proc/self/statm is not understood"))
}

fn count(bytes: usize, sign: i64) {
    if COUNTS.load(Relaxed) {
        IN_USE.fetch_add(bytes as i64 * sign, Relaxed);
    }
}

// SAFETY: all is the system allocator's work.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(layout.size(), -1);
        count(new_size, 1);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(place, layout, new_size) }
    }
}
