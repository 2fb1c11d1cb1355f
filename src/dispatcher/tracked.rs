//! Tracked objects: what the loop is working on right now, to be shown when something goes wrong.

use std::fmt;
#[cfg(unix)]
use std::sync::TryLockError;
use std::sync::{Mutex, MutexGuard};

use super::core::thread_number;
use crate::error::Error;

/// An object that can describe its state while the loop works on it.
pub trait TrackedObject {
    /// Writes the state, indented by `indent` levels.
    fn dump_state(&self, out: &mut dyn fmt::Write, indent: usize) -> fmt::Result;
}

/// The stack. A lock of its own, so that it can be looked at from other threads; it is never held while an
/// object describes itself.
pub(crate) struct TrackedStack(Mutex<Vec<Tracked>>);

#[derive(Clone, Copy)]
pub(crate) struct Tracked {
    object: *const (),
    dump: DumpFn,
    /// Who pushed it: the only thread that can be sure that it is still there.
    thread: u64,
}

/// Describes the object at the address, with the foreign function (or zero) that C gave for it.
pub(crate) type DumpFn = (unsafe fn(*const (), usize, &mut dyn fmt::Write, usize) -> fmt::Result, usize);

// SAFETY: the addresses are only compared, but in `describe`, whose caller vouches for them.
unsafe impl Send for Tracked {}

impl Tracked {
    /// # Safety
    /// The object is still tracked, and this is the thread that pushed it: it pops it, in the reverse order, before
    /// it lets the object go.
    pub(crate) unsafe fn describe(self, out: &mut dyn fmt::Write, depth: usize) -> fmt::Result {
        let (dump, foreign) = self.dump;
        // SAFETY: the caller's promise.
        unsafe { dump(self.object, foreign, out, depth) }
    }
}

/// The stack is being changed right now, probably by the very code that a signal handler interrupted.
#[cfg(unix)]
pub(crate) struct Locked;

/// How often [`TrackedStack::peek`] tries.
#[cfg(unix)]
const PEEKS: u32 = 1000;

impl TrackedStack {
    pub(crate) fn new() -> TrackedStack {
        TrackedStack(Mutex::new(Vec::new()))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Tracked>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn push(&self, object: *const (), dump: DumpFn) {
        self.lock().push(Tracked { object, dump, thread: thread_number() });
    }

    pub(crate) fn pop(&self, object: *const ()) -> Result<(), Error> {
        let mut stack = self.lock();
        match stack.last() {
            Some(top) if top.object == object => {
                stack.pop();
                Ok(())
            }
            Some(_) => Err(Error::InvalidState(
                "the object is not the innermost tracked one; pop in the reverse order of push".into(),
            )),
            None => Err(Error::InvalidState("no object is tracked, so none can be popped".into())),
        }
    }

    /// Holds the stack still: as long as that lasts, whoever pops waits, so all objects on it are alive.
    pub(crate) fn freeze(&self) -> Frozen<'_> {
        Frozen(self.lock())
    }

    /// Describes all that this thread pushed, innermost first.
    pub(crate) fn dump(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let mut stack = self.lock().clone();
        stack.retain(|tracked| tracked.thread == thread_number());
        for (depth, tracked) in stack.iter().rev().enumerate() {
            // SAFETY: pushed by this thread.
            unsafe { tracked.describe(out, depth) }?;
        }
        Ok(())
    }

    /// The object at this depth of those that this thread pushed; the innermost is at 0. For a signal handler: it
    /// does not allocate, and waits for the lock only as long as another thread's push or pop may take.
    #[cfg(unix)]
    pub(crate) fn peek(&self, depth: usize) -> Result<Option<Tracked>, Locked> {
        for _ in 0..PEEKS {
            let stack = match self.0.try_lock() {
                Ok(stack) => stack,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {
                    std::thread::yield_now();
                    continue;
                }
            };
            let mut mine = stack.iter().rev().filter(|tracked| tracked.thread == thread_number());
            return Ok(mine.nth(depth).copied());
        }
        Err(Locked)
    }
}

/// The stack, held still.
pub(crate) struct Frozen<'a>(MutexGuard<'a, Vec<Tracked>>);

impl Frozen<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Describes all objects, whoever pushed them, innermost first. One that fails costs only itself.
    ///
    /// # Safety
    /// No other thread runs in this memory: a thread may be changing the very objects.
    #[cfg(target_os = "linux")]
    pub(crate) unsafe fn dump(&self, out: &mut dyn fmt::Write) {
        for (depth, tracked) in self.0.iter().rev().enumerate() {
            let describe = || {
                // SAFETY: tracked while the stack is held still; this thread is the only one, so as good as the one
                // that pushed it.
                let _ = unsafe { tracked.describe(out, depth) };
            };
            if let Err(failure) = super::closure::guarded(describe) {
                let _ = writeln!(out, "({})", failure.describe());
            }
        }
    }
}

/// Pops its object when dropped, also while a panic unwinds.
pub(crate) struct Scope<'a> {
    stack: &'a TrackedStack,
    object: *const (),
}

impl<'a> Scope<'a> {
    pub(crate) fn enter<T: TrackedObject>(stack: &'a TrackedStack, object: &'a T) -> Scope<'a> {
        unsafe fn dump<T: TrackedObject>(
            object: *const (),
            _: usize,
            out: &mut dyn fmt::Write,
            indent: usize,
        ) -> fmt::Result {
            // SAFETY: pushed by a `Scope` that borrows it and is still alive.
            unsafe { &*object.cast::<T>() }.dump_state(out, indent)
        }
        let object = std::ptr::from_ref(object).cast();
        stack.push(object, (dump::<T>, 0));
        Scope { stack, object }
    }
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        if self.stack.pop(self.object).is_err() {
            tracing::error!("tracked objects were not popped in the reverse order of their pushes");
            self.stack.lock().retain(|tracked| tracked.object != self.object);
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    struct Silent;

    impl TrackedObject for Silent {
        fn dump_state(&self, _: &mut dyn fmt::Write, _: usize) -> fmt::Result {
            Ok(())
        }
    }

    #[test]
    fn a_peek_sees_what_this_thread_pushed_and_does_not_wait_for_the_lock() {
        let stack = TrackedStack::new();
        let (outer, inner) = (Silent, Silent);
        let _scopes = (Scope::enter(&stack, &outer), Scope::enter(&stack, &inner));
        let seen = |depth| stack.peek(depth).is_ok_and(|object| object.is_some());
        assert_eq!([0, 1, 2].map(seen), [true, true, false]);
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(!seen(0)));
        });
        let locked = stack.lock();
        assert!(stack.peek(0).is_err());
        drop(locked);
    }
}
