//! The loop's own state: what only its owner touches.
//!
//! Everything is behind cells that are borrowed for single operations, so that no borrow is held while user
//! code runs and any callback may create, destroy or re-enter anything.

use std::cell::{Cell, RefCell};

use super::cell::Waste;
use super::clock::Nanos;
use super::closure::Failure;
use super::core::Core;
use super::deferred::Deferred;
use super::list::List;
use super::own_posts::OwnPosts;
use super::ring::Ring;
use super::scaled::Queues;
use super::spin::Policy;
use super::watchdog::Registration;
use super::wheel::Wheel;
use crate::poller::Ready;

pub(crate) struct Local {
    pub(crate) wheel: Wheel,
    /// Timers armed since the last reading of the clock.
    pub(crate) arming: List,
    pub(crate) arming_count: Cell<u32>,
    /// Timers that are due in this iteration.
    pub(crate) expired: List,
    pub(crate) scaled: Queues,

    /// What the last poll found; `ready_position` is the next to deliver.
    pub(crate) ready: RefCell<Vec<Ready>>,
    pub(crate) ready_position: Cell<usize>,
    /// File events activated by hand: for the next iteration, and for this one.
    pub(crate) activated: List,
    pub(crate) activations_due: List,
    /// File events whose registration is to change before the next poll.
    pub(crate) dirty: List,

    pub(crate) next: List,
    pub(crate) next_due: List,
    pub(crate) current: List,
    pub(crate) current_due: List,
    schedules: Cell<u64>,

    /// Posts and mail of the thread inside the loop.
    pub(crate) own_posts: OwnPosts,
    /// The tasks whose work lives, each a reference to it.
    pub(crate) tasks: List,

    pub(crate) deferred: Ring<Deferred>,
    pub(crate) flushing: Cell<bool>,

    pub(crate) signal_listeners: List,
    pub(crate) signals_due: List,

    pub(crate) watchdog: RefCell<Option<Registration>>,
    pub(crate) is_watched: Cell<bool>,

    /// What to drop once no callback of its own and no direct section is under way.
    waste: RefCell<Vec<Waste>>,
    pub(crate) current_destroyed: Cell<bool>,
    pub(crate) wake_on_release: Cell<bool>,
    /// Why the loop stops after the running callback, whatever that returns.
    pub(crate) failure: Cell<Option<Box<Failure>>>,
    /// The posts that had run when the loop last meant to sleep.
    pub(crate) posts_seen: Cell<u64>,
    /// What it learned about spinning, under the setting of its last wait.
    pub(crate) spin_policy: Cell<Option<Policy>>,
    /// When the last poll returned, while statistics are recorded.
    pub(crate) after_poll: Cell<Option<Nanos>>,
    /// When the last callback returned, while there is a threshold for slow ones.
    pub(crate) callback_ended_at: Cell<Option<Nanos>>,
    /// What still runs after the last `exit()` from the loop's thread.
    pub(crate) before_exit: Cell<Option<OwnWork>>,
    /// The loop, if any, in whose callback this one is run.
    pub(crate) outer: Cell<*const Core>,
    /// The dispatcher was destroyed inside a callback; the rest is done when `run()` ends.
    pub(crate) destroyed: Cell<bool>,
    /// Counts the runs; in a non-blocking one, a level event is delivered once a run.
    pub(crate) run: Cell<u32>,
    pub(crate) level_once: Cell<bool>,
}

/// How much the loop's own thread has ever queued: what it queues from then on comes later.
#[derive(Clone, Copy)]
pub(crate) struct OwnWork {
    pub(crate) posts: u64,
    /// Schedules for the current iteration.
    pub(crate) schedules: u64,
}

impl Local {
    pub(crate) fn new(now: Nanos) -> Local {
        Local {
            wheel: Wheel::new(now),
            arming: List::new(),
            arming_count: Cell::new(0),
            expired: List::new(),
            scaled: Queues::new(),
            ready: RefCell::new(Vec::new()),
            ready_position: Cell::new(0),
            activated: List::new(),
            activations_due: List::new(),
            dirty: List::new(),
            next: List::new(),
            next_due: List::new(),
            current: List::new(),
            current_due: List::new(),
            schedules: Cell::new(0),
            own_posts: OwnPosts::new(),
            tasks: List::new(),
            deferred: Ring::new(),
            flushing: Cell::new(false),
            signal_listeners: List::new(),
            signals_due: List::new(),
            watchdog: RefCell::new(None),
            is_watched: Cell::new(false),
            waste: RefCell::new(Vec::new()),
            current_destroyed: Cell::new(false),
            wake_on_release: Cell::new(false),
            failure: Cell::new(None),
            posts_seen: Cell::new(0),
            spin_policy: Cell::new(None),
            after_poll: Cell::new(None),
            callback_ended_at: Cell::new(None),
            before_exit: Cell::new(None),
            outer: Cell::new(std::ptr::null()),
            destroyed: Cell::new(false),
            run: Cell::new(0),
            level_once: Cell::new(false),
        }
    }

    pub(crate) fn discard(&self, waste: impl Into<Waste>) {
        self.waste.borrow_mut().push(waste.into());
    }

    #[inline]
    pub(crate) fn take_waste(&self) -> Option<Vec<Waste>> {
        let mut waste = self.waste.borrow_mut();
        (!waste.is_empty()).then(|| std::mem::take(&mut *waste))
    }

    /// Numbers a schedule for the current iteration.
    pub(crate) fn count_schedule(&self) -> u64 {
        self.schedules.replace(self.schedules.get() + 1)
    }

    pub(crate) fn own_work(&self) -> OwnWork {
        OwnWork { posts: self.own_posts.pushed(), schedules: self.schedules.get() }
    }
}
