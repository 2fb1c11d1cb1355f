//! Shares of a core, which keep it alive as an `Arc` does. Each cell has one.
//!
//! The thread inside the loop counts its own, without an atomic read-modify-write; so does everybody else, together.
//! Since a share that is taken inside may be given back outside, neither count means anything by itself while the loop
//! is entered: the common one is then raised by [`ENTERED`], which keeps it from zero. Who leaves the loop moves its
//! own count into it. While the common count is not zero, it stands for one reference of `Arc`.

use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;

use super::core::Core;
use crate::sync::{AtomicI64, Ordering};

/// More than there ever are shares.
const ENTERED: i64 = 1 << 62;

pub(crate) struct Shares {
    common: AtomicI64,
    /// Written by the thread inside the loop alone.
    own: AtomicI64,
}

/// What whoever changed the common count has to do with its reference.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Due {
    Nothing,
    /// The count has left zero.
    Take,
    /// It has come back to zero.
    GiveBack,
}

impl Shares {
    pub(crate) fn new() -> Shares {
        Shares { common: AtomicI64::new(0), own: AtomicI64::new(0) }
    }

    fn add(&self, number: i64) -> Due {
        // Who frees the core has seen what others did with their shares.
        let before = self.common.fetch_add(number, Ordering::AcqRel);
        if before == 0 {
            Due::Take
        } else if before + number == 0 {
            Due::GiveBack
        } else {
            Due::Nothing
        }
    }

    /// By the thread inside the loop.
    fn add_own(&self, number: i64) {
        self.own.store(self.own.load(Ordering::Relaxed) + number, Ordering::Relaxed);
    }

    /// The calling thread has just entered the loop.
    fn enter(&self) -> Due {
        self.add(ENTERED)
    }

    /// It is about to leave it.
    fn leave(&self) -> Due {
        // Whoever enters next has acquired the loop, and with it this zero.
        self.add(self.own.swap(0, Ordering::Relaxed) - ENTERED)
    }
}

/// The core lives meanwhile: who takes a share has a reference or a share, and who gives one back has that one.
impl Core {
    fn settle_reference(&self, due: Due) {
        // SAFETY: `me` points into this core's `Arc`, and what is given back is the reference for the count.
        unsafe {
            match due {
                Due::Nothing => {}
                Due::Take => Arc::increment_strong_count(self.me.as_ptr()),
                Due::GiveBack => Arc::decrement_strong_count(self.me.as_ptr()),
            }
        }
    }

    /// One is taken (1) or given back (-1).
    fn count_share(&self, difference: i64) {
        if self.is_running_here() {
            self.shares.add_own(difference);
        } else {
            self.settle_reference(self.shares.add(difference));
        }
    }

    /// The calling thread has just entered the loop.
    pub(crate) fn begin_own_shares(&self) {
        self.settle_reference(self.shares.enter());
    }

    /// It is about to leave it, and holds a reference.
    pub(crate) fn end_own_shares(&self) {
        self.settle_reference(self.shares.leave());
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

#[cfg(all(test, not(mcp_event_loom)))]
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

#[cfg(all(test, mcp_event_loom))]
mod loom_tests {
    use super::super::owner_word::{OwnerWord, Purpose, Taken};
    use super::*;
    use crate::sync::{AtomicUsize, UnsafeCell};
    use loom::thread;

    /// A core, kept alive by references that are counted as `Arc` counts them.
    struct Model {
        shares: Shares,
        owner: OwnerWord,
        references: AtomicUsize,
        /// Loom notices who looks at it while, or after, it is changed.
        is_freed: UnsafeCell<bool>,
    }

    /// The model lives on when its core was freed, so that loom can tell.
    type Place = loom::sync::Arc<Model>;

    impl Model {
        /// With one reference.
        fn new() -> Place {
            Place::new(Model {
                shares: Shares::new(),
                owner: OwnerWord::new(),
                references: AtomicUsize::new(1),
                is_freed: UnsafeCell::new(false),
            })
        }

        fn assert_alive(&self) {
            // SAFETY: loom looks after it.
            assert!(!self.is_freed.with(|is_freed| unsafe { *is_freed }), "used when it was freed");
        }

        fn drop_reference(&self) {
            if self.references.fetch_sub(1, Ordering::AcqRel) == 1 {
                // SAFETY: as above.
                let freed = self.is_freed.with_mut(|is_freed| unsafe { is_freed.replace(true) });
                assert!(!freed, "freed twice");
            }
        }

        fn settle_reference(&self, due: Due) {
            match due {
                Due::Nothing => {}
                Due::Take => {
                    assert_ne!(self.references.fetch_add(1, Ordering::Relaxed), 0, "taken from the dead")
                }
                Due::GiveBack => self.drop_reference(),
            }
        }

        fn count_share(&self, me: usize, difference: i64) {
            self.assert_alive();
            if self.owner.is_run_by(me) {
                self.shares.add_own(difference);
            } else {
                self.settle_reference(self.shares.add(difference));
            }
        }

        /// Does `work` inside the loop, unless another thread runs that; then outside. The caller has a reference.
        fn run(&self, me: usize, work: impl FnOnce()) {
            if let Taken::Now = self.owner.take_to_run(me, Purpose::Run) {
                self.settle_reference(self.shares.enter());
                work();
                self.settle_reference(self.shares.leave());
                self.owner.leave_run();
            } else {
                work();
            }
        }
    }

    const THREADS: [usize; 3] = [8, 16, 24];

    fn check(model: impl Fn(&Place) + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(move || {
            let place = Model::new();
            model(&place);
            // SAFETY: all others are gone.
            assert!(place.is_freed.with(|is_freed| unsafe { *is_freed }), "leaked");
        });
    }

    /// A cell is freed on another thread, while the loop's thread frees one and makes one, and lets the dispatcher go.
    /// The last cell goes on a third thread.
    #[test]
    fn loom_the_last_share_frees_the_core() {
        check(|place| {
            let [me, other, third] = THREADS;
            place.count_share(me, 2);
            let give_back = |me| {
                let place = place.clone();
                thread::spawn(move || place.count_share(me, -1))
            };
            let first = give_back(other);
            let mut last = None;
            place.run(me, || {
                place.count_share(me, -1);
                place.count_share(me, 1);
                last = Some(give_back(third));
            });
            place.drop_reference();
            first.join().unwrap();
            last.into_iter().for_each(|last| last.join().unwrap());
        });
    }

    /// Two threads run the loop one after the other, or one alone: the first takes a share that it gives back outside,
    /// the second gives back one that was taken outside.
    #[test]
    fn loom_runs_take_over_from_each_other() {
        check(|place| {
            let [me, other, _] = THREADS;
            place.references.fetch_add(1, Ordering::Relaxed);
            place.count_share(me, 1);
            let second = {
                let place = place.clone();
                thread::spawn(move || {
                    place.run(other, || place.count_share(other, -1));
                    place.drop_reference();
                })
            };
            place.run(me, || place.count_share(me, 1));
            place.drop_reference();
            place.count_share(me, -1);
            second.join().unwrap();
        });
    }
}
