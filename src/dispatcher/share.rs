//! Shares of a core, which keep it alive as an `Arc` does. Each cell has one.
//!
//! The thread inside the loop counts its own, without an atomic read-modify-write; so does everybody else, together.
//! Since a share that is taken inside may be given back outside, neither count means anything by itself while the loop
//! is entered: the common one is then raised by [`ENTERED`], which keeps it from zero. Who leaves the loop moves its
//! own count into it. While the common count is not zero, it stands for one reference of `Arc`.

use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::core::Core;

/// More than there ever are shares.
const ENTERED: i64 = 1 << 62;

pub(crate) struct Shares {
    common: AtomicI64,
    /// Written by the thread inside the loop alone.
    own: AtomicI64,
}

impl Shares {
    pub(crate) fn new() -> Shares {
        Shares { common: AtomicI64::new(0), own: AtomicI64::new(0) }
    }
}

/// Whoever changes the common count from or to zero owes it the reference, or gives that back. The core lives
/// meanwhile: who takes a share has a reference or a share, and who gives one back has that one.
impl Core {
    fn add_shares(&self, number: i64) {
        // Who frees the core has seen what others did with their shares.
        let before = self.shares.common.fetch_add(number, Ordering::AcqRel);
        // SAFETY: `me` points into this core's `Arc`, and what is given back is the reference for the count.
        unsafe {
            if before == 0 {
                Arc::increment_strong_count(self.me.as_ptr());
            } else if before + number == 0 {
                Arc::decrement_strong_count(self.me.as_ptr());
            }
        }
    }

    /// One is taken (1) or given back (-1).
    fn count_share(&self, difference: i64) {
        if self.is_running_here() {
            let own = &self.shares.own;
            own.store(own.load(Ordering::Relaxed) + difference, Ordering::Relaxed);
        } else {
            self.add_shares(difference);
        }
    }

    /// The calling thread has just entered the loop.
    pub(crate) fn begin_own_shares(&self) {
        self.add_shares(ENTERED);
    }

    /// It is about to leave it, and holds a reference.
    pub(crate) fn end_own_shares(&self) {
        self.add_shares(self.shares.own.swap(0, Ordering::Relaxed) - ENTERED);
    }
}

/// Keeps a core alive.
pub(crate) struct Share(NonNull<Core>);

// SAFETY: as an `Arc`: a core is used from all threads, and freed by any.
unsafe impl Send for Share {}
// SAFETY: as above.
unsafe impl Sync for Share {}

impl Share {
    pub(crate) fn new(core: &Arc<Core>) -> Share {
        core.count_share(1);
        Share(NonNull::from(&**core))
    }
}

impl Clone for Share {
    fn clone(&self) -> Share {
        self.count_share(1);
        Share(self.0)
    }
}

impl Deref for Share {
    type Target = Core;

    fn deref(&self) -> &Core {
        // SAFETY: the share keeps it alive.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.count_share(-1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, Weak};
    use std::thread;

    use super::super::{Dispatcher, RunType, Timer};
    use super::*;

    /// A dispatcher, and whether its core lives.
    fn dispatcher() -> (Dispatcher, Weak<Core>) {
        let dispatcher = Dispatcher::new("shared").unwrap();
        let core = Arc::downgrade(dispatcher.core());
        (dispatcher, core)
    }

    /// Runs `work` in a callback.
    fn inside(dispatcher: &Dispatcher, work: impl FnOnce() + Send + 'static) {
        dispatcher.post(work).unwrap();
        dispatcher.run(RunType::NonBlock).unwrap();
    }

    #[test]
    fn the_last_share_frees_the_core() {
        let (dispatcher, core) = dispatcher();
        let timers = [dispatcher.create_timer(|| ()), dispatcher.create_timer(|| ())];
        drop(dispatcher);
        let [first, last] = timers;
        drop(first);
        assert_eq!(core.strong_count(), 1);
        drop(last);
        assert_eq!(core.strong_count(), 0);
    }

    #[test]
    fn a_share_taken_inside_lives_on_outside() {
        let (dispatcher, core) = dispatcher();
        let kept = Arc::new(Mutex::new(None));
        let (handle, keeps) = (dispatcher.handle(), kept.clone());
        inside(&dispatcher, move || *keeps.lock().unwrap() = Some(handle.create_timer(|| ())));
        drop(dispatcher);
        assert_eq!(core.strong_count(), 1);
        thread::spawn(move || drop(kept)).join().unwrap();
        assert_eq!(core.strong_count(), 0);
    }

    #[test]
    fn a_share_taken_outside_is_given_back_inside() {
        let (dispatcher, core) = dispatcher();
        let timer = dispatcher.create_timer(|| ());
        inside(&dispatcher, move || drop(timer));
        assert_eq!(core.strong_count(), 1);
        drop(dispatcher);
        assert_eq!(core.strong_count(), 0);
    }

    /// More are given back outside than were ever taken there.
    #[test]
    fn shares_taken_inside_are_given_back_outside_while_the_loop_runs() {
        let (dispatcher, core) = dispatcher();
        let handle = dispatcher.handle();
        inside(&dispatcher, move || {
            let timers: Vec<Timer> = (0..10).map(|_| handle.create_timer(|| ())).collect();
            thread::spawn(move || drop(timers)).join().unwrap();
        });
        assert_eq!(core.strong_count(), 1);
        let last = dispatcher.create_timer(|| ());
        drop(dispatcher);
        assert_eq!(core.strong_count(), 1);
        drop(last);
        assert_eq!(core.strong_count(), 0);
    }
}
