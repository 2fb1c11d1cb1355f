//! The least code that echoes on io_uring: the way that streams go there, without what makes it a library.

use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::{BufRingEntry, Fd};
use io_uring::{IoUring, cqueue, opcode, squeue};

use crate::clients::MESSAGE;
use crate::system::thread_cpu;

/// Buffers that the kernel fills piece by piece.
const BUFFERS: u16 = 64;
const SIZE: usize = 64 * 1024;
const PIECE_BY_PIECE: u16 = 2;
/// The user data of sends, of which only failures are told.
const SEND: u64 = u64::MAX;

/// In the layout that the kernel asks for: its ring, and then the buffers.
#[repr(C, align(4096))]
struct Memory {
    ring: [u8; BUFFERS as usize * size_of::<BufRingEntry>()],
    buffers: [[u8; SIZE]; BUFFERS as usize],
}

impl Memory {
    /// Gives a buffer to the kernel, as the one of this number.
    fn give(memory: *mut Memory, number: u16, tail: &mut u16) {
        // SAFETY: within the ring and the buffers; the kernel does not look there until the tail says so.
        unsafe {
            let entries = (&raw mut (*memory).ring).cast::<BufRingEntry>();
            let entry = &mut *entries.add(usize::from(*tail % BUFFERS));
            entry.set_addr((&raw mut (*memory).buffers[usize::from(number)]) as u64);
            entry.set_len(SIZE as u32);
            entry.set_bid(number);
            *tail = tail.wrapping_add(1);
            AtomicU16::from_ptr(BufRingEntry::tail(entries).cast_mut()).store(*tail, Ordering::Release);
        }
    }
}

pub fn ring_floor(connections: Vec<TcpStream>, messages: usize, start: &mut dyn FnMut()) -> u64 {
    let mut ring = IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_cqsize(4096)
        .build(256)
        .expect("a ring");
    // SAFETY: all zeros are valid.
    let memory = Box::into_raw(unsafe { Box::<Memory>::new_zeroed().assume_init() });
    // SAFETY: the memory outlives the ring.
    unsafe { ring.submitter().register_buf_ring_with_flags(memory as u64, BUFFERS, 0, PIECE_BY_PIECE) }
        .expect("buffers");
    let (mut tail, mut filled) = (0, [0; BUFFERS as usize]);
    (0..BUFFERS).for_each(|number| Memory::give(memory, number, &mut tail));
    for (number, connection) in connections.iter().enumerate() {
        let receive = opcode::RecvMulti::new(Fd(connection.as_raw_fd()), 0).build().user_data(number as u64);
        push(&mut ring, &receive);
    }
    ring.submit().expect("requests");
    let mut left = messages;
    let mut done = Vec::with_capacity(4096);
    start();
    let before = thread_cpu();
    while left > 0 {
        ring.submit_and_wait(1).expect("completions");
        done.extend(ring.completion());
        for completion in done.drain(..) {
            let (connection, flags) = (completion.user_data(), completion.flags());
            assert!(connection != SEND && completion.result() == MESSAGE as i32, "{completion:?}");
            assert!(cqueue::more(flags), "{completion:?}");
            let buffer = cqueue::buffer_select(flags).expect("a buffer");
            let position = &mut filled[usize::from(buffer)];
            // SAFETY: the kernel has filled it, and leaves it alone until it is given again, after the send.
            let message =
                unsafe { (&raw const (*memory).buffers[usize::from(buffer)]).cast::<u8>().add(*position) };
            *position += MESSAGE;
            let echo =
                opcode::Send::new(Fd(connections[connection as usize].as_raw_fd()), message, MESSAGE as u32)
                    .flags(libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT | libc::MSG_WAITALL)
                    .build()
                    .flags(squeue::Flags::SKIP_SUCCESS)
                    .user_data(SEND);
            push(&mut ring, &echo);
            left -= 1;
            if !cqueue::buffer_more(flags) {
                *position = 0;
                ring.submit().expect("room");
                Memory::give(memory, buffer, &mut tail);
            }
        }
    }
    ring.submit().expect("room");
    let took = thread_cpu() - before;
    drop(ring);
    // SAFETY: made above; the ring is gone.
    drop(unsafe { Box::from_raw(memory) });
    took
}

fn push(ring: &mut IoUring, request: &squeue::Entry) {
    // SAFETY: what it points to stays until it is done.
    while unsafe { ring.submission().push(request) }.is_err() {
        ring.submit().expect("room");
    }
}
