//! From a token to its file event's cell, without a lock.
//!
//! A token is the number of a slot, and a generation that the slot never had before: so what the kernel still reports
//! for an event that is gone finds nothing. Slots come in chunks that never move, each twice as large as the one before.
//!
//! Free slots are a stack, linked by their numbers. Any thread takes one off, and only a compare-and-swap of the top puts
//! one on or takes one off. What is read of a slot that another thread has taken meanwhile is not used: the top counts its
//! changes, so the swap fails also if the same slot is on top again.

use std::ptr::NonNull;

use super::file_event::FileCell;
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, Mutex, Ordering};

pub(crate) struct SlotTable {
    chunks: [AtomicPtr<Slot>; CHUNKS],
    /// One more than the number of the first free slot, 0 for none; in the upper half a count of all changes.
    free: AtomicU64,
    /// How many slots were ever used.
    used: Mutex<u32>,
}

const CHUNKS: usize = 16;
/// Loom follows each slot, so it gets few.
const FIRST_CHUNK: usize = if cfg!(mcp_event_loom) { 2 } else { 64 };

struct Slot {
    generation: AtomicU32,
    /// While it is free: one more than the number of the next free one, 0 for none.
    next: AtomicU32,
    cell: AtomicPtr<FileCell>,
}

impl Slot {
    fn new() -> Slot {
        Slot {
            generation: AtomicU32::new(0),
            next: AtomicU32::new(0),
            cell: AtomicPtr::new(std::ptr::null_mut()),
        }
    }
}

impl SlotTable {
    pub(crate) const CAPACITY: usize = FIRST_CHUNK * ((1 << CHUNKS) - 1);

    pub(crate) fn new() -> SlotTable {
        SlotTable {
            chunks: std::array::from_fn(|_| AtomicPtr::new(std::ptr::null_mut())),
            free: AtomicU64::new(0),
            used: Mutex::new(0),
        }
    }

    /// Which chunk a slot lies in, and where.
    fn place(number: u32) -> (usize, usize) {
        let shifted = number as usize + FIRST_CHUNK;
        let chunk = (shifted / FIRST_CHUNK).ilog2() as usize;
        (chunk, shifted - (FIRST_CHUNK << chunk))
    }

    fn slot(&self, number: u32) -> Option<&Slot> {
        let (chunk, offset) = Self::place(number);
        let slots = self.chunks.get(chunk)?.load(Ordering::Acquire);
        // SAFETY: a chunk, once there, stays until the table goes, and `offset` lies within its length.
        (!slots.is_null()).then(|| unsafe { &*slots.add(offset) })
    }

    /// A token for a new event. None when all slots are in use.
    pub(crate) fn reserve(&self) -> Option<u64> {
        let number = self.take_free().or_else(|| self.take_unused())?;
        // The top bit of a token is the poller's.
        let generation = self.slot(number)?.generation.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        Some(u64::from(generation & (u32::MAX >> 1)) << 32 | u64::from(number))
    }

    fn take_free(&self) -> Option<u32> {
        let mut top = self.free.load(Ordering::Acquire);
        loop {
            let number = (top as u32).checked_sub(1)?;
            let next = self.slot(number)?.next.load(Ordering::Relaxed);
            match self.change_free(top, next) {
                Ok(()) => return Some(number),
                Err(changed) => top = changed,
            }
        }
    }

    fn give_back(&self, number: u32, slot: &Slot) {
        let mut top = self.free.load(Ordering::Relaxed);
        loop {
            slot.next.store(top as u32, Ordering::Relaxed);
            match self.change_free(top, number + 1) {
                Ok(()) => return,
                Err(changed) => top = changed,
            }
        }
    }

    /// Makes `next` the top instead of what `top` says; else, what it is.
    fn change_free(&self, top: u64, next: u32) -> Result<(), u64> {
        let changed = ((top >> 32) + 1) << 32 | u64::from(next);
        self.free.compare_exchange_weak(top, changed, Ordering::AcqRel, Ordering::Acquire).map(drop)
    }

    #[cold]
    fn take_unused(&self) -> Option<u32> {
        let mut used = self.used.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let number = *used;
        if number as usize >= Self::CAPACITY {
            return None;
        }
        let (chunk, offset) = Self::place(number);
        if offset == 0 {
            let slots: Box<[Slot]> = (0..FIRST_CHUNK << chunk).map(|_| Slot::new()).collect();
            self.chunks[chunk].store(Box::into_raw(slots).cast(), Ordering::Release);
        }
        *used += 1;
        Some(number)
    }

    pub(crate) fn occupy(&self, token: u64, cell: &FileCell) {
        if let Some(slot) = self.slot(token as u32) {
            slot.cell.store(std::ptr::from_ref(cell).cast_mut(), Ordering::Release);
        }
    }

    pub(crate) fn get(&self, token: u64) -> Option<NonNull<FileCell>> {
        let cell = NonNull::new(self.slot(token as u32)?.cell.load(Ordering::Acquire))?;
        // SAFETY: only the loop's owner, who asks, frees cells, and empties their slots before.
        (unsafe { cell.as_ref() }.kind.token == token).then_some(cell)
    }

    pub(crate) fn remove(&self, token: u64) {
        let number = token as u32;
        if let Some(slot) = self.slot(number) {
            slot.cell.store(std::ptr::null_mut(), Ordering::Release);
            self.give_back(number, slot);
        }
    }
}

impl Drop for SlotTable {
    fn drop(&mut self) {
        for (chunk, slots) in self.chunks.iter().enumerate() {
            let slots = slots.load(Ordering::Relaxed);
            if !slots.is_null() {
                let length = FIRST_CHUNK << chunk;
                // SAFETY: made from a boxed slice of this length in `take_unused`.
                drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(slots, length)) });
            }
        }
    }
}

#[cfg(all(test, not(mcp_event_loom)))]
mod tests {
    use std::collections::HashSet;
    use std::thread;

    use super::*;

    #[test]
    fn slots_lie_one_after_another() {
        assert_eq!(SlotTable::place(0), (0, 0));
        assert_eq!(SlotTable::place(63), (0, 63));
        assert_eq!(SlotTable::place(64), (1, 0));
        assert_eq!(SlotTable::place(191), (1, 127));
        assert_eq!(SlotTable::place(192), (2, 0));
    }

    #[test]
    fn f8_a_token_never_returns() {
        let table = SlotTable::new();
        let first = table.reserve().unwrap();
        table.remove(first);
        let second = table.reserve().unwrap();
        assert_eq!(first as u32, second as u32);
        assert_ne!(first, second);
        assert!(table.get(first).is_none());
    }

    #[test]
    fn f8_threads_never_get_the_same_slot() {
        let table = SlotTable::new();
        let busy = || {
            for round in 0..1000 {
                let tokens: Vec<u64> = (0..=round % 5).map(|_| table.reserve().unwrap()).collect();
                tokens.into_iter().for_each(|token| table.remove(token));
            }
            (0..50).map(|_| table.reserve().unwrap() as u32).collect::<Vec<_>>()
        };
        let mut held = HashSet::new();
        thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(busy)).collect();
            for thread in threads {
                thread.join().unwrap().into_iter().for_each(|number| assert!(held.insert(number)));
            }
        });
        // No slot was lost: there were never more than 20 besides these.
        assert!(*table.used.lock().unwrap() <= 220);
    }
}

#[cfg(all(test, mcp_event_loom))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc;

    /// Two slots that are taken and given back, so that the next ones who reserve find them on the stack.
    fn check(model: impl Fn(Arc<SlotTable>) + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(move || {
            let table = Arc::new(SlotTable::new());
            let tokens = [(); 2].map(|()| table.reserve().unwrap());
            tokens.into_iter().for_each(|token| table.remove(token));
            model(table);
        });
    }

    /// A slot that leaves and returns while another thread is about to take it is given to one of them alone.
    #[test]
    fn loom_f8_a_slot_has_one_owner() {
        check(|table| {
            let other = {
                let table = table.clone();
                loom::thread::spawn(move || {
                    let first = table.reserve().unwrap();
                    let second = table.reserve().unwrap();
                    table.remove(first);
                    second as u32
                })
            };
            let own = [(); 2].map(|()| table.reserve().unwrap() as u32);
            let others = other.join().unwrap();
            assert!(own[0] != own[1] && !own.contains(&others), "{own:?} and {others}");
        });
    }

    /// Both find no free slot, so that each takes an unused one, the first of a new chunk among them; and neither
    /// finds the other's tokens again.
    #[test]
    fn loom_f8_unused_slots_have_one_owner() {
        check(|table| {
            let held = [(); 2].map(|()| table.reserve().unwrap());
            let other = {
                let table = table.clone();
                loom::thread::spawn(move || {
                    let token = table.reserve().unwrap();
                    table.remove(token);
                    token
                })
            };
            let own = table.reserve().unwrap();
            let others = other.join().unwrap();
            assert!(own != others && !held.contains(&own) && !held.contains(&others));
        });
    }
}
