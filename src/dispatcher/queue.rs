//! An unbounded queue from any thread to the loop: wait-free to push but for growth, one consumer, no lock.
//!
//! Positions are handed out by one `fetch_add`, so the queue has a total order (contract P2). Values live in
//! blocks of [`BLOCK`] slots that form a linked list; a drained block goes back to the list's end, so a queue
//! in steady use allocates nothing.
//!
//! A producer finds the block of its position by a walk from `newest`, which others have moved near the end; or,
//! should that have overtaken it, from `first`, the consumer's block, which cannot pass an unfilled position.
//!
//! When may a drained block be used again? A producer first takes its position, then loads one of the two
//! pointers, then walks. The consumer, leaving a block, first moves both pointers off it, then notes the tail
//! position in it (`observed_tail`). So a producer that may still stand on that block, or on one behind it,
//! took its position before the note, and is gone once the consumer has passed the noted position.

use std::mem::MaybeUninit;
use std::ptr;

use crossbeam_utils::CachePadded;

use crate::sync::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, UnsafeCell};

/// Slots in a block. Loom explores block changes too, so it gets small ones.
const BLOCK: usize = if cfg!(mcp_event_loom) { 2 } else { 32 };

struct Slot<T> {
    value: UnsafeCell<MaybeUninit<T>>,
    ready: AtomicBool,
}

struct Block<T> {
    /// Position of the first slot; written only while the block is not linked.
    start: UnsafeCell<usize>,
    next: AtomicPtr<Block<T>>,
    /// The tail position when the consumer left the block. Consumer only.
    observed_tail: UnsafeCell<usize>,
    slots: [Slot<T>; BLOCK],
}

impl<T> Block<T> {
    fn boxed(start: usize) -> *mut Block<T> {
        Box::into_raw(Box::new(Block {
            start: UnsafeCell::new(start),
            next: AtomicPtr::new(ptr::null_mut()),
            observed_tail: UnsafeCell::new(0),
            slots: std::array::from_fn(|_| Slot {
                value: UnsafeCell::new(MaybeUninit::uninit()),
                ready: AtomicBool::new(false),
            }),
        }))
    }

    fn start(&self) -> usize {
        // SAFETY: written only before the block is published by a Release on `next` or `tail_block`, and every
        // reader came through an Acquire of one of them.
        self.start.with(|start| unsafe { *start })
    }
}

struct Tail<T> {
    position: AtomicUsize,
    /// A block near the end, never one that the consumer has left.
    newest: AtomicPtr<Block<T>>,
}

struct Head<T> {
    /// The next position to pop; other threads read it for [`Queue::len`].
    position: AtomicUsize,
    /// The block of that position; only the consumer moves it.
    first: AtomicPtr<Block<T>>,
    /// The oldest block not yet used again; from here to `first` all are drained. Consumer only.
    oldest: UnsafeCell<*mut Block<T>>,
}

pub(crate) struct Queue<T> {
    tail: CachePadded<Tail<T>>,
    head: CachePadded<Head<T>>,
}

// SAFETY: values move from the pushing to the popping thread; the slots are published by `ready`.
unsafe impl<T: Send> Send for Queue<T> {}
// SAFETY: as above; the consumer's side is reached only through unsafe functions that demand one consumer.
unsafe impl<T: Send> Sync for Queue<T> {}

impl<T> Queue<T> {
    pub(crate) fn new() -> Queue<T> {
        let first = Block::boxed(0);
        Queue {
            tail: CachePadded::new(Tail { position: AtomicUsize::new(0), newest: AtomicPtr::new(first) }),
            head: CachePadded::new(Head {
                position: AtomicUsize::new(0),
                first: AtomicPtr::new(first),
                oldest: UnsafeCell::new(first),
            }),
        }
    }

    /// Appends `value`. The position is taken with a sequentially consistent operation, so whoever then reads
    /// that the consumer sleeps must wake it, and a consumer that means to sleep sees [`Queue::end`] moved.
    pub(crate) fn push(&self, value: T) {
        // SAFETY: written once, as asked.
        self.push_with(|slot| unsafe { slot.write(value) });
    }

    /// Like [`Queue::push`], for a value that `write` makes in its place. `write` must not panic.
    #[inline]
    pub(crate) fn push_with(&self, write: impl FnOnce(*mut T)) {
        let position = self.tail.position.fetch_add(1, Ordering::SeqCst);
        let block = self.find_block(position);
        // SAFETY: a block in the list lives until the consumer has passed our position, which it cannot
        // before `ready` is set.
        let slot = unsafe { &(*block).slots[position % BLOCK] };
        // The position is ours alone, and the consumer reads the slot only after `ready`.
        slot.value.with_mut(|cell| write(cell.cast()));
        slot.ready.store(true, Ordering::Release);
    }

    fn find_block(&self, position: usize) -> *mut Block<T> {
        let start = position - position % BLOCK;
        let newest = self.tail.newest.load(Ordering::Acquire);
        // SAFETY: see the module's text on when a block may be used again; so for all blocks below.
        let overtaken = unsafe { (*newest).start() } > start;
        let mut block = if overtaken { self.head.first.load(Ordering::Acquire) } else { newest };
        loop {
            // SAFETY: as above.
            let current = unsafe { &*block };
            if current.start() == start {
                break;
            }
            let next = current.next.load(Ordering::Acquire);
            block = if next.is_null() {
                Self::append(current, Block::boxed(0)).unwrap_or_else(|(taken, spare)| {
                    // SAFETY: `spare` was never linked.
                    drop(unsafe { Box::from_raw(spare) });
                    taken
                })
            } else {
                next
            };
        }
        if !overtaken && block != newest {
            // Should it fail, another producer has moved it.
            let _ = self.tail.newest.compare_exchange(newest, block, Ordering::AcqRel, Ordering::Relaxed);
        }
        block
    }

    /// Links `new` behind `last`, or gives back the block that is there already, and `new`.
    fn append(last: &Block<T>, new: *mut Block<T>) -> Result<*mut Block<T>, (*mut Block<T>, *mut Block<T>)> {
        // SAFETY: `new` is not linked yet, so it is ours.
        unsafe { (*new).start.with_mut(|start| *start = last.start().wrapping_add(BLOCK)) };
        match last.next.compare_exchange(ptr::null_mut(), new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Ok(new),
            Err(taken) => Err((taken, new)),
        }
    }

    /// One past the last position given out.
    pub(crate) fn end(&self) -> usize {
        self.tail.position.load(Ordering::SeqCst)
    }

    /// The next position to be popped.
    pub(crate) fn begin(&self) -> usize {
        self.head.position.load(Ordering::Relaxed)
    }

    /// How many values are queued, those being pushed right now included. From any thread.
    pub(crate) fn len(&self) -> usize {
        // The head first: read in this order, the difference is never negative.
        let head = self.head.position.load(Ordering::Acquire);
        self.end().saturating_sub(head)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.end() == self.begin()
    }

    /// Takes the oldest value; `None` also when its producer has the position but has not finished writing.
    ///
    /// # Safety
    /// No other call of `pop` runs at the same time.
    pub(crate) unsafe fn pop(&self) -> Option<T> {
        // SAFETY: the caller's promise; read once, as asked.
        unsafe { self.pop_with(|slot| slot.read()) }
    }

    /// Like [`Queue::pop`]; `take` moves the value out of its place before it does anything else, and the place
    /// counts as free from then on.
    ///
    /// # Safety
    /// As `pop`, but that `take` may call it once the value is out.
    #[inline]
    pub(crate) unsafe fn pop_with<R>(&self, take: impl FnOnce(*mut T) -> R) -> Option<R> {
        let position = self.head.position.load(Ordering::Relaxed);
        // SAFETY: we are the consumer; its block is linked and not yet given back.
        let mut block = unsafe { &*self.head.first.load(Ordering::Relaxed) };
        if position != block.start() && position.is_multiple_of(BLOCK) {
            let next = block.next.load(Ordering::Acquire);
            if next.is_null() {
                return None;
            }
            self.leave(block, next);
            // SAFETY: a linked block lives until we give it back.
            block = unsafe { &*next };
        }
        let slot = &block.slots[position % BLOCK];
        if !slot.ready.load(Ordering::Acquire) {
            return None;
        }
        // First the position: the value is taken once, also if `take` comes back here.
        self.head.position.store(position.wrapping_add(1), Ordering::Release);
        Some(slot.value.with_mut(|cell| take(cell.cast())))
    }

    /// Moves the consumer from a drained block to the next.
    fn leave(&self, block: &Block<T>, next: *mut Block<T>) {
        let left = std::ptr::from_ref(block).cast_mut();
        self.head.first.store(next, Ordering::Release);
        // Should it fail, it is ahead already.
        let _ = self.tail.newest.compare_exchange(left, next, Ordering::AcqRel, Ordering::Relaxed);
        // A read-modify-write: a producer whose `fetch_add` comes after it sees both pointers moved.
        let tail = self.tail.position.fetch_add(0, Ordering::SeqCst);
        // SAFETY: consumer only.
        block.observed_tail.with_mut(|observed| unsafe { *observed = tail });
        self.reuse_drained();
    }

    /// Puts drained blocks that no producer can stand on any more behind the last one.
    fn reuse_drained(&self) {
        let position = self.head.position.load(Ordering::Relaxed);
        let current = self.head.first.load(Ordering::Relaxed);
        loop {
            // SAFETY: consumer only, as `pop`.
            let oldest = self.head.oldest.with(|block| unsafe { *block });
            if oldest == current {
                return;
            }
            // SAFETY: not given back yet.
            let block = unsafe { &*oldest };
            // SAFETY: consumer only; written when we left the block.
            if block.observed_tail.with(|observed| unsafe { *observed }) > position {
                return;
            }
            let next = block.next.load(Ordering::Relaxed);
            // SAFETY: consumer only.
            self.head.oldest.with_mut(|block| unsafe { *block = next });
            block.next.store(ptr::null_mut(), Ordering::Relaxed);
            for slot in &block.slots {
                slot.ready.store(false, Ordering::Relaxed);
            }
            self.append_or_free(oldest);
        }
    }

    fn append_or_free(&self, block: *mut Block<T>) {
        let mut last = self.tail.newest.load(Ordering::Acquire);
        // The end is near: after a few steps a fresh allocation later is cheaper than the walk now.
        for _ in 0..3 {
            // SAFETY: only this thread gives blocks back, so all reachable ones live.
            match Self::append(unsafe { &*last }, block) {
                Ok(_) => return,
                Err((next, _)) => last = next,
            }
        }
        // SAFETY: unlinked, and nobody stands on it.
        drop(unsafe { Box::from_raw(block) });
    }
}

impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        // SAFETY: `&mut self`: no other thread.
        while unsafe { self.pop() }.is_some() {}
        // SAFETY: as above.
        let mut block = self.head.oldest.with(|block| unsafe { *block });
        while !block.is_null() {
            // SAFETY: each block of the list is owned by the queue and visited once.
            let owned = unsafe { Box::from_raw(block) };
            block = owned.next.load(Ordering::Relaxed);
        }
    }
}

#[cfg(all(test, not(mcp_event_loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn keeps_each_producers_order_and_loses_nothing() {
        const EACH: usize = 20_000;
        let queue = Arc::new(Queue::new());
        let producers: Vec<_> = (0..4)
            .map(|producer| {
                let queue = queue.clone();
                std::thread::spawn(move || (0..EACH).for_each(|i| queue.push(Box::new((producer, i)))))
            })
            .collect();
        let mut next = [0; 4];
        let mut popped = 0;
        while popped < 4 * EACH {
            // SAFETY: this thread alone pops.
            let Some(value) = (unsafe { queue.pop() }) else { continue };
            let (producer, i) = *value;
            assert_eq!(next[producer], i);
            next[producer] += 1;
            popped += 1;
        }
        producers.into_iter().for_each(|producer| producer.join().unwrap());
        assert!(queue.is_empty());
    }

    #[test]
    fn a_dropped_queue_drops_its_values() {
        let value = Arc::new(());
        let queue = Queue::new();
        (0..100).for_each(|_| queue.push(value.clone()));
        // SAFETY: this thread alone pops.
        unsafe { queue.pop() };
        assert_eq!(queue.len(), 99);
        drop(queue);
        assert_eq!(Arc::strong_count(&value), 1);
    }
}

#[cfg(all(test, mcp_event_loom))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc;

    /// Two producers of two values each cross a block boundary while the consumer drains and reuses blocks.
    #[test]
    fn loom_two_producers_one_consumer() {
        let mut model = loom::model::Builder::new();
        // All schedules with up to three preemptions; without a bound the search takes days.
        model.preemption_bound = Some(3);
        model.check(|| {
            let queue = Arc::new(Queue::new());
            let producers: Vec<_> = (0..2)
                .map(|producer| {
                    let queue = queue.clone();
                    loom::thread::spawn(move || (0..2).for_each(|i| queue.push((producer, i))))
                })
                .collect();
            let mut next = [0; 2];
            let mut take = |queue: &Queue<(usize, usize)>| {
                // SAFETY: this thread alone pops.
                while let Some((producer, i)) = unsafe { queue.pop() } {
                    assert_eq!(next[producer], i);
                    next[producer] += 1;
                }
            };
            take(&queue);
            producers.into_iter().for_each(|producer| producer.join().unwrap());
            take(&queue);
            assert_eq!(next, [2, 2]);
        });
    }
}
