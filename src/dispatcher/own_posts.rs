//! What the thread inside the loop queues for it, posts and mail for actors: without an atomic read-modify-write.
//!
//! Each keeps the position that the shared queue was to give out next. It runs after the shared posts before that
//! position, and before those from it on. So both queues together have one order (P2): whoever posted to the shared
//! one before it has a lower position, and whoever does so after it gets that one or a later one.

use super::post::Task;
use super::ring::{Ring, Room};

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

pub(crate) struct OwnPosts(Ring<OwnPost>);

/// Room for one more, before the shared posts from `position` on.
pub(crate) struct OwnRoom<'a> {
    room: Room<'a, OwnPost>,
    position: usize,
}

impl OwnRoom<'_> {
    /// Queues the task that `write` makes in its place. `write` must not come back here.
    #[inline]
    pub(crate) fn fill(self, origin: Origin, write: impl FnOnce(*mut Task)) {
        let order = (self.position as u64) << 1 | u64::from(origin == Origin::Mail);
        self.room.fill(|place| {
            // SAFETY: the ring gives a place to write to.
            unsafe {
                write(&raw mut (*place).task);
                (&raw mut (*place).order).write(order);
            }
        });
    }
}

impl OwnPosts {
    pub(crate) fn new() -> OwnPosts {
        OwnPosts(Ring::new())
    }

    /// Room for one more, before the shared posts from `position` on.
    #[inline]
    pub(crate) fn room(&self, position: usize) -> OwnRoom<'_> {
        OwnRoom { room: self.0.room(), position }
    }

    /// How many were ever queued, those that have run among them.
    #[inline]
    pub(crate) fn pushed(&self) -> u64 {
        self.0.added()
    }

    /// How many wait; a guess on other threads.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The origin of the first, if that is among the first `end` that were ever queued, and comes before the shared
    /// post at `position`.
    #[inline]
    pub(crate) fn first_before(&self, end: u64, position: usize) -> Option<Origin> {
        if self.0.taken() >= end {
            return None;
        }
        // SAFETY: the place holds a value, and nothing takes it meanwhile.
        let order = self.0.first().map(|place| unsafe { (*place).order })?;
        let origin = if order & 1 == 0 { Origin::Post } else { Origin::Mail };
        (order >> 1 <= position as u64).then_some(origin)
    }

    /// Takes the first out with `take`, which moves it out of its place before it does anything else.
    #[inline]
    pub(crate) fn pop_with<R>(&self, take: impl FnOnce(*mut Task) -> R) -> Option<R> {
        // SAFETY: the place holds a value.
        self.0.pop_with(|place| take(unsafe { &raw mut (*place).task }))
    }
}
