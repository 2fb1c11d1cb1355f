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
use crate::dispatcher::Activity;
use crate::dispatcher::closure::Outcome;
use crate::dispatcher::core::OnLoop;
use crate::dispatcher::post::Job;

/// What keeps a receiver alive while a message is on its way, and tells who sent that.
pub(super) trait Hold<A: Actor>: Borrow<Arc<Cell<A>>> + Send + 'static {
    const SENDER: Sender;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    Anybody,
    Itself,
}

/// A message to the actor that `hold` keeps. Should the loop be shut down before it arrives, it is dropped, and
/// counted.
pub(super) struct Delivery<A: Actor, H: Hold<A>> {
    hold: H,
    message: ManuallyDrop<A::Message>,
}

impl<A: Actor, H: Hold<A>> Delivery<A, H> {
    #[inline]
    pub(super) fn new(hold: H, message: A::Message) -> Delivery<A, H> {
        Delivery { hold, message: ManuallyDrop::new(message) }
    }

    /// What was in it, for the caller to count.
    #[inline]
    pub(super) fn open(self) -> (H, A::Message) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: each is taken once, since `drop` does not run.
        unsafe { (ptr::read(&this.hold), ManuallyDrop::take(&mut this.message)) }
    }
}

impl<A: Actor, H: Hold<A>> Drop for Delivery<A, H> {
    fn drop(&mut self) {
        self.hold.borrow().base().count_taken();
        // SAFETY: dropped once: `open` forgets itself.
        unsafe { ManuallyDrop::drop(&mut self.message) };
    }
}

impl<A: Actor, H: Hold<A>> Job for Delivery<A, H> {
    fn run(self) -> Outcome {
        let mut this = ManuallyDrop::new(self);
        let Delivery { hold, message } = &mut *this;
        // SAFETY: each is taken out once, since `drop` does not run.
        let (hold, message) = unsafe { (ptr::read(hold), Parcel::new(message)) };
        let cell = hold.borrow();
        if let Some(on_loop) = cell.base().core.running_here() {
            on_loop.core.activity.begin(Activity::Message);
            cell.deliver(on_loop, H::SENDER, message);
        }
        Ok(())
    }
}

/// A message that is handed on where it lies: it is moved once, to its handler.
pub(super) struct Parcel<'a, M>(&'a mut ManuallyDrop<M>);

impl<M> Parcel<'_, M> {
    /// # Safety
    /// Nothing else takes the message out, or drops it.
    unsafe fn new(message: &mut ManuallyDrop<M>) -> Parcel<'_, M> {
        Parcel(message)
    }

    #[inline]
    pub(super) fn open(self) -> M {
        let this = ManuallyDrop::new(self);
        // SAFETY: once, as promised, since `drop` does not run.
        unsafe { ptr::read(&**this.0) }
    }
}

impl<M> Drop for Parcel<'_, M> {
    fn drop(&mut self) {
        // SAFETY: it was not opened.
        unsafe { ManuallyDrop::drop(self.0) };
    }
}

impl<A: Actor> Hold<A> for Arc<Cell<A>> {
    const SENDER: Sender = Sender::Anybody;
}

/// A reference to a cell whose actor tells itself something.
pub(super) struct Itself<A: Actor>(pub(super) Arc<Cell<A>>);

impl<A: Actor> Borrow<Arc<Cell<A>>> for Itself<A> {
    fn borrow(&self) -> &Arc<Cell<A>> {
        &self.0
    }
}

impl<A: Actor> Hold<A> for Itself<A> {
    const SENDER: Sender = Sender::Itself;
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

impl<A: Actor> Hold<A> for Lease<A> {
    const SENDER: Sender = Sender::Anybody;
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
