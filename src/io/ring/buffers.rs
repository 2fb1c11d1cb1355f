//! Buffers from which the kernel chooses when it receives.
//!
//! The kernel takes them from a ring in shared memory, in the order in which they were given. One that it has filled is
//! a [`Lease`]: dropping that, on any thread, gives the buffer back.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;

/// How many there are; a power of two.
const COUNT: u16 = 1024;

/// How long each is.
const SIZE: usize = 4096;

const ENTRIES: usize = COUNT as usize * size_of::<BufRingEntry>();

/// The number by which requests name the ring of buffers.
pub(super) const GROUP: u16 = 0;

pub(super) struct Buffers {
    /// The kernel's ring, and after it the buffers.
    memory: NonNull<u8>,
    /// One past the last buffer given.
    tail: Mutex<u16>,
}

// SAFETY: the ring is written under the lock of `tail`; a buffer has one user at a time, the kernel or a lease.
unsafe impl Send for Buffers {}
// SAFETY: as above.
unsafe impl Sync for Buffers {}

/// A buffer that the kernel has received into.
pub(in crate::io) struct Lease {
    buffers: Arc<Buffers>,
    number: u16,
    length: usize,
}

impl Buffers {
    const LENGTH: usize = ENTRIES + COUNT as usize * SIZE;

    /// Makes them and gives them all to the kernel.
    pub(super) fn register(submitter: &Submitter<'_>) -> io::Result<Arc<Buffers>> {
        // SAFETY: new memory, wherever the kernel likes.
        let memory = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                Buffers::LENGTH,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(memory.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let buffers = Arc::new(Buffers { memory, tail: Mutex::new(0) });
        (0..COUNT).for_each(|number| buffers.give(number));
        // SAFETY: the memory begins with a page, is long enough, and outlives all requests that use it: whoever makes
        // them keeps it.
        unsafe { submitter.register_buf_ring_with_flags(memory.as_ptr() as u64, COUNT, GROUP, 0)? };
        Ok(buffers)
    }

    fn address(&self, number: u16) -> NonNull<u8> {
        // SAFETY: within the memory, since numbers are below COUNT.
        unsafe { self.memory.add(ENTRIES + number as usize * SIZE) }
    }

    fn give(&self, number: u16) {
        let mut tail = self.tail.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let entries = self.memory.cast::<BufRingEntry>();
        // SAFETY: the place is within the ring, which lies at the beginning of the memory; the kernel does not look at
        // it until the tail has passed it, and no more than COUNT buffers are ever there.
        unsafe {
            let entry = entries.add((*tail % COUNT) as usize).as_mut();
            entry.set_addr(self.address(number).as_ptr() as u64);
            entry.set_len(SIZE as u32);
            entry.set_bid(number);
        }
        *tail = tail.wrapping_add(1);
        // SAFETY: the kernel reads this place as an atomic, and this process writes it under the lock alone.
        let shared = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(entries.as_ptr()).cast_mut()) };
        shared.store(*tail, Ordering::Release);
    }

    /// What the kernel has filled; `number` and `length` are its own words.
    pub(super) fn lease(self: &Arc<Self>, number: u16, length: usize) -> Lease {
        Lease { buffers: self.clone(), number: number % COUNT, length: length.min(SIZE) }
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        // SAFETY: mapped in `register`; no lease lives, and the ring that used it is gone.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), Buffers::LENGTH) };
    }
}

impl Lease {
    pub(in crate::io) fn bytes(&self) -> &[u8] {
        // SAFETY: the kernel has filled this part, and leaves the buffer alone until it is given back.
        unsafe { std::slice::from_raw_parts(self.buffers.address(self.number).as_ptr(), self.length) }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.buffers.give(self.number);
    }
}
