//! Timers: one-shot and periodic.
//!
//! A timer's truth is 0 when disarmed, [`ARMED`] when the loop has armed it, so that its entry has the deadline, and
//! that deadline itself when another thread has. The loop may put the entry into the wheel without a look at the
//! truth: whatever another thread makes of that, the claim sees. Timers armed in one callback share readings of the
//! clock, taken when it returns and after every [`BATCH`] of them: that is late enough never to fire early, and costs
//! a burst of timers next to nothing.
//!
//! The claim of a one-shot timer's callback leaves zero behind, that of a periodic one's `ARMED`: it arms
//! itself for the next tick only if it still finds that, so it never undoes another thread's disable.

use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::time::Duration;

use super::activity::Activity;
use super::cell::{Cell, Held, Kind, Owner};
use super::clock::{Nanos, nanos};
use super::closure::{Closure, Outcome, RustClosure, Source};
use super::core::{Access, Command, Core, OnLoop};
use super::label::Label;
use super::list::Links;
use super::local::Local;
use super::scaled::ScaledCell;
use super::wheel::{Entry, Role};

/// A deadline that is armed but does not come.
pub(crate) const NEVER: Nanos = u64::MAX;
const ARMED: Nanos = 1;

/// How many timers share a reading of the clock: enough to make it cheap, few enough to be still in the cache.
const BATCH: u32 = 32;

/// The entry comes first: the wheel's pointers are pointers to the cell. In the list of those to be armed, its
/// deadline is the delay that was asked for.
#[repr(C)]
pub(crate) struct TimerKind {
    entry: Entry,
}

impl Kind for TimerKind {
    fn activity(&self) -> Activity {
        Activity::Timer
    }

    fn detach(cell: &Cell<TimerKind>, on_loop: OnLoop<'_>) {
        on_loop.wheel.remove(&cell.kind.entry);
    }

    fn command(cell: Held<TimerKind>) -> Command {
        Command::Timer(cell)
    }
}

pub(crate) type TimerCell = Cell<TimerKind>;

pub(crate) fn new(core: &Arc<Core>, closure: impl Source) -> Owner<TimerKind> {
    Owner::new(core, TimerKind { entry: Entry::new(Role::OneShot) }, closure)
}

impl Cell<TimerKind> {
    pub(crate) fn enable(&self, delay: Nanos) {
        match self.core.access() {
            Access::Running(on_loop) => {
                self.arm_later(&on_loop, delay);
                on_loop.arm_a_full_batch();
            }
            Access::Direct(direct) => {
                self.arm_later(&direct.on_loop(), delay);
                direct.on_loop().wake_on_release.set(true);
            }
            Access::Remote => {
                let deadline = self.core.clock.now().saturating_add(delay);
                self.change_remotely(|| {
                    // Not a store: who destroys the timer must see the claims that came before this.
                    self.truth.swap(deadline, Ordering::AcqRel);
                    true
                });
            }
        }
    }

    pub(crate) fn disable(&self) {
        match self.core.access() {
            Access::Running(on_loop) => self.disarm(&on_loop),
            Access::Direct(direct) => self.disarm(&direct.on_loop()),
            // It stays in the wheel; without a truth it does not fire when its time comes.
            Access::Remote => drop(self.truth.swap(0, Ordering::AcqRel)),
        }
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.truth.load(Ordering::Acquire) != 0
    }

    fn arm_later(&self, local: &Local, delay: Nanos) {
        local.wheel.remove(&self.kind.entry);
        self.kind.entry.deadline.set(delay);
        self.truth.store(ARMED, Ordering::Release);
        // SAFETY: removed from its list above; the cell stays in place and leaves before it is freed.
        unsafe { local.arming.push_back(self.kind.entry.links()) };
    }

    fn disarm(&self, local: &Local) {
        self.truth.store(0, Ordering::Release);
        local.wheel.remove(&self.kind.entry);
    }

    /// Arms a claimed periodic timer, on the loop, unless another thread changed it since the claim.
    fn arm_claimed(&self, local: &Local, deadline: Nanos) {
        if self.truth.load(Ordering::Acquire) == ARMED && deadline != NEVER {
            // A watchdog touched before its callback may have linked it.
            local.wheel.remove(&self.kind.entry);
            // SAFETY: as in `arm_later`.
            unsafe { local.wheel.insert(&self.kind.entry, deadline) };
        }
    }

    /// Puts the timer where a foreign thread's change wants it.
    fn follow_truth(&self, local: &Local) {
        match self.truth.load(Ordering::Acquire) {
            // The loop armed it later than the foreign thread did.
            ARMED => {}
            0 | NEVER => local.wheel.remove(&self.kind.entry),
            deadline => {
                local.wheel.remove(&self.kind.entry);
                // SAFETY: as in `arm_later`.
                unsafe { local.wheel.insert(&self.kind.entry, deadline) };
            }
        }
    }
}

impl OnLoop<'_> {
    /// Gives the timers that were armed since the last call their deadlines.
    #[inline]
    pub(crate) fn arm_timers(self) {
        if !self.arming.is_empty() {
            self.arm_all();
        }
    }

    /// In a long row of `enable` calls the first must not wait for the last.
    #[inline]
    pub(crate) fn arm_a_full_batch(self) {
        self.arming_count.set(self.arming_count.get() + 1);
        if self.arming_count.get() >= BATCH {
            self.arm_all();
        }
    }

    fn arm_all(self) {
        self.arming_count.set(0);
        let now = self.core.clock.now();
        while let Some(links) = self.arming.pop_front() {
            // SAFETY: the links are a cell's first field, its entry's role says which kind's, and a linked cell is
            // alive.
            unsafe {
                match (*links.cast::<Entry>()).role.get() {
                    Role::OneShot | Role::Periodic => self.arm_timer(&*links.cast::<TimerCell>(), now),
                    Role::Scaled | Role::Minimum => self.arm_scaled(&*links.cast::<ScaledCell>(), now),
                    Role::Queue => {}
                }
            }
        }
    }

    fn arm_timer(self, cell: &TimerCell, now: Nanos) {
        let deadline = now.saturating_add(cell.kind.entry.deadline.get());
        if deadline != NEVER {
            // SAFETY: just popped; otherwise as in `arm_later`.
            unsafe { self.wheel.insert(&cell.kind.entry, deadline) };
        }
    }

    /// The earliest deadline among the entries that the wheel found due.
    pub(crate) fn first_expired(self) -> Option<Nanos> {
        // SAFETY: as in `arm_all`.
        let deadline = |links: *const Links| unsafe { &*links.cast::<Entry>() }.deadline.get();
        self.expired.front().into_iter().chain(self.scaled.ripe.front()).map(deadline).min()
    }

    /// Runs the expired timers. One that is disarmed or rearmed meanwhile leaves the list by itself.
    pub(crate) fn fire_timers(self) -> Outcome {
        while let Some(links) = self.expired.pop_front() {
            // SAFETY: as in `arm_all`.
            unsafe {
                match (*links.cast::<Entry>()).role.get() {
                    Role::OneShot => self.fire_timer(&*links.cast::<TimerCell>(), 0)?,
                    Role::Periodic => self.fire_timer(&*links.cast::<TimerCell>(), ARMED)?,
                    Role::Scaled => self.fire_scaled(&*links.cast::<ScaledCell>())?,
                    Role::Minimum | Role::Queue => {}
                }
            }
        }
        Ok(())
    }

    /// `left` is the truth that the claim leaves behind.
    fn fire_timer(self, cell: &TimerCell, left: Nanos) -> Outcome {
        let deadline = cell.kind.entry.deadline.get();
        self.invoke(cell, &self.core.stats.timers_fired, || {
            let truth = cell.truth.load(Ordering::Relaxed);
            let is_due = truth == ARMED || truth == deadline;
            let claim = || cell.truth.compare_exchange(truth, left, Ordering::SeqCst, Ordering::Relaxed);
            (is_due && claim().is_ok()).then_some(0)
        })
    }

    pub(crate) fn receive_timer(self, timer: Held<TimerKind>) {
        if let Some(cell) = self.receive(timer) {
            cell.follow_truth(&self);
        }
    }
}

/// A one-shot timer. Dropping it disarms it.
///
/// All its functions may be called from any thread. It never fires before its time; its callback runs on the
/// loop's thread, and may enable it again.
pub struct Timer {
    owner: Owner<TimerKind>,
}

impl Timer {
    pub(crate) fn new(core: &Arc<Core>, mut callback: impl FnMut() + Send + 'static) -> Timer {
        Timer { owner: new(core, RustClosure(move |_| callback())) }
    }

    /// Arms the timer to fire once, `delay` from now; replaces an earlier deadline. A delay of zero means the
    /// next iteration; one too long to count (584 years) never ends.
    pub fn enable(&self, delay: Duration) {
        self.owner.cell().enable(nanos(delay));
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

/// A timer that fires again and again, at `start + n * interval`: it keeps its rate without drift, and skips
/// the ticks that the loop was too busy for.
pub struct PeriodicTimer {
    ticker: Arc<Ticker>,
    owner: Owner<TimerKind>,
}

/// What a periodic timer's callback needs to arm it for the next tick.
struct Ticker {
    interval: AtomicU64,
    next: AtomicU64,
    cell: AtomicPtr<TimerCell>,
}

impl Ticker {
    fn start(&self, interval: Nanos, now: Nanos) {
        self.interval.store(interval, Ordering::Relaxed);
        self.next.store(now.saturating_add(interval), Ordering::Relaxed);
    }

    /// The first tick after `now`.
    fn advance(&self, now: Nanos) -> Nanos {
        let interval = self.interval.load(Ordering::Relaxed).max(1);
        let last = self.next.load(Ordering::Relaxed);
        let missed = now.saturating_sub(last) / interval;
        let next = last.saturating_add((missed + 1).saturating_mul(interval));
        // Should another thread start it anew meanwhile, its grid stands.
        let _ = self.next.compare_exchange(last, next, Ordering::Relaxed, Ordering::Relaxed);
        next
    }

    /// Arms the timer for the next tick; before the callback, so that the callback may disable it.
    fn tick(&self) {
        // SAFETY: called by the timer's own callback, which keeps its cell alive.
        let cell = unsafe { &*self.cell.load(Ordering::Acquire) };
        if let Access::Running(on_loop) = cell.core.access() {
            cell.arm_claimed(&on_loop, self.advance(cell.core.clock.now()));
        }
    }
}

/// A periodic timer's closure.
struct Ticking<F> {
    ticker: Arc<Ticker>,
    closure: F,
}

impl<F: Closure> Closure for Ticking<F> {
    fn call(&mut self, events: u32) -> Outcome {
        self.ticker.tick();
        self.closure.call(events)
    }
}

impl PeriodicTimer {
    pub(crate) fn new(core: &Arc<Core>, mut callback: impl FnMut() + Send + 'static) -> PeriodicTimer {
        PeriodicTimer::with_closure(core, RustClosure(move |_| callback()))
    }

    pub(crate) fn with_closure<F: Closure>(core: &Arc<Core>, closure: F) -> PeriodicTimer {
        let ticker = Arc::new(Ticker {
            interval: AtomicU64::new(0),
            next: AtomicU64::new(0),
            cell: AtomicPtr::new(std::ptr::null_mut()),
        });
        let kind = TimerKind { entry: Entry::new(Role::Periodic) };
        let owner = Owner::new(core, kind, Ticking { ticker: ticker.clone(), closure });
        ticker.cell.store(std::ptr::from_ref(owner.cell()).cast_mut(), Ordering::Release);
        PeriodicTimer { ticker, owner }
    }

    /// Starts, or starts anew, with the first tick one interval from now. From any thread. An interval of zero
    /// counts as one nanosecond: a tick each iteration.
    pub fn enable(&self, interval: Duration) {
        let (cell, interval) = (self.owner.cell(), nanos(interval).max(1));
        self.ticker.start(interval, cell.core.clock.now());
        cell.enable(interval);
    }

    /// Stops: no callback begins after this returns.
    pub fn disable(&self) {
        self.owner.cell().disable();
    }

    pub(crate) fn core(&self) -> &Core {
        &self.owner.cell().core
    }

    /// Whether it ticks.
    pub fn is_enabled(&self) -> bool {
        self.owner.cell().is_enabled()
    }

    /// Names its callback in reports.
    pub fn set_label(&self, label: Label) {
        self.owner.cell().label.set(label);
    }
}

// The figure that docs/performance.md promises: with a closure of five words, as C++'s, and malloc's own word it fits
// into 112 bytes.
#[cfg(all(target_pointer_width = "64", not(mcp_event_loom)))]
const _: () = assert!(size_of::<TimerCell>() == 64);
