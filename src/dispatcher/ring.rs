//! A queue of one thread's own, whose values are written and taken in their places.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;

use crate::sync::{AtomicU64, Ordering};

/// Values are numbered in the order in which they come. Those from `taken` up to `added` are in it, each in the slot of
/// its number; all other slots are free.
pub(crate) struct Ring<T> {
    /// As many as a power of two, or none. Borrowed for no longer than it takes to find a slot.
    slots: UnsafeCell<Box<[MaybeUninit<T>]>>,
    /// Both written by the ring's thread alone; others may look how many values there are.
    added: AtomicU64,
    taken: AtomicU64,
}

/// Room for one more value.
pub(crate) struct Room<'a, T> {
    ring: &'a Ring<T>,
    number: u64,
}

impl<T> Room<'_, T> {
    /// Adds the value that `write` makes in its place. `write` must not come back to the ring.
    #[inline]
    pub(crate) fn fill(self, write: impl FnOnce(*mut T)) {
        write(self.ring.slot(self.number));
        self.ring.added.store(self.number + 1, Ordering::Relaxed);
    }
}

const FIRST_CAPACITY: usize = 16;

impl<T> Ring<T> {
    pub(crate) fn new() -> Ring<T> {
        Ring { slots: UnsafeCell::default(), added: AtomicU64::new(0), taken: AtomicU64::new(0) }
    }

    /// How many values were ever added.
    #[inline]
    pub(crate) fn added(&self) -> u64 {
        self.added.load(Ordering::Relaxed)
    }

    /// How many values were ever taken out. Whoever sees that sees at least as many added.
    #[inline]
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Acquire)
    }

    /// How many values there are; a guess on other threads.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        // First those taken, so that the difference is never negative.
        let taken = self.taken();
        (self.added() - taken) as usize
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.added() == self.taken()
    }

    /// Makes room for a value. A value that is made after its room was is moved there once.
    #[inline]
    pub(crate) fn room(&self) -> Room<'_, T> {
        let number = self.added();
        if (number - self.taken()) as usize == self.capacity() {
            self.grow();
        }
        Room { ring: self, number }
    }

    /// The place of the first value.
    #[inline]
    pub(crate) fn first(&self) -> Option<*mut T> {
        (!self.is_empty()).then(|| self.slot(self.taken()))
    }

    /// Takes the first value out with `take`, which moves it out of its place before it does anything else: the
    /// place counts as free from then on.
    #[inline]
    pub(crate) fn pop_with<R>(&self, take: impl FnOnce(*mut T) -> R) -> Option<R> {
        let place = self.first()?;
        self.taken.store(self.taken() + 1, Ordering::Release);
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

    /// The slot of the value of this number. There must be any.
    #[inline]
    fn slot(&self, number: u64) -> *mut T {
        // SAFETY: no other borrow lasts.
        let slots = unsafe { &mut *self.slots.get() };
        let index = number as usize & (slots.len() - 1);
        // SAFETY: less than their number, which is a power of two.
        unsafe { slots.as_mut_ptr().add(index).cast() }
    }

    /// Makes room, when the ring is full.
    #[cold]
    fn grow(&self) {
        let capacity = (2 * self.capacity()).max(FIRST_CAPACITY);
        let mut slots = Box::new_uninit_slice(capacity);
        for number in self.taken()..self.added() {
            // SAFETY: the value moves to the slot that the number has among more.
            slots[number as usize & (capacity - 1)] =
                unsafe { self.slot(number).cast::<MaybeUninit<T>>().read() };
        }
        // SAFETY: no other borrow lasts.
        unsafe { *self.slots.get() = slots };
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

#[cfg(all(test, not(mcp_event_loom)))]
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
                ring.room().fill(|place| unsafe { place.write(value) });
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
            ring.room().fill(|place| unsafe { place.write(value) });
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
            ring.room().fill(|place| unsafe { place.write(value.clone()) });
        }
        drop(ring);
        assert_eq!(Rc::strong_count(&value), 1);
    }
}

#[cfg(all(test, mcp_event_loom))]
mod loom_tests {
    use super::*;

    /// What another thread is told was true of some moment, or of two of them: never more than were ever in it.
    #[test]
    fn loom_others_may_ask_for_the_length() {
        /// The ring's thread is the model's first one; the other asks for nothing but the length.
        struct Shared(Ring<u32>);
        // SAFETY: as above.
        unsafe impl Send for Shared {}
        // SAFETY: as above.
        unsafe impl Sync for Shared {}
        loom::model(|| {
            let shared = loom::sync::Arc::new(Shared(Ring::new()));
            let asks = {
                let shared = shared.clone();
                loom::thread::spawn(move || shared.0.len())
            };
            for value in 0..2 {
                // SAFETY: a place to write to.
                shared.0.room().fill(|place| unsafe { place.write(value) });
            }
            assert_eq!(shared.0.pop(), Some(0));
            assert!(asks.join().unwrap() <= 2);
            assert_eq!(shared.0.len(), 1);
        });
    }
}
