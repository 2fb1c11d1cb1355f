//! Buffers from which the kernel chooses when it receives.
//!
//! The kernel takes them from a ring in shared memory, in the order in which they were given. Where it can (Linux 6.12),
//! it fills one piece by piece, so that short messages lie close together, and a long one finds much room; else each
//! piece takes a buffer of its own. A piece is a [`Lease`]: when the kernel is done with a buffer and the last of its
//! leases is dropped, on any thread, the buffer is free again.
//!
//! The kernel has few at a time, and gets the one that was free last: a loop that receives little uses little memory,
//! which stays in the processor's cache. When they do not suffice for what comes in at once, it gets more from then on.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use io_uring::types::BufRingEntry;
use io_uring::{Submitter, cqueue};

use crate::poller::io_uring::Supply;

/// The number by which requests name the ring of buffers.
pub(super) const GROUP: u16 = 0;

/// That buffers are filled piece by piece; see `IOU_PBUF_RING_INC` in `<linux/io_uring.h>`.
const PIECE_BY_PIECE: u16 = 2;

/// One that no process has: it is refused before anything is received.
const NO_ADDRESS: u64 = 1 << 63;

/// How many buffers there are, a power of two; how many of them the kernel has at first; and how long each is.
#[derive(Clone, Copy)]
struct Shape {
    count: u16,
    first: u16,
    size: usize,
}

const FEW: Shape = Shape { count: 64, first: 2, size: 64 * 1024 };
const MANY: Shape = Shape { count: 1024, first: 64, size: 4 * 1024 };

pub(super) struct Buffers {
    shape: Shape,
    /// The kernel's ring, and after it the buffers.
    memory: NonNull<u8>,
    state: Mutex<State>,
}

struct State {
    /// One past the last buffer given.
    tail: u16,
    /// How many the kernel has, and how many it should have.
    given: u16,
    wanted: u16,
    free: Vec<u16>,
    buffers: Vec<Buffer>,
    /// The kernel gets no more.
    is_withdrawn: bool,
}

#[derive(Clone, Default)]
struct Buffer {
    /// How much of it the kernel has filled.
    filled: usize,
    leases: usize,
    /// The kernel does not fill it any more.
    is_done: bool,
}

// SAFETY: the ring is written under the lock; each part of a buffer has one user, the kernel or a lease.
unsafe impl Send for Buffers {}
// SAFETY: as above.
unsafe impl Sync for Buffers {}

/// What the kernel has received at once: a part of a buffer.
pub(in crate::io) struct Lease {
    buffers: Arc<Buffers>,
    number: u16,
    start: usize,
    length: usize,
}

impl Shape {
    fn entries(self) -> usize {
        usize::from(self.count) * size_of::<BufRingEntry>()
    }

    fn length(self) -> usize {
        self.entries() + usize::from(self.count) * self.size
    }
}

impl Buffers {
    /// Makes them and gives them all to the kernel.
    pub(super) fn register(submitter: &Submitter<'_>) -> io::Result<Arc<Buffers>> {
        let few = Buffers::new(FEW)?;
        match few.hand_over(submitter, PIECE_BY_PIECE) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {}
            result => return result.map(|()| few),
        }
        let many = Buffers::new(MANY)?;
        many.hand_over(submitter, 0)?;
        Ok(many)
    }

    fn new(shape: Shape) -> io::Result<Arc<Buffers>> {
        // SAFETY: new memory, wherever the kernel likes.
        let memory = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                shape.length(),
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
        let state = State {
            tail: 0,
            given: 0,
            wanted: shape.first,
            free: (0..shape.count).rev().collect(),
            buffers: vec![Buffer::default(); usize::from(shape.count)],
            is_withdrawn: false,
        };
        Ok(Arc::new(Buffers { shape, memory, state: Mutex::new(state) }))
    }

    fn hand_over(&self, submitter: &Submitter<'_>, flags: u16) -> io::Result<()> {
        // SAFETY: the memory begins with a page, is long enough, and outlives all requests that use it: whoever makes
        // them keeps it.
        unsafe {
            let ring = self.memory.as_ptr() as u64;
            submitter.register_buf_ring_with_flags(ring, self.shape.count, GROUP, flags)?;
        }
        self.provide(&mut self.lock());
        Ok(())
    }

    /// Gives the kernel as many as it should have, if there are as many.
    fn provide(&self, state: &mut State) {
        while !state.is_withdrawn
            && state.given < state.wanted
            && let Some(number) = state.free.pop()
        {
            self.give(state, number);
        }
    }

    /// The kernel had none for what came in.
    pub(super) fn want_more(&self) {
        let mut state = self.lock();
        state.wanted = (state.wanted * 2).min(self.shape.count);
        self.provide(&mut state);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn address(&self, number: u16) -> NonNull<u8> {
        // SAFETY: within the memory, since numbers are below the count.
        unsafe { self.memory.add(self.shape.entries() + usize::from(number) * self.shape.size) }
    }

    /// The kernel's ring, which lies at the beginning of the memory.
    fn entries(&self) -> NonNull<BufRingEntry> {
        self.memory.cast()
    }

    fn give(&self, state: &mut State, number: u16) {
        state.buffers[usize::from(number)] = Buffer::default();
        let entries = self.entries();
        // SAFETY: the place is within the ring; the kernel does not look at it until the tail has passed it, and no more
        // buffers than there are places are ever there.
        unsafe {
            let entry = entries.add(usize::from(state.tail % self.shape.count)).as_mut();
            entry.set_addr(self.address(number).as_ptr() as u64);
            entry.set_len(self.shape.size as u32);
            entry.set_bid(number);
        }
        state.tail = state.tail.wrapping_add(1);
        state.given += 1;
        // SAFETY: the kernel reads this place as an atomic, and this process writes it under the lock alone.
        let shared = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(entries.as_ptr()).cast_mut()) };
        shared.store(state.tail, Ordering::Release);
    }

    /// What the kernel has filled, by its own words. To be asked of each completion, in their order.
    pub(super) fn lease(self: &Arc<Self>, flags: u32, result: i32) -> Option<Lease> {
        let number = cqueue::buffer_select(flags).filter(|number| *number < self.shape.count)?;
        let mut state = self.lock();
        let buffer = &mut state.buffers[usize::from(number)];
        let start = buffer.filled;
        let length = usize::try_from(result).unwrap_or(0).min(self.shape.size - start);
        buffer.filled += length;
        buffer.leases += 1;
        buffer.is_done = !cqueue::buffer_more(flags);
        if buffer.is_done {
            state.given -= 1;
            self.provide(&mut state);
        }
        Some(Lease { buffers: self.clone(), number, start, length })
    }
}

impl Supply for Buffers {
    fn withdraw(&self) {
        self.lock().is_withdrawn = true;
        for place in 0..usize::from(self.shape.count) {
            // SAFETY: within the ring, of which the kernel reads nothing now: nobody asks it to, and what it does when
            // the ring is closed comes later.
            unsafe { self.entries().add(place).as_mut().set_addr(NO_ADDRESS) };
        }
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        // SAFETY: mapped in `new`; no lease lives, and the ring that used it is gone.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), self.shape.length()) };
    }
}

impl Lease {
    pub(in crate::io) fn bytes(&self) -> &[u8] {
        // SAFETY: within the buffer; the kernel has filled this part, and leaves it alone until the buffer is given
        // again.
        unsafe {
            std::slice::from_raw_parts(
                self.buffers.address(self.number).add(self.start).as_ptr(),
                self.length,
            )
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.buffers.lock();
        let buffer = &mut state.buffers[usize::from(self.number)];
        buffer.leases -= 1;
        if buffer.is_done && buffer.leases == 0 {
            state.free.push(self.number);
            self.buffers.provide(&mut state);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    use io_uring::{IoUring, opcode, types};

    use super::*;
    use crate::io::{Received, Stream};
    use crate::{Dispatcher, RunType};

    #[test]
    fn what_is_withdrawn_takes_nothing_from_a_socket() {
        let mut ring = IoUring::new(8).unwrap();
        let buffers = Buffers::register(&ring.submitter()).unwrap();
        let (mut ours, mut peer) = UnixStream::pair().unwrap();
        let mut receive = |buffers: &Arc<Buffers>| {
            let entry = opcode::RecvMulti::new(types::Fd(ours.as_raw_fd()), GROUP).build();
            // SAFETY: the entry points to nothing.
            unsafe { ring.submission().push(&entry).unwrap() };
            ring.submit().unwrap();
            peer.write_all(b"data").unwrap();
            ring.submit_and_wait(1).unwrap();
            let completion = ring.completion().next().unwrap();
            let lease = buffers.lease(completion.flags(), completion.result());
            (completion.result(), lease.map(|lease| lease.bytes().to_vec()))
        };
        assert_eq!(receive(&buffers), (4, Some(b"data".to_vec())));
        buffers.withdraw();
        // The first one waits still, of which more would come.
        assert_eq!(receive(&buffers).0, -libc::EFAULT);
        ours.set_nonblocking(true).unwrap();
        let mut bytes = [0; 8];
        let length = ours.read(&mut bytes).unwrap();
        assert_eq!(&bytes[..length], b"data");
    }

    #[test]
    fn when_they_do_not_suffice_the_kernel_gets_more() {
        const EACH: usize = 128 * 1024;
        let dispatcher = Dispatcher::builder("x").backend("io_uring").build().unwrap();
        let length = Arc::new(Mutex::new(0));
        let streams: Vec<(Stream, UnixStream)> = (0..64)
            .map(|_| {
                let (ours, mut peer) = UnixStream::pair().unwrap();
                socket2::SockRef::from(&peer).set_send_buffer_size(2 * EACH).unwrap();
                peer.write_all(&[1; EACH]).unwrap();
                let stream = dispatcher.create_stream(ours).unwrap();
                let length = length.clone();
                stream
                    .receive(move |received| match received {
                        Received::Data(bytes) => *length.lock().unwrap() += bytes.len(),
                        other => panic!("{other:?}"),
                    })
                    .unwrap();
                (stream, peer)
            })
            .collect();
        while *length.lock().unwrap() < streams.len() * EACH {
            dispatcher.run(RunType::NonBlock).unwrap();
        }
        let table = dispatcher.core().operations.as_ref().unwrap().lock();
        let (_, buffers) = table.buffers[0].as_ref().unwrap();
        // Asked for where the kernel says ENOBUFS, and nowhere else.
        assert!(buffers.lock().wanted > buffers.shape.first);
    }
}
