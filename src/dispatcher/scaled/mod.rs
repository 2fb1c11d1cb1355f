//! Scaled timers: one that is enabled for a maximum fires at `minimum + (maximum - minimum) * factor`, where the
//! factor is one for all and may change at any time.
//!
//! A timer waits its minimum in the wheel, whatever the factor; then it joins the [queue](queue) of those that are as
//! far from their maximum as it is. One without such a distance fires from the wheel, as any timer.
//!
//! What a foreign thread asks for is more than a word: the end of the minimum and the distance. So the truth is a
//! *ticket* that no other enabling of any timer has, and the order that it stands for lies in the cell under a lock.
//! The loop does not wait for that lock: while a thread holds it, that thread has still to send its command. What
//! the loop goes by is its own copy, and a claim succeeds only if the truth is still that copy's ticket.

mod minimum;
mod queue;
mod scaling;

use std::cell::Cell as LocalCell;
use std::ptr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::activity::Activity;
use super::cell::{Cell, Held, Kind, Owner};
use super::clock::{Nanos, nanos};
use super::closure::{Outcome, RustClosure, Source};
use super::core::{Access, Command, Core, OnLoop};
use super::label::Label;
use super::timer::NEVER;
use super::wheel::{Entry, Role};

pub use minimum::{ScaledTimerMinimum, ScaledTimerRange, ScaledTimerType};
use queue::Queue;
pub(crate) use queue::Queues;
pub(crate) use scaling::Scaling;

/// The entry comes first: the wheel's and the lists' pointers are pointers to the cell. Its deadline holds the minimum
/// until the clock is read, then the time at which that ends, and for one that has expired the time to fire.
#[repr(C)]
pub(crate) struct ScaledKind {
    entry: Entry,
    /// What the truth must be for the timer to fire.
    ticket: LocalCell<u64>,
    /// From the minimum to the maximum.
    distance: LocalCell<Nanos>,
    /// The queue that it waits in, or null.
    queue: LocalCell<*const Queue>,
    range: ScaledTimerRange,
    ordered: Mutex<Order>,
}

/// What a foreign thread asked for last.
#[derive(Default)]
struct Order {
    ticket: u64,
    base: Nanos,
    distance: Nanos,
}

impl Kind for ScaledKind {
    fn activity(&self) -> Activity {
        Activity::Timer
    }

    fn detach(cell: &ScaledCell, on_loop: OnLoop<'_>) {
        on_loop.leave(cell);
    }

    fn command(cell: Held<ScaledKind>) -> Command {
        Command::Scaled(cell)
    }
}

pub(crate) type ScaledCell = Cell<ScaledKind>;

pub(crate) fn new(core: &Arc<Core>, range: ScaledTimerRange, closure: impl Source) -> Owner<ScaledKind> {
    let kind = ScaledKind {
        entry: Entry::new(Role::Scaled),
        ticket: LocalCell::new(0),
        distance: LocalCell::new(0),
        queue: LocalCell::new(ptr::null()),
        range,
        ordered: Mutex::default(),
    };
    Owner::new(core, kind, closure)
}

impl Cell<ScaledKind> {
    pub(crate) fn enable(&self, max: Nanos) {
        let (minimum, distance) = self.kind.range.resolve(max, &self.core.scaling);
        match self.core.access() {
            Access::Running(on_loop) => {
                self.arm_later(on_loop, minimum, distance);
                on_loop.arm_a_full_batch();
            }
            Access::Direct(direct) => {
                self.arm_later(direct.on_loop(), minimum, distance);
                direct.on_loop().wake_on_release.set(true);
            }
            Access::Remote => self.change_remotely(|| {
                self.order(minimum, distance);
                true
            }),
        }
    }

    /// On a foreign thread, which tells the loop of it afterwards.
    fn order(&self, minimum: Nanos, distance: Nanos) {
        let mut order = self.kind.ordered.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *order = Order {
            ticket: self.core.scaling.next_ticket(),
            base: self.core.clock.now().saturating_add(minimum),
            distance,
        };
        // Not a store: who destroys the timer must see the claims that came before this.
        self.truth.swap(order.ticket, Ordering::AcqRel);
    }

    pub(crate) fn disable(&self) {
        match self.core.access() {
            Access::Running(on_loop) => self.disarm(on_loop),
            Access::Direct(direct) => self.disarm(direct.on_loop()),
            // It stays where it is; without a truth it does not fire when its time comes.
            Access::Remote => drop(self.truth.swap(0, Ordering::AcqRel)),
        }
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.truth.load(Ordering::Acquire) != 0
    }

    fn arm_later(&self, on_loop: OnLoop<'_>, minimum: Nanos, distance: Nanos) {
        on_loop.leave(self);
        let ticket = self.core.scaling.next_ticket();
        self.accept(ticket, minimum, distance);
        self.truth.store(ticket, Ordering::Release);
        // SAFETY: it left its list; the cell stays in place and leaves before it is freed.
        unsafe { on_loop.arming.push_back(self.kind.entry.links()) };
    }

    fn accept(&self, ticket: u64, deadline: Nanos, distance: Nanos) {
        self.kind.ticket.set(ticket);
        self.kind.distance.set(distance);
        self.kind.entry.deadline.set(deadline);
        self.kind.entry.role.set(if distance == 0 { Role::Scaled } else { Role::Minimum });
    }

    fn disarm(&self, on_loop: OnLoop<'_>) {
        self.truth.store(0, Ordering::Release);
        on_loop.leave(self);
    }

    /// Whether the loop's copy is what was asked for last.
    fn is_current(&self) -> bool {
        self.truth.load(Ordering::Acquire) == self.kind.ticket.get()
    }

    /// Puts the timer where a foreign thread's change wants it.
    fn follow_truth(&self, on_loop: OnLoop<'_>) {
        let truth = self.truth.load(Ordering::Acquire);
        if truth == self.kind.ticket.get() {
            // The loop armed it later than the foreign thread did.
            return;
        }
        // Who holds the lock sends a command of its own.
        if let Ok(order) = self.kind.ordered.try_lock() {
            on_loop.leave(self);
            if order.ticket == truth {
                self.accept(truth, order.base, order.distance);
                on_loop.await_minimum(self, order.base);
            }
        }
    }
}

impl OnLoop<'_> {
    /// The clock was read for a timer enabled on the loop.
    pub(crate) fn arm_scaled(self, cell: &ScaledCell, now: Nanos) {
        // Unless another thread has changed it since.
        if cell.is_current() {
            let base = now.saturating_add(cell.kind.entry.deadline.get());
            cell.kind.entry.deadline.set(base);
            self.await_minimum(cell, base);
        }
    }

    /// `cell` is in no list.
    fn await_minimum(self, cell: &ScaledCell, base: Nanos) {
        if base != NEVER {
            // SAFETY: the caller's promise; the cell stays in place and leaves before it is freed.
            unsafe { self.wheel.insert(&cell.kind.entry, base) };
        }
    }

    pub(crate) fn fire_scaled(self, cell: &ScaledCell) -> Outcome {
        let ticket = cell.kind.ticket.get();
        self.invoke(cell, &self.core.stats.timers_fired, || {
            let claim = cell.truth.compare_exchange(ticket, 0, Ordering::SeqCst, Ordering::Relaxed);
            claim.is_ok().then_some(0)
        })
    }

    pub(crate) fn receive_scaled(self, timer: Held<ScaledKind>) {
        if let Some(cell) = self.receive(timer) {
            cell.follow_truth(self);
        }
    }
}

/// A timer that fires the earlier the more load there is: between a minimum and the maximum that it is enabled for, at
/// `minimum + (maximum - minimum) * factor`. The factor is its dispatcher's
/// ([`set_timer_scale_factor`](crate::Handle::set_timer_scale_factor)), and a change of it counts at once. Dropping
/// the timer disarms it.
///
/// All its functions may be called from any thread. It never fires before its minimum has passed; its callback runs on
/// the loop's thread, and may enable it again.
pub struct ScaledTimer {
    owner: Owner<ScaledKind>,
}

impl ScaledTimer {
    pub(crate) fn new(
        core: &Arc<Core>,
        range: ScaledTimerRange,
        mut callback: impl FnMut() + Send + 'static,
    ) -> ScaledTimer {
        ScaledTimer { owner: new(core, range, RustClosure(move |_| callback())) }
    }

    /// Arms the timer to fire once, `max` from now at the latest; replaces what it was armed for. Its minimum is
    /// computed now. A maximum of zero means the next iteration; one too long to count (584 years) never ends, though
    /// a factor below 1 may bring it into reach.
    pub fn enable(&self, max: Duration) {
        self.owner.cell().enable(nanos(max));
    }

    /// Disarms it: no callback begins after this returns.
    pub fn disable(&self) {
        self.owner.cell().disable();
    }

    /// Whether it is armed. False inside its callback, until it is enabled again.
    pub fn is_enabled(&self) -> bool {
        self.owner.cell().is_enabled()
    }

    /// Names its callback in reports.
    pub fn set_label(&self, label: Label) {
        self.owner.cell().label.set(label);
    }
}
