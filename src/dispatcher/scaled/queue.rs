//! The scaled timers that have waited their minimum: one queue for each distance to the maximum.
//!
//! All timers of a queue wait for the same time beyond their minimums, however the factor changes; so they fire in
//! the order in which their minimums ended, and one entry in the wheel, for the first of them, serves them all. To
//! join, to leave and to fire takes constant time; a change of the factor moves one entry a queue.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use super::ScaledCell;
use super::minimum::scale;
use crate::dispatcher::clock::Nanos;
use crate::dispatcher::core::OnLoop;
use crate::dispatcher::list::{Links, List};
use crate::dispatcher::timer::NEVER;
use crate::dispatcher::wheel::{self, Entry, Role};

/// The entry comes first: the wheel's pointers are pointers to the queue. Not empty, but while it is being changed.
#[repr(C)]
pub(super) struct Queue {
    /// Due with the first timer, or earlier, after that has left.
    entry: Entry,
    /// By the ends of their minimums.
    timers: List,
    distance: Nanos,
}

pub(crate) struct Queues {
    by_distance: RefCell<HashMap<Nanos, Rc<Queue>>>,
    /// As the queues know it.
    factor: Cell<f64>,
    /// What the wheel found due in this iteration: timers whose minimum ended, and queues.
    pub(crate) ripe: List,
    /// The timers that fire in this iteration, while they are collected.
    released: RefCell<Vec<*const ScaledCell>>,
}

impl Queues {
    pub(crate) fn new() -> Queues {
        Queues {
            by_distance: RefCell::new(HashMap::new()),
            factor: Cell::new(1.0),
            ripe: List::new(),
            released: RefCell::new(Vec::new()),
        }
    }

    /// When a timer fires whose minimum ends at `base`.
    fn due(&self, base: Nanos, distance: Nanos) -> Nanos {
        base.saturating_add(scale(distance, self.factor.get()))
    }

    /// The queue of this distance; it stays until it is dropped by name.
    fn find_or_make(&self, distance: Nanos) -> *const Queue {
        let make = || Rc::new(Queue { entry: Entry::new(Role::Queue), timers: List::new(), distance });
        Rc::as_ptr(self.by_distance.borrow_mut().entry(distance).or_insert_with(make))
    }
}

/// The entry of a timer in a queue.
fn first_entry(queue: &Queue) -> Option<&Entry> {
    // SAFETY: the links are the cell's first field, and a linked cell is alive.
    queue.timers.front().map(|links| unsafe { &*links.cast::<Entry>() })
}

impl OnLoop<'_> {
    /// Puts a timer that is in no list into its queue.
    pub(super) fn join_queue(self, cell: &ScaledCell) {
        let queue = self.scaled.find_or_make(cell.kind.distance.get());
        let base = cell.kind.entry.deadline.get();
        // A timer that another thread enabled may have waited its minimum before the loop heard of it.
        // SAFETY: members are alive, and their links are their first field.
        let is_later = |links: *const Links| unsafe { &*links.cast::<Entry>() }.deadline.get() > base;
        // SAFETY: the queue is in the map and stays in place; so does the cell, which leaves before it is freed.
        unsafe {
            (*queue).timers.insert_before_later(cell.kind.entry.links(), is_later);
            cell.kind.queue.set(queue);
            if first_entry(&*queue).is_some_and(|first| ptr::eq(first, &cell.kind.entry)) {
                self.arm_queue(&*queue, 0);
            }
        }
    }

    /// Takes a timer out of whatever list it is in.
    pub(super) fn leave(self, cell: &ScaledCell) {
        self.wheel.remove(&cell.kind.entry);
        let queue = cell.kind.queue.replace(ptr::null());
        // SAFETY: a queue lives while a timer is in it.
        if let Some(queue) = unsafe { queue.as_ref() }
            && queue.timers.is_empty()
        {
            self.wheel.remove(&queue.entry);
            self.drop_queue(queue.distance);
        }
    }

    /// The queue is empty, and in no list.
    fn drop_queue(self, distance: Nanos) {
        self.scaled.by_distance.borrow_mut().remove(&distance);
    }

    /// Puts the queue's entry where its first timer wants it, though not before `earliest`.
    fn arm_queue(self, queue: &Queue, earliest: Nanos) {
        self.wheel.remove(&queue.entry);
        if let Some(first) = first_entry(queue) {
            let due = self.scaled.due(first.deadline.get(), queue.distance).max(earliest);
            if due != NEVER {
                // SAFETY: removed above; the queue stays in place and leaves before it is dropped.
                unsafe { self.wheel.insert(&queue.entry, due) };
            }
        }
    }

    /// Moves on what the wheel found due: timers whose minimum ended join their queues, and the timers that are due
    /// in their queues are added to the expired ones, each in its place.
    #[inline]
    pub(crate) fn release_scaled(self, now: Nanos) {
        if !self.scaled.ripe.is_empty() {
            self.release_ripe(now);
        }
    }

    fn release_ripe(self, now: Nanos) {
        while let Some(links) = self.scaled.ripe.pop_front() {
            // SAFETY: the links are the first field of a cell or a queue, as its entry's role says; both are alive
            // while linked.
            unsafe {
                if (*links.cast::<Entry>()).role.get() == Role::Queue {
                    self.release_due(links.cast(), now);
                    continue;
                }
                let cell = &*links.cast::<ScaledCell>();
                // Unless another thread has disabled it, or enabled it anew, meanwhile.
                if cell.is_current() {
                    self.join_queue(cell);
                    // Then the loop is late, or the factor leaves no more to wait for.
                    if self.scaled.due(cell.kind.entry.deadline.get(), cell.kind.distance.get()) <= now {
                        self.release_due(cell.kind.queue.get(), now);
                    }
                }
            }
        }
        let mut released = self.scaled.released.take();
        // SAFETY: nothing was destroyed meanwhile.
        released
            .sort_by_key(|cell| unsafe { ((**cell).kind.entry.deadline.get(), (**cell).kind.ticket.get()) });
        let mut in_order = true;
        for cell in released.drain(..) {
            // SAFETY: as above; it has left its queue.
            in_order &= unsafe { wheel::append(&self.expired, &(*cell).kind.entry) };
        }
        if !in_order {
            wheel::sort(&self.expired);
        }
        self.scaled.released.replace(released);
    }

    /// Takes the timers that are due out of a queue; their deadlines say from now on when they fire.
    ///
    /// # Safety
    /// The queue is alive. It is dropped if none of its timers is left.
    unsafe fn release_due(self, queue: *const Queue, now: Nanos) {
        // SAFETY: the caller's promise.
        let queue = unsafe { &*queue };
        let mut released = self.scaled.released.borrow_mut();
        while let Some(first) = first_entry(queue) {
            let due = self.scaled.due(first.deadline.get(), queue.distance);
            if due > now {
                break;
            }
            let cell: *const ScaledCell = ptr::from_ref(first).cast();
            first.links().unlink();
            first.deadline.set(due);
            first.role.set(Role::Scaled);
            // SAFETY: it was linked until now, so it is alive.
            unsafe { &*cell }.kind.queue.set(ptr::null());
            released.push(cell);
        }
        self.arm_queue(queue, 0);
        if queue.timers.is_empty() {
            self.drop_queue(queue.distance);
        }
    }

    /// Applies the factor that is set to the timers that wait in queues.
    pub(crate) fn rescale(self) {
        // A read-modify-write: who found the mark set, and so sent nothing, has set the factor before it.
        self.core.scaling.rescale_queued.swap(false, Ordering::AcqRel);
        let factor = self.core.scaling.factor();
        if factor == self.scaled.factor.replace(factor) {
            return;
        }
        // What is overdue by the new factor is due now: it did not become late.
        let now = self.core.clock.now();
        for queue in self.scaled.by_distance.borrow().values() {
            self.arm_queue(queue, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::dispatcher::core::Access;
    use crate::{Dispatcher, RunType, ScaledTimer, ScaledTimerMinimum, SimulatedClock};

    const MS: Duration = Duration::from_millis(1);

    struct Stage {
        clock: SimulatedClock,
        dispatcher: Dispatcher,
    }

    impl Stage {
        fn new() -> Stage {
            let clock = SimulatedClock::new();
            let dispatcher = Dispatcher::builder("test").clock(&clock).build().unwrap();
            Stage { clock, dispatcher }
        }

        /// Timers past their minimum, `distance` from their maximum.
        fn queued(&self, distances: &[Duration]) -> Vec<ScaledTimer> {
            let half = ScaledTimerMinimum::absolute(MS);
            let timers = distances.iter().map(|distance| {
                let timer = self.dispatcher.create_scaled_timer(half, || ());
                timer.enable(MS + *distance);
                timer
            });
            let timers = timers.collect();
            self.pass(MS);
            timers
        }

        fn pass(&self, time: Duration) {
            self.clock.advance(time);
            self.dispatcher.run(RunType::NonBlock).unwrap();
        }

        /// How many queues there are, and whether the wheel holds anything.
        fn queues(&self) -> (usize, bool) {
            match self.dispatcher.core().access() {
                Access::Direct(direct) => {
                    let on_loop = direct.on_loop();
                    let count = on_loop.scaled.by_distance.borrow().len();
                    (count, on_loop.wheel.earliest().is_some())
                }
                _ => panic!("the loop runs"),
            }
        }
    }

    #[test]
    fn k4_one_queue_a_distance() {
        let stage = Stage::new();
        let _timers = stage.queued(&[5 * MS, 6 * MS, 5 * MS, 5 * MS, 6 * MS]);
        assert_eq!(stage.queues(), (2, true));
        stage.pass(5 * MS);
        assert_eq!(stage.queues(), (1, true));
        stage.pass(MS);
        assert_eq!(stage.queues(), (0, false));
    }

    #[test]
    fn k4_an_empty_queue_is_dropped_whichever_way_its_timers_leave() {
        let stage = Stage::new();
        let timers = stage.queued(&[5 * MS, 6 * MS, 7 * MS, 7 * MS]);
        assert_eq!(stage.queues(), (3, true));
        timers[0].disable();
        assert_eq!(stage.queues(), (2, true));
        timers[1].enable(2 * MS);
        assert_eq!(stage.queues(), (1, true));
        timers[1].disable();
        drop(timers);
        assert_eq!(stage.queues(), (0, false));
    }

    #[test]
    fn k4_a_queue_follows_its_first_timer() {
        let stage = Stage::new();
        let mut timers = stage.queued(&[5 * MS]);
        stage.pass(2 * MS);
        timers.extend(stage.queued(&[5 * MS]));
        assert_eq!(stage.queues(), (1, true));
        // When the first leaves, the queue's entry stays: it wakes the loop once for nothing.
        timers.remove(0);
        stage.pass(2 * MS);
        assert!(timers[0].is_enabled());
        stage.pass(3 * MS);
        assert!(!timers[0].is_enabled());
        assert_eq!(stage.queues(), (0, false));
    }

    #[test]
    fn a_timer_that_another_thread_disabled_joins_no_queue() {
        let stage = Stage::new();
        let timer = stage.dispatcher.create_scaled_timer(ScaledTimerMinimum::absolute(MS), || ());
        timer.enable(5 * MS);
        // As a foreign thread does it, while the loop runs.
        timer.owner.cell().truth.store(0, std::sync::atomic::Ordering::SeqCst);
        stage.pass(MS);
        assert_eq!(stage.queues(), (0, false));
    }
}
