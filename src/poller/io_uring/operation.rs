//! What the ring does besides polling, for others in this crate: the seam for I/O that the ring owns.
//!
//! Operations share the ring, its one system call an iteration and its completions with the file events. Their owner
//! keeps a table of them and names each by an [`OperationId`]; it fills the submission entry, and takes the completions
//! after each wait. All this happens on the loop's thread, inside `run()`.
//!
//! A ring cannot be handed to another thread. When another one runs the loop it gets a new ring, and the number tells:
//! what was registered with the former one (buffers) is gone, and what was under way there is to be submitted again.
//! What that had done by then is not lost: its completions are taken out of the former ring, and what the kernel had not
//! taken ends as cancelled. A ring that works on request is never asked again, and another one's requests are cancelled;
//! but what waits in a ring that is closed may still be done by its thread, of which nobody hears: only what does no
//! harm then may wait, such as a poll, or a receive, which finds no buffer ([`Supply`]). So what an operation points to
//! is needed until its last completion, or until the number has changed. Of completions that waited in the kernel for
//! room, and that it refused to deliver to the thread that left, it is known only that there were some.

use std::io;
use std::sync::Arc;

use io_uring::types::CancelBuilder;
use io_uring::{Submitter, opcode, squeue};

use super::IoUring;
use super::registry::News;
use super::ring::Service;
pub(crate) use super::user_data::OperationId;
use super::user_data::UserData;
use crate::dispatcher::core::thread_number;

/// What came of an operation, or of one shot of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Completion {
    pub(crate) id: OperationId,
    /// The number of the ring that did it.
    pub(crate) ring: u64,
    /// What the system call would have returned, or its error, negative.
    pub(crate) result: i32,
    /// The kernel's flags, among them whether more completions come.
    pub(crate) flags: u32,
}

/// What there is to say of the rings when their completions were taken.
pub(crate) struct Taken {
    /// Which one it is by now, a number that changes whenever another one takes its place.
    pub(crate) ring: u64,
    /// It was given all that was submitted, and there is nothing of it left to take out.
    pub(crate) is_dry: bool,
    /// A former one, of which completions are lost: the kernel would not hand them over.
    pub(crate) lost: Option<u64>,
}

/// Buffers that the kernel chooses from.
pub(crate) trait Supply: Send + Sync {
    /// The ring is about to be closed: whatever the kernel still does there, it receives nothing into them.
    fn withdraw(&self);
}

impl IoUring {
    /// Submits an operation with the next wait, and says to which ring. Its user data is replaced by `id`.
    ///
    /// # Safety
    /// What the entry points to stays valid until the last completion of `id`, or until there is another ring.
    pub(crate) unsafe fn submit(&self, id: OperationId, entry: squeue::Entry) -> io::Result<u64> {
        let entry = entry.user_data(UserData::Operation(id).encode());
        let mut state = self.lock();
        let mut ring = self.ring();
        self.own(&mut state, &mut ring)?;
        // SAFETY: the caller's promise.
        unsafe { ring.push(&entry)? };
        Ok(state.ring_number)
    }

    /// As [`submit`](Self::submit), until one finds no room: how many have found some.
    ///
    /// # Safety
    /// As there, for each.
    pub(crate) unsafe fn submit_all(
        &self,
        mut requests: impl Iterator<Item = (OperationId, squeue::Entry)>,
    ) -> (usize, io::Result<()>) {
        let mut state = self.lock();
        let mut ring = self.ring();
        let mut count = 0;
        let result = self.own(&mut state, &mut ring).and_then(|()| {
            requests.try_for_each(|(id, entry)| {
                // SAFETY: the caller's promise.
                unsafe { ring.push(&entry.user_data(UserData::Operation(id).encode()))? };
                count += 1;
                Ok(())
            })
        });
        (count, result)
    }

    /// Makes the ring the calling thread's, and says which it is.
    pub(crate) fn own_ring(&self) -> io::Result<u64> {
        let mut state = self.lock();
        self.own(&mut state, &mut self.ring())?;
        Ok(state.ring_number)
    }

    /// Whether this kernel can do all that there is to operations: it came with rings that work on request.
    pub(crate) fn has_operations(&self) -> bool {
        self.service == Service::OnRequest
    }

    /// Ends an operation soon: its last completion says ECANCELED, unless it was done before.
    pub(crate) fn cancel(&self, id: OperationId) -> io::Result<()> {
        let cancel = opcode::AsyncCancel::new(UserData::Operation(id).encode()).build();
        // SAFETY: the entry points to nothing.
        unsafe { self.ring().push(&cancel.user_data(UserData::Nobody.encode())) }
    }

    /// Ends these operations now, so that each has had its last completion, if the kernel takes the calls for that; and
    /// if it takes but the first, they do nothing more. For the thread that has the ring.
    pub(crate) fn end_now(&self, ids: &[OperationId]) -> io::Result<()> {
        let mut state = self.lock();
        let mut ring = self.ring();
        if state.owner != thread_number() {
            return Ok(());
        }
        for id in ids {
            ring.cancel_now(CancelBuilder::user_data(UserData::Operation(*id).encode()));
        }
        let entered = ring.enter(Some(0), 0);
        if self.harvest(&mut state, &mut ring, News::Doubtful)? {
            self.waker.wake();
        }
        entered
    }

    /// Whether somebody may wait for the ring in another loop than ours.
    pub(crate) fn is_watched(&self) -> bool {
        self.lock().outer.is_some()
    }

    #[cfg(test)]
    pub(crate) fn ring_fd(&self) -> i32 {
        self.lock().ring_fd
    }

    /// Appends what has completed since the last call. After a wait there is nothing unless a completion ended it.
    pub(crate) fn take_completions(&self, completions: &mut Vec<Completion>) -> Taken {
        let mut state = self.lock();
        completions.append(&mut state.completions);
        let mut ring = self.ring();
        let is_dry = !ring.has_unsubmitted() && !ring.has_completions() && !ring.has_overflow();
        Taken { ring: state.ring_number, is_dry, lost: state.lost.take() }
    }

    /// Gives the ring what was submitted, without a wait.
    pub(crate) fn submit_now(&self) -> io::Result<()> {
        self.ring().submit()
    }

    /// Registers with the ring what operations receive into; it keeps that until it is closed.
    pub(crate) fn set_supply<S: Supply + 'static>(
        &self,
        register: impl FnOnce(&Submitter<'_>) -> io::Result<Arc<S>>,
    ) -> io::Result<Arc<S>> {
        self.ring().set_supply(register)
    }
}
