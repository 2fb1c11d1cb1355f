//! A queue of one thread's own, whose values are written and taken in their places.

use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;

/// The `len` slots from `first` on, and on from the beginning after the last, hold values; all others are free.
pub(crate) struct Ring<T> {
    /// As many as a power of two, or none. Borrowed for no longer than it takes to find a slot.
    slots: UnsafeCell<Box<[MaybeUninit<T>]>>,
    first: Cell<usize>,
    len: Cell<usize>,
}

const FIRST_CAPACITY: usize = 16;

impl<T> Ring<T> {
    pub(crate) fn new() -> Ring<T> {
        Ring { slots: UnsafeCell::default(), first: Cell::new(0), len: Cell::new(0) }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len.get()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds the value that `write` makes in its place. `write` must not come back here.
    #[inline]
    pub(crate) fn push_with(&self, write: impl FnOnce(*mut T)) {
        if self.len() == self.capacity() {
            self.grow();
        }
        write(self.slot(self.len()));
        self.len.set(self.len() + 1);
    }

    /// The place of the first value.
    #[inline]
    pub(crate) fn first(&self) -> Option<*mut T> {
        (!self.is_empty()).then(|| self.slot(0))
    }

    /// Takes the first value out with `take`, which moves it out of its place before it does anything else: the
    /// place counts as free from then on.
    #[inline]
    pub(crate) fn pop_with<R>(&self, take: impl FnOnce(*mut T) -> R) -> Option<R> {
        let place = self.first()?;
        self.first.set((self.first.get() + 1) & (self.capacity() - 1));
        self.len.set(self.len() - 1);
        Some(take(place))
    }

    /// Takes the first value out.
    pub(crate) fn pop(&self) -> Option<T> {
        // SAFETY: the place holds a value, which is read once.
        self.pop_with(|place| unsafe { place.read() })
    }

    #[inline]
    fn capacity(&self) -> usize {
        // SAFETY: no other borrow lasts.
        unsafe { &*self.slots.get() }.len()
    }

    /// The slot so many places behind the first. There must be any.
    #[inline]
    fn slot(&self, offset: usize) -> *mut T {
        let index = (self.first.get() + offset) & (self.capacity() - 1);
        // SAFETY: no other borrow lasts; the index is less than the capacity, which is a power of two.
        unsafe { (*self.slots.get()).as_mut_ptr().add(index).cast() }
    }

    /// Makes room, when the ring is full.
    #[cold]
    fn grow(&self) {
        // SAFETY: no other borrow lasts.
        let place = unsafe { &mut *self.slots.get() };
        let mut slots = std::mem::take(place).into_vec();
        let (full, first) = (slots.len(), self.first.get());
        let added = full.max(FIRST_CAPACITY);
        slots.reserve_exact(added);
        slots.resize_with(full + added, MaybeUninit::uninit);
        // What went on from the beginning goes on behind the last, now that there is room.
        let (old, new) = slots.split_at_mut(full);
        new[..first].swap_with_slice(&mut old[..first]);
        *place = slots.into_boxed_slice();
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn what_goes_in_comes_out_in_order_while_the_ring_grows() {
        let ring = Ring::<u32>::new();
        let (mut pushed, mut popped) = (0..2000, 0..);
        while !pushed.is_empty() {
            for value in pushed.by_ref().take(5) {
                // SAFETY: a place to write to.
                ring.push_with(|place| unsafe { place.write(value) });
            }
            for expected in popped.by_ref().take(2) {
                assert_eq!(ring.pop(), Some(expected));
            }
        }
        assert_eq!(ring.len(), 1200);
        assert!(std::iter::from_fn(|| ring.pop()).eq(800..2000));
        assert!(ring.is_empty());
    }

    #[test]
    fn a_value_may_push_others_when_it_is_taken() {
        let ring = Ring::<u32>::new();
        let push = |value: u32| {
            // SAFETY: a place to write to.
            ring.push_with(|place| unsafe { place.write(value) });
        };
        push(0);
        let taken = ring.pop_with(|place| {
            // SAFETY: a value, read once.
            let value = unsafe { place.read() };
            (1..100).for_each(push);
            value
        });
        assert_eq!(taken, Some(0));
        assert!(std::iter::from_fn(|| ring.pop()).eq(1..100));
    }

    #[test]
    fn what_is_left_is_destroyed() {
        let (ring, value) = (Ring::<Rc<()>>::new(), Rc::new(()));
        for _ in 0..3 {
            // SAFETY: a place to write to.
            ring.push_with(|place| unsafe { place.write(value.clone()) });
        }
        drop(ring);
        assert_eq!(Rc::strong_count(&value), 1);
    }
}
