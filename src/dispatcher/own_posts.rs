//! What the thread inside the loop queues for it, posts and mail for actors: without an atomic read-modify-write.
//!
//! Each keeps the position that the shared queue was to give out next. It runs after the shared posts before that
//! position, and before those from it on. So both queues together have one order (P2): whoever posted to the shared
//! one before it has a lower position, and whoever does so after it gets that one or a later one.

use std::cell::Cell;

use super::post::Task;
use super::ring::Ring;

/// What an own post counts as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Post,
    Mail,
}

struct OwnPost {
    /// The position, and in the lowest bit the origin.
    order: u64,
    task: Task,
}

pub(crate) struct OwnPosts {
    ring: Ring<OwnPost>,
    /// How many were ever queued.
    pushed: Cell<u64>,
}

impl OwnPosts {
    pub(crate) fn new() -> OwnPosts {
        OwnPosts { ring: Ring::new(), pushed: Cell::new(0) }
    }

    /// Queues the task that `write` makes in its place, before the shared posts from `position` on. `write` must not
    /// come back here.
    #[inline]
    pub(crate) fn push_with(&self, position: usize, origin: Origin, write: impl FnOnce(*mut Task)) {
        self.ring.push_with(|place| {
            // SAFETY: the ring gives a place to write to.
            unsafe {
                (&raw mut (*place).order).write((position as u64) << 1 | u64::from(origin == Origin::Mail));
                write(&raw mut (*place).task);
            }
        });
        self.pushed.set(self.pushed.get() + 1);
    }

    /// How many were ever queued, those that have run among them.
    pub(crate) fn pushed(&self) -> u64 {
        self.pushed.get()
    }

    pub(crate) fn len(&self) -> usize {
        self.ring.len()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// Whether any waits of the first so many.
    #[inline]
    pub(crate) fn has_before(&self, end: u64) -> bool {
        self.pushed.get() - (self.len() as u64) < end
    }

    /// The position of the first, and its origin.
    #[inline]
    pub(crate) fn first(&self) -> Option<(usize, Origin)> {
        // SAFETY: the place holds a value, and nothing takes it meanwhile.
        let order = self.ring.first().map(|place| unsafe { (*place).order })?;
        Some(((order >> 1) as usize, if order & 1 == 0 { Origin::Post } else { Origin::Mail }))
    }

    /// Takes the first out with `take`, which moves it out of its place before it does anything else.
    #[inline]
    pub(crate) fn pop_with<R>(&self, take: impl FnOnce(*mut Task) -> R) -> Option<R> {
        // SAFETY: the place holds a value.
        self.ring.pop_with(|place| take(unsafe { &raw mut (*place).task }))
    }
}
