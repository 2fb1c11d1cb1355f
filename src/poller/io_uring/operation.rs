//! What the ring does besides polling, for others in this crate: the seam for I/O that the ring owns.
//!
//! Operations share the ring, its one system call an iteration and its completions with the file events. Their owner
//! keeps a table of them and names each by an [`OperationId`]; it fills the submission entry, and takes the completions
//! after each wait. All this happens on the loop's thread, inside `run()`.
//!
//! A ring cannot be handed to another thread. When another one runs the loop it gets a new ring, and the number tells:
//! what was registered with the former one (buffers) is gone, and what was in flight there is cancelled by the kernel,
//! some time later and without a completion that anybody sees. So whoever owns operations ends them before its thread
//! leaves the loop, or keeps what they point to for ever.

use std::io;

use io_uring::{opcode, squeue};

use super::IoUring;
pub(crate) use super::user_data::OperationId;
use super::user_data::UserData;

/// What came of an operation, or of one shot of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Completion {
    pub(crate) id: OperationId,
    /// What the system call would have returned, or its error, negative.
    pub(crate) result: i32,
    /// The kernel's flags, among them whether more completions come.
    pub(crate) flags: u32,
}

impl IoUring {
    /// Submits an operation with the next wait. Its user data is replaced by `id`.
    ///
    /// # Safety
    /// What the entry points to stays valid until the last completion of `id`, or for ever if the ring goes first.
    pub(crate) unsafe fn submit(&self, id: OperationId, entry: squeue::Entry) -> io::Result<()> {
        let entry = entry.user_data(UserData::Operation(id).encode());
        // SAFETY: the caller's promise.
        unsafe { self.ring().push(&entry) }
    }

    /// Ends an operation soon: its last completion says ECANCELED, unless it was done before.
    pub(crate) fn cancel(&self, id: OperationId) -> io::Result<()> {
        let cancel = opcode::AsyncCancel::new(UserData::Operation(id).encode()).build();
        // SAFETY: the entry points to nothing.
        unsafe { self.ring().push(&cancel.user_data(UserData::Nobody.encode())) }
    }

    /// Appends what has completed since the last call. After a wait there is nothing unless a completion ended it.
    pub(crate) fn take_completions(&self, completions: &mut Vec<Completion>) {
        completions.append(&mut self.lock().completions);
    }

    /// Which ring it is: a number that changes whenever another one takes its place.
    pub(crate) fn ring_number(&self) -> u64 {
        self.lock().ring_number
    }

    /// Registers something (buffers) with the ring.
    pub(crate) fn with_submitter<R>(&self, register: impl FnOnce(io_uring::Submitter<'_>) -> R) -> R {
        register(self.ring().submitter())
    }
}
