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
    /// How many were ever taken out.
    taken: Cell<u64>,
}

impl OwnPosts {
    pub(crate) fn new() -> OwnPosts {
        OwnPosts { ring: Ring::new(), taken: Cell::new(0) }
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
    }

    /// How many were ever queued, those that have run among them.
    #[inline]
    pub(crate) fn pushed(&self) -> u64 {
        self.taken.get() + self.len() as u64
    }

    pub(crate) fn len(&self) -> usize {
        self.ring.len()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// The position of the first, and its origin, if that is among the first `end` that were ever queued.
    #[inline]
    pub(crate) fn first_before(&self, end: u64) -> Option<(usize, Origin)> {
        if self.taken.get() >= end {
            return None;
        }
        // SAFETY: the place holds a value, and nothing takes it meanwhile.
        let order = self.ring.first().map(|place| unsafe { (*place).order })?;
        Some(((order >> 1) as usize, if order & 1 == 0 { Origin::Post } else { Origin::Mail }))
    }

    /// Takes the first out with `take`, which moves it out of its place before it does anything else.
    #[inline]
    pub(crate) fn pop_with<R>(&self, take: impl FnOnce(*mut Task) -> R) -> Option<R> {
        self.ring.pop_with(|place| {
            self.taken.set(self.taken.get() + 1);
            // SAFETY: the place holds a value.
            take(unsafe { &raw mut (*place).task })
        })
    }
}
