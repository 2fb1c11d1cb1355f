//! crossbeam-channel behind four C functions, for a C++ benchmark.
//!
//! A message is a closure by value, of the size of a `std::function`: what a post carries in C++, without the
//! allocation that a larger one would need.

use crossbeam_channel::{Receiver, Sender, unbounded};
use std::ffi::c_void;

const PAYLOAD: usize = 24;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Message {
    /// `None` ends `crossbeam_peer_run`.
    call: Option<extern "C" fn(*mut c_void)>,
    payload: [u64; PAYLOAD / 8],
}

pub struct Channel {
    sender: Sender<Message>,
    receiver: Receiver<Message>,
}

#[unsafe(no_mangle)]
pub extern "C" fn crossbeam_peer_create() -> *mut Channel {
    let (sender, receiver) = unbounded();
    Box::into_raw(Box::new(Channel { sender, receiver }))
}

/// # Safety
/// `channel` came from `crossbeam_peer_create`, is not destroyed, and no thread uses it any longer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crossbeam_peer_destroy(channel: *mut Channel) {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(channel) });
}

/// # Safety
/// `channel` and `message` are valid for reads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crossbeam_peer_send(channel: *const Channel, message: *const Message) {
    // SAFETY: the caller's promise.
    let (channel, message) = unsafe { (&*channel, *message) };
    // Never disconnected: the channel owns a receiver.
    let _ = channel.sender.send(message);
}

/// Receives and calls messages, blocking, until one has nothing to call.
///
/// # Safety
/// `channel` is valid for reads, and every message can be called with its payload.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crossbeam_peer_run(channel: *const Channel) {
    // SAFETY: the caller's promise.
    let channel = unsafe { &*channel };
    while let Ok(mut message) = channel.receiver.recv() {
        match message.call {
            Some(call) => call(message.payload.as_mut_ptr().cast()),
            None => return,
        }
    }
}
