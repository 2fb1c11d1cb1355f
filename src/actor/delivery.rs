//! A message on its way to its actor, and what keeps the actor's cell alive meanwhile.
//!
//! That is a reference, if it was sent by another thread. Messages that the loop's own thread sends share one
//! reference among them, counted by [`Lease`]s, so that they touch no counter that other threads touch.

use std::borrow::Borrow;
use std::mem::{self, ManuallyDrop};
use std::ptr;
use std::sync::Arc;

use super::Actor;
use super::base::Node;
use super::cell::Cell;
use crate::dispatcher::closure::Outcome;
use crate::dispatcher::core::OnLoop;
use crate::dispatcher::post::Job;

/// A message that `hold` keeps the receiver alive for. Should the loop be shut down before it arrives, it is
/// dropped, and counted.
pub(super) struct Delivery<A: Actor, H: Borrow<Arc<Cell<A>>>> {
    hold: H,
    sender: Sender,
    message: ManuallyDrop<A::Message>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    Anybody,
    Itself,
}

impl<A: Actor, H: Borrow<Arc<Cell<A>>>> Delivery<A, H> {
    #[inline]
    pub(super) fn new(hold: H, sender: Sender, message: A::Message) -> Delivery<A, H> {
        Delivery { hold, sender, message: ManuallyDrop::new(message) }
    }

    /// What was in it, for the caller to count.
    #[inline]
    pub(super) fn open(self) -> (H, A::Message) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: each is taken once, since `drop` does not run.
        unsafe { (ptr::read(&this.hold), ManuallyDrop::take(&mut this.message)) }
    }
}

impl<A: Actor, H: Borrow<Arc<Cell<A>>>> Drop for Delivery<A, H> {
    fn drop(&mut self) {
        self.hold.borrow().base().count_taken();
        // SAFETY: dropped once: `open` forgets itself.
        unsafe { ManuallyDrop::drop(&mut self.message) };
    }
}

impl<A: Actor, H: Borrow<Arc<Cell<A>>> + Send + 'static> Job for Delivery<A, H> {
    fn run(self) -> Outcome {
        let sender = self.sender;
        let (hold, message) = self.open();
        let cell = hold.borrow();
        if let Some(on_loop) = cell.base().core.running_here() {
            cell.deliver(on_loop, sender, message);
        }
        Ok(())
    }
}

/// A share in the one reference that all leases of a cell have in common.
///
/// Made and dropped by the loop's owner alone: it stays among what is queued on the loop.
pub(super) struct Lease<A: Actor>(ManuallyDrop<Arc<Cell<A>>>);

// SAFETY: it goes to another thread with the ownership of the loop alone, and stands for an `Arc` that is `Send`.
unsafe impl<A: Actor> Send for Lease<A> {}

impl<A: Actor> Lease<A> {
    #[inline]
    pub(super) fn new(cell: &Cell<A>, on_loop: OnLoop<'_>) -> Lease<A> {
        debug_assert!(ptr::eq(on_loop.core, &*cell.base().core), "leases are for the actors of the loop");
        let leases = cell.leases();
        if leases.replace(leases.get() + 1) == 0 {
            // The reference that this lease and those to come share.
            mem::forget(cell.shared());
        }
        // SAFETY: all cells are made in an `Arc`; the reference that leases share is dropped with the last of them.
        Lease(ManuallyDrop::new(unsafe { Arc::from_raw(cell) }))
    }
}

impl<A: Actor> Borrow<Arc<Cell<A>>> for Lease<A> {
    #[inline]
    fn borrow(&self) -> &Arc<Cell<A>> {
        &self.0
    }
}

impl<A: Actor> Drop for Lease<A> {
    #[inline]
    fn drop(&mut self) {
        let leases = self.0.leases();
        leases.set(leases.get() - 1);
        if leases.get() == 0 {
            // SAFETY: the shared reference, which no lease needs any more; dropped once, here.
            unsafe { ManuallyDrop::drop(&mut self.0) };
        }
    }
}
