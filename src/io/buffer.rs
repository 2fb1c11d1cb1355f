//! The buffer that all streams of a thread receive into, where the system does not choose one.

use std::cell::Cell;

const SIZE: usize = 64 * 1024;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Lends it; a nested call, from a loop that a callback runs, gets one of its own.
pub(super) fn with<R>(work: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut buffer = BUFFER.take();
    buffer.resize(SIZE, 0);
    let result = work(&mut buffer);
    BUFFER.set(buffer);
    result
}
