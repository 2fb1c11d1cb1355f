//! The timer wheel: O(1) to arm, rearm and disarm at any count, exact to the nanosecond.
//!
//! Eleven levels of 64 slots; a slot of level `k` spans 64^k ns. A timer goes to the level of the highest bit
//! in which its deadline differs from `elapsed`, so all timers of a level come before those of the next one,
//! and a level's slots never wrap. When time enters a slot, its timers move to finer levels; at level 0 a slot
//! is one nanosecond, so timers leave the wheel sorted by deadline.
//!
//! Ties keep their order: of two timers with one deadline, the one armed later never sits on a coarser level,
//! a slot is emptied into finer levels the moment time enters it (before anything can be armed there), and
//! every move appends.

use std::cell::Cell;

use super::clock::Nanos;
use super::list::{Links, List};

const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
const LEVELS: usize = (u64::BITS as usize).div_ceil(BITS as usize);

/// What the wheel keeps in a timer. `#[repr(C)]`: a pointer to the links is a pointer to the entry.
#[repr(C)]
pub(crate) struct Entry {
    links: Links,
    /// When it is due, while it is in the wheel or the list of expired timers.
    pub(crate) deadline: Cell<Nanos>,
    /// The wheel's epoch when it was added.
    since: Cell<u32>,
    /// Level and slot while in the wheel, else [`OUTSIDE`].
    place: Cell<u16>,
    /// Costs nothing here: a timer is 64 bytes beside its closure.
    pub(crate) role: Cell<Role>,
}

/// What an entry belongs to, and what it means that its time has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A timer: it fires.
    OneShot,
    /// A timer: it fires, and is armed again.
    Periodic,
    /// A scaled timer: it fires.
    Scaled,
    /// A scaled timer: it has waited its minimum, and joins a queue.
    Minimum,
    /// A queue of scaled timers: the first of them fires.
    Queue,
}

impl Role {
    fn fires(self) -> bool {
        matches!(self, Role::OneShot | Role::Periodic | Role::Scaled)
    }
}

const OUTSIDE: u16 = u16::MAX;

impl Entry {
    pub(crate) const fn new(role: Role) -> Entry {
        Entry {
            links: Links::new(),
            deadline: Cell::new(0),
            since: Cell::new(0),
            place: Cell::new(OUTSIDE),
            role: Cell::new(role),
        }
    }

    pub(crate) fn links(&self) -> &Links {
        &self.links
    }
}

struct Slot {
    timers: List,
    /// No timer of the slot is due before this; it may be stale after a removal, so a lower bound.
    earliest: Cell<Nanos>,
}

struct Level {
    occupied: Cell<u64>,
    slots: [Slot; SLOTS],
}

impl Level {
    fn new() -> Level {
        Level {
            occupied: Cell::new(0),
            slots: std::array::from_fn(|_| Slot { timers: List::new(), earliest: Cell::new(u64::MAX) }),
        }
    }
}

pub(crate) struct Wheel {
    /// All timers due at or before this have left the wheel.
    elapsed: Cell<Nanos>,
    /// Counts the calls of [`Wheel::expire`].
    epoch: Cell<u32>,
    /// Bit `k` is set when level `k` holds timers.
    levels_occupied: Cell<u16>,
    /// Boxed level by level: all of them, 17 KiB, are never on the stack.
    levels: Box<[Level; LEVELS]>,
}

impl Wheel {
    pub(crate) fn new(now: Nanos) -> Wheel {
        let levels: Box<[Level]> = (0..LEVELS).map(|_| Level::new()).collect();
        let Ok(levels) = levels.try_into() else { unreachable!("a level was made for each") };
        Wheel { elapsed: Cell::new(now), epoch: Cell::new(0), levels_occupied: Cell::new(0), levels }
    }

    /// Adds an entry that is in no list, due at `deadline`.
    ///
    /// # Safety
    /// The entry stays in place until it is removed or expired.
    pub(crate) unsafe fn insert(&self, entry: *const Entry, deadline: Nanos) {
        // SAFETY: the caller's promise.
        let item = unsafe { &*entry };
        item.deadline.set(deadline);
        item.since.set(self.epoch.get());
        // SAFETY: the caller's promise.
        unsafe { self.place(item) };
    }

    /// Puts an entry that is in no list where its deadline wants it.
    ///
    /// # Safety
    /// As for `insert`.
    unsafe fn place(&self, item: &Entry) {
        let deadline = item.deadline.get();
        // What is overdue goes to the slot that is looked at next.
        let when = deadline.max(self.elapsed.get());
        let level = ((when ^ self.elapsed.get()) | 1).ilog2() / BITS;
        let index = (when >> (level * BITS)) as usize & (SLOTS - 1);
        let slots = &self.levels[level as usize];
        let slot = &slots.slots[index];
        slots.occupied.set(slots.occupied.get() | 1 << index);
        self.levels_occupied.set(self.levels_occupied.get() | 1 << level);
        slot.earliest.set(slot.earliest.get().min(deadline));
        item.place.set((level as u16) << BITS | index as u16);
        // SAFETY: the caller's promise; the wheel's slots are boxed.
        unsafe { slot.timers.push_back(&item.links) };
    }

    /// Takes `entry` out of the wheel, or out of the list it is in instead.
    pub(crate) fn remove(&self, entry: &Entry) {
        entry.links.unlink();
        let place = entry.place.replace(OUTSIDE);
        if place != OUTSIDE {
            let (level, index) = ((place >> BITS) as usize, place as usize & (SLOTS - 1));
            if self.levels[level].slots[index].timers.is_empty() {
                self.vacate(level, index);
            }
        }
    }

    fn vacate(&self, level: usize, index: usize) {
        let slots = &self.levels[level];
        slots.slots[index].earliest.set(u64::MAX);
        let occupied = slots.occupied.get() & !(1 << index);
        slots.occupied.set(occupied);
        if occupied == 0 {
            self.levels_occupied.set(self.levels_occupied.get() & !(1 << level));
        }
    }

    /// The level and slot whose timers come first.
    fn first(&self) -> Option<(usize, usize)> {
        let levels = self.levels_occupied.get();
        if levels == 0 {
            return None;
        }
        let level = levels.trailing_zeros() as usize;
        Some((level, self.levels[level].occupied.get().trailing_zeros() as usize))
    }

    /// No timer is due before this. Exact but after a removal, when it may be too early.
    pub(crate) fn earliest(&self) -> Option<Nanos> {
        self.first().map(|(level, index)| self.levels[level].slots[index].earliest.get())
    }

    /// Moves all timers due at or before `now` to `expired`, by deadline, ties in the order of arming; entries whose
    /// role is not to fire likewise to `ripe`.
    pub(crate) fn expire(&self, now: Nanos, expired: &List, ripe: &List) {
        self.epoch.set(self.epoch.get().wrapping_add(1));
        self.take_due(now, expired, ripe, |_| true);
    }

    /// Likewise those that were in the wheel when [`expire`](Self::expire) was called last.
    pub(crate) fn expire_older(&self, now: Nanos, expired: &List, ripe: &List) {
        let epoch = self.epoch.get();
        self.take_due(now, expired, ripe, |item| item.since.get() != epoch);
    }

    #[inline(always)]
    fn take_due(&self, now: Nanos, expired: &List, ripe: &List, takes: impl Fn(&Entry) -> bool) {
        let now = now.max(self.elapsed.get());
        let (mut sorted, left) = (true, List::new());
        while let Some((level, index)) = self.first() {
            let shift = level as u32 * BITS;
            let span = 1u64.checked_shl(shift + BITS).map_or(u64::MAX, |span| span - 1);
            let start = (self.elapsed.get() & !span) | (index as u64) << shift;
            if start > now {
                break;
            }
            self.elapsed.set(self.elapsed.get().max(start));
            self.vacate(level, index);
            let timers = &self.levels[level].slots[index].timers;
            // No other timer comes before it: it need not go through the finer levels.
            let is_alone = timers.has_one();
            // A slot's own timers may go back into the same slot only on level 0, which does not re-insert.
            while let Some(links) = timers.pop_front() {
                // SAFETY: entries stay in place while linked, and `links` is their first field.
                let item = unsafe { &*links.cast::<Entry>() };
                item.place.set(OUTSIDE);
                let is_due = level == 0 || is_alone && item.deadline.get() <= now;
                // SAFETY: as above; it is in no list now.
                unsafe {
                    match is_due {
                        true if !takes(item) => left.push_back(&item.links),
                        true if item.role.get().fires() => sorted &= append(expired, item),
                        true => sorted &= append(ripe, item),
                        false => self.place(item),
                    }
                }
            }
        }
        self.elapsed.set(now);
        while let Some(links) = left.pop_front() {
            // SAFETY: as above.
            unsafe { self.place(&*links.cast::<Entry>()) };
        }
        if !sorted {
            sort(expired);
            sort(ripe);
        }
    }
}

/// Appends an entry to a list of expired ones; false if it is due before the last of them.
///
/// # Safety
/// The entry is in no list, and stays in place while it is in this one; so do the list's members, all entries.
pub(crate) unsafe fn append(list: &List, entry: &Entry) -> bool {
    let last = list.back().map(|last| last.cast::<Entry>());
    // SAFETY: the caller's promise.
    let in_order = last.is_none_or(|last| unsafe { &*last }.deadline.get() <= entry.deadline.get());
    // SAFETY: the caller's promise.
    unsafe { list.push_back(&entry.links) };
    in_order
}

/// Sorts a list of expired entries by deadline; ties keep their order. Timers that were overdue when they were armed
/// (from another thread, while the loop was busy) leave their slot in the order of arming; only then is there something
/// to sort.
pub(crate) fn sort(expired: &List) {
    let mut entries = Vec::new();
    while let Some(links) = expired.pop_front() {
        entries.push(links.cast::<Entry>());
    }
    // SAFETY: entries stay in place while they are armed.
    entries.sort_by_key(|entry| unsafe { &**entry }.deadline.get());
    for entry in entries {
        // SAFETY: as above; just taken out of the list.
        unsafe { expired.push_back(entry.cast()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pop_all(expired: &List) -> Vec<*const Entry> {
        std::iter::from_fn(|| expired.pop_front()).map(|links| links.cast()).collect()
    }

    #[derive(Clone, Debug)]
    enum Step {
        Arm {
            timer: usize,
            delay: u64,
        },
        Disarm {
            timer: usize,
        },
        Advance {
            by: u64,
        },
        /// Only those that were there at the last `Advance` leave.
        AdvanceOlder {
            by: u64,
        },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        // Delays of every magnitude, so that every level and its borders are met.
        let delay = (0u32..40, 0u64..100).prop_map(|(shift, low)| (1u64 << shift) + low);
        let step = prop_oneof![
            4 => (0usize..24, prop_oneof![Just(0u64), 0u64..4, delay.clone()])
                .prop_map(|(timer, delay)| Step::Arm { timer, delay }),
            1 => (0usize..24).prop_map(|timer| Step::Disarm { timer }),
            3 => prop_oneof![0u64..4, delay.clone()].prop_map(|by| Step::Advance { by }),
            2 => prop_oneof![0u64..4, delay].prop_map(|by| Step::AdvanceOlder { by }),
        ];
        proptest::collection::vec(step, 1..120)
    }

    proptest! {
        /// Against the obvious model: a list sorted by (deadline, order of arming).
        #[test]
        fn behaves_as_a_sorted_list(steps in steps()) {
            let mut now = 1_000_000_007;
            let wheel = Wheel::new(now);
            let entries: Vec<_> = (0..24).map(|_| Box::new(Entry::new(Role::OneShot))).collect();
            let mut model: Vec<(u64, usize, usize)> = Vec::new();
            let mut last_advance = 0;
            for (order, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Arm { timer, delay } => {
                        wheel.remove(&entries[timer]);
                        // SAFETY: the boxes outlive the wheel's use.
                        unsafe { wheel.insert(&*entries[timer], now + delay) };
                        model.retain(|armed| armed.2 != timer);
                        model.push((now + delay, order, timer));
                    }
                    Step::Disarm { timer } => {
                        wheel.remove(&entries[timer]);
                        model.retain(|armed| armed.2 != timer);
                    }
                    Step::Advance { by } | Step::AdvanceOlder { by } => {
                        now += by;
                        let (expired, ripe) = (List::new(), List::new());
                        if matches!(step, Step::Advance { .. }) {
                            last_advance = order;
                            wheel.expire(now, &expired, &ripe);
                        } else {
                            wheel.expire_older(now, &expired, &ripe);
                        }
                        model.sort();
                        let is_due = |armed: &mut (u64, usize, usize)| armed.0 <= now && armed.1 < last_advance;
                        let expected: Vec<_> =
                            model.extract_if(.., is_due).map(|armed| &*entries[armed.2] as *const Entry).collect();
                        prop_assert_eq!(pop_all(&expired), expected);
                    }
                }
                let earliest = model.iter().map(|armed| armed.0).min();
                prop_assert_eq!(wheel.earliest().is_some(), earliest.is_some());
                prop_assert!(wheel.earliest() <= earliest);
            }
        }
    }

    #[test]
    fn the_earliest_deadline_is_exact_without_removals() {
        let wheel = Wheel::new(1);
        let entries: Vec<_> = (0..3).map(|_| Entry::new(Role::OneShot)).collect();
        for (entry, deadline) in entries.iter().zip([5_000_000_000, 4_999_999_999, 6_000_000_000]) {
            // SAFETY: the entries outlive the wheel's use.
            unsafe { wheel.insert(entry, deadline) };
        }
        assert_eq!(wheel.earliest(), Some(4_999_999_999));
    }

    #[test]
    fn overdue_timers_come_out_by_deadline() {
        let wheel = Wheel::new(1_000);
        let entries: Vec<_> = (0..3).map(|_| Entry::new(Role::OneShot)).collect();
        for (entry, deadline) in entries.iter().zip([900, 700, 800]) {
            // SAFETY: the entries outlive the wheel's use.
            unsafe { wheel.insert(entry, deadline) };
        }
        let (expired, ripe) = (List::new(), List::new());
        wheel.expire(1_000, &expired, &ripe);
        let expected: Vec<_> = [1, 2, 0].iter().map(|i: &usize| &entries[*i] as *const Entry).collect();
        assert_eq!(pop_all(&expired), expected);
    }
}
