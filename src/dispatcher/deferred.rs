//! Deferred deletion: objects whose destruction must not happen on the stack that asks for it.

use std::ptr::NonNull;

use super::Budget;
use super::activity::Activity;
use super::closure::{Outcome, guarded};
use super::core::{Access, Command, Core, OnLoop};

/// An object waiting to be destroyed on the loop.
pub(crate) struct Deferred {
    object: NonNull<()>,
    /// Told apart from `destroy` so that C's function pointer needs no allocation.
    extra: usize,
    destroy: unsafe fn(NonNull<()>, usize) -> Outcome,
}

// SAFETY: made from `Send` values, or by C callers who promise as much.
unsafe impl Send for Deferred {}

impl Deferred {
    pub(crate) fn new<T: Send + 'static>(object: Box<T>) -> Deferred {
        unsafe fn destroy<T>(object: NonNull<()>, _: usize) -> Outcome {
            // SAFETY: made by `Box::into_raw` of a `Box<T>`, and destroyed once.
            guarded(|| drop(unsafe { Box::from_raw(object.cast::<T>().as_ptr()) }))
        }
        // SAFETY: a box is not null.
        let object = unsafe { NonNull::new_unchecked(Box::into_raw(object)) }.cast();
        Deferred { object, extra: 0, destroy: destroy::<T> }
    }

    /// # Safety
    /// `destroy(object, extra)` may be called once, from any thread.
    #[cfg(feature = "ffi")]
    pub(crate) unsafe fn foreign(
        object: NonNull<()>,
        extra: usize,
        destroy: unsafe fn(NonNull<()>, usize) -> Outcome,
    ) -> Deferred {
        Deferred { object, extra, destroy }
    }

    pub(crate) fn destroy(self) -> Outcome {
        let this = std::mem::ManuallyDrop::new(self);
        // SAFETY: `self` is consumed, so once.
        unsafe { (this.destroy)(this.object, this.extra) }
    }
}

impl Drop for Deferred {
    fn drop(&mut self) {
        // Only what a shutdown could not get rid of; there is nobody left to tell about a panic.
        // SAFETY: `destroy` forgets itself, so once.
        drop(unsafe { (self.destroy)(self.object, self.extra) });
    }
}

impl Core {
    pub(crate) fn defer(&self, object: Deferred) {
        match self.access() {
            Access::Running(on_loop) => on_loop.defer_here(object),
            Access::Direct(direct) => {
                direct.on_loop().defer_here(object);
                direct.on_loop().wake_on_release.set(true);
            }
            Access::Remote => self.send(Command::Defer(object)),
        }
    }
}

impl OnLoop<'_> {
    pub(crate) fn defer_here(self, object: Deferred) {
        // SAFETY: the ring gives a place to write to.
        self.deferred.room().fill(|place| unsafe { place.write(object) });
    }

    /// Destroys what is deferred now, in order. What destructors defer waits for the next flush (D4). A flush
    /// inside a flush does nothing (D5).
    #[inline(always)]
    pub(crate) fn flush_deferred(self, budget: &mut Budget) -> Outcome {
        if !self.deferred.is_empty() && !self.flushing.get() { self.flush_batch(budget) } else { Ok(()) }
    }

    #[inline(never)]
    fn flush_batch(self, budget: &mut Budget) -> Outcome {
        // A callback may ask for it.
        let doing = self.core.activity.begin(Activity::DeferredDelete);
        self.touch_watchdog();
        self.flushing.set(true);
        let mut outcome = Ok(());
        for _ in 0..self.deferred.len() {
            // A shutdown in a destructor takes the rest.
            let Some(object) = self.deferred.pop() else { break };
            let began = self.callback_begins();
            let destroyed = object.destroy();
            self.callback_ends(began);
            self.core.stats.deferred_deletes.add_here(1);
            budget.spend();
            outcome = self.after_callback(destroyed);
            if outcome.is_err() {
                break;
            }
        }
        self.flushing.set(false);
        self.core.activity.begin_word(doing);
        outcome
    }
}
