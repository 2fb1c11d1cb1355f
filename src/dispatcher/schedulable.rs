//! Schedulable callbacks: run once at the tail of this iteration, or in the next one.
//!
//! A callback's truth says for when it is scheduled; the first schedule wins (S3).

use std::cell::Cell as LocalCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::activity::Activity;
use super::cell::{Cell, Held, Kind, Owner};
use super::closure::{Outcome, RustClosure, Source};
use super::core::{Access, Command, Core, OnLoop};
use super::label::Label;
use super::list::{Links, List};
use super::local::Local;

const IDLE: u64 = 0;
const CURRENT: u64 = 1;
const NEXT: u64 = 2;

/// The links come first: a list's pointers are pointers to the cell.
#[repr(C)]
pub(crate) struct SchedulableKind {
    links: Links,
    /// Counts the schedules for the current iteration, to tell those before an `exit()` from those after it.
    order: LocalCell<u64>,
}

impl Kind for SchedulableKind {
    fn activity(&self) -> Activity {
        Activity::Scheduled
    }

    fn detach(cell: &Cell<SchedulableKind>, _: OnLoop<'_>) {
        cell.kind.links.unlink();
    }

    fn command(cell: Held<SchedulableKind>) -> Command {
        Command::Schedule(cell)
    }
}

pub(crate) type SchedulableCell = Cell<SchedulableKind>;

pub(crate) fn new(core: &Arc<Core>, closure: impl Source) -> Owner<SchedulableKind> {
    Owner::new(core, SchedulableKind { links: Links::new(), order: LocalCell::new(0) }, closure)
}

impl Cell<SchedulableKind> {
    pub(crate) fn schedule_current(&self) {
        self.schedule(CURRENT);
    }

    pub(crate) fn schedule_next(&self) {
        self.schedule(NEXT);
    }

    fn schedule(&self, when: u64) {
        match self.core.access() {
            Access::Running(on_loop) => self.schedule_here(&on_loop, when),
            Access::Direct(direct) => {
                self.schedule_here(&direct.on_loop(), when);
                direct.on_loop().wake_on_release.set(true);
            }
            Access::Remote => self.change_remotely(|| {
                self.truth.compare_exchange(IDLE, when, Ordering::AcqRel, Ordering::Relaxed).is_ok()
            }),
        }
    }

    fn schedule_here(&self, local: &Local, when: u64) {
        if self.truth.load(Ordering::Acquire) == IDLE {
            self.truth.store(when, Ordering::Release);
            self.link(local, when);
        }
    }

    fn link(&self, local: &Local, when: u64) {
        // A foreign thread may have cancelled it where it was.
        self.kind.links.unlink();
        let list = if when == CURRENT {
            self.kind.order.set(local.count_schedule());
            &local.current
        } else {
            &local.next
        };
        // SAFETY: unlinked above; the cell stays in place and leaves before it is freed.
        unsafe { list.push_back(&self.kind.links) };
    }

    pub(crate) fn cancel(&self) {
        match self.core.access() {
            Access::Running(_) => self.cancel_here(),
            Access::Direct(direct) => {
                self.cancel_here();
                drop(direct);
            }
            Access::Remote => drop(self.truth.swap(IDLE, Ordering::AcqRel)),
        }
    }

    fn cancel_here(&self) {
        self.truth.store(IDLE, Ordering::Release);
        self.kind.links.unlink();
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.truth.load(Ordering::Acquire) != IDLE
    }
}

impl OnLoop<'_> {
    pub(crate) fn receive_schedule(self, callback: Held<SchedulableKind>) {
        if let Some(cell) = self.receive(callback) {
            match cell.truth.load(Ordering::Acquire) {
                IDLE => cell.kind.links.unlink(),
                when => cell.link(&self, when),
            }
        }
    }

    /// Runs the callbacks that were scheduled for this iteration before it began.
    pub(crate) fn run_next(self) -> Outcome {
        while let Some(links) = self.next_due.pop_front() {
            self.run_scheduled(links, NEXT)?;
        }
        Ok(())
    }

    /// Runs the "current iteration" callbacks that are scheduled now; with `before`, only those older than it. Without,
    /// what they schedule follows at once, while the tail would find nothing else to do before it.
    #[inline]
    pub(crate) fn run_current(self, before: Option<u64>, budget: &mut super::Budget) -> Outcome {
        loop {
            self.current_due.append(&self.current);
            while let Some(links) = first_before(&self.current_due, before) {
                // SAFETY: a linked cell is alive.
                unsafe { (*links).unlink() };
                self.run_scheduled(links, CURRENT)?;
                budget.spend();
            }
            if before.is_some() || budget.is_spent() || !self.only_current_wait() {
                return Ok(());
            }
        }
    }

    fn run_scheduled(self, links: *const Links, when: u64) -> Outcome {
        // SAFETY: the links are the cell's first field, and a linked cell is alive.
        let cell = unsafe { &*links.cast::<SchedulableCell>() };
        self.invoke(cell, &self.core.stats.scheduled_run, || {
            let claim = cell.truth.compare_exchange(when, IDLE, Ordering::SeqCst, Ordering::Relaxed);
            claim.is_ok().then_some(0)
        })
    }
}

/// The first of `list`, unless it was scheduled at `before` or later.
fn first_before(list: &List, before: Option<u64>) -> Option<*const Links> {
    let links = list.front()?;
    // SAFETY: the links are the cell's first field, and a linked cell is alive.
    let order = unsafe { &*links.cast::<SchedulableCell>() }.kind.order.get();
    before.is_none_or(|before| order < before).then_some(links)
}

/// A callback to run on the loop, at the tail of the current iteration or in the next one, without a deadline
/// and without waking other loops. Dropping it cancels it.
///
/// All its functions may be called from any thread; scheduling one that is scheduled already changes nothing.
pub struct SchedulableCallback {
    owner: Owner<SchedulableKind>,
}

impl SchedulableCallback {
    pub(crate) fn new(core: &Arc<Core>, mut callback: impl FnMut() + Send + 'static) -> SchedulableCallback {
        SchedulableCallback { owner: new(core, RustClosure(move |_| callback())) }
    }

    /// Runs it at the tail of this iteration, after the posts; from outside the loop, in the next tail. Never
    /// inside this call.
    pub fn schedule_current_iteration(&self) {
        self.owner.cell().schedule_current();
    }

    /// Runs it in the next iteration, after a poll.
    pub fn schedule_next_iteration(&self) {
        self.owner.cell().schedule_next();
    }

    /// Takes the schedule back: no callback begins after this returns.
    pub fn cancel(&self) {
        self.owner.cell().cancel();
    }

    /// Whether it is scheduled; false from just before it runs.
    pub fn is_enabled(&self) -> bool {
        self.owner.cell().is_enabled()
    }

    /// Names it in reports.
    pub fn set_label(&self, label: Label) {
        self.owner.cell().label.set(label);
    }
}
