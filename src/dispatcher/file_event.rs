//! File events: a callback for the readiness of a file descriptor.
//!
//! A file event's truth holds its mask (low byte) and the bits activated by hand (next byte). Readiness finds
//! it through its dispatcher's [`SlotTable`].

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::activity::Activity;
use super::cell::{Cell, Held, Kind, Owner};
use super::closure::{Closure, Outcome, RustClosure, Source};
use super::core::{Access, Command, Core, OnLoop};
use super::label::Label;
use super::list::Links;
use super::slots::SlotTable;
use crate::error::Error;
use crate::poller::{FileReady, OsFd, Raw, Ready, Trigger, os_fd};

const ACTIVATED_SHIFT: u32 = 8;
const BYTE: u64 = 0xff;

fn mask(truth: u64) -> u32 {
    (truth & BYTE) as u32
}

fn activated(truth: u64) -> u32 {
    (truth >> ACTIVATED_SHIFT & BYTE) as u32
}

fn truth(mask: u32, activated: u32) -> u64 {
    u64::from(mask) | u64::from(activated) << ACTIVATED_SHIFT
}

/// The links of activation come first: that list's pointers are pointers to the cell.
#[repr(C)]
pub(crate) struct FileKind {
    activation: Links,
    change: Links,
    fd: OsFd,
    trigger: Trigger,
    pub(super) token: u64,
    /// The run in which a level event was last delivered.
    delivered_in: std::cell::Cell<u32>,
}

pub(crate) type FileCell = Cell<FileKind>;

impl Kind for FileKind {
    fn activity(&self) -> Activity {
        Activity::FileEvent { fd: os_fd::number(self.fd) }
    }

    fn silence(cell: &FileCell) {
        cell.core.poller.deregister(cell.kind.token);
    }

    fn detach(cell: &FileCell, on_loop: OnLoop<'_>) {
        cell.kind.activation.unlink();
        cell.kind.change.unlink();
        on_loop.core.slots.remove(cell.kind.token);
    }

    fn command(cell: Held<FileKind>) -> Command {
        Command::Activate(cell)
    }
}

fn known(events: u32) -> Result<u32, Error> {
    FileReady::from_bits(events).map(FileReady::bits).ok_or_else(|| {
        Error::InvalidArgument(format!(
            "unknown file event bits {:#x}: known are Read 1, Write 2, Closed 4 and Error 8",
            events & !15
        ))
    })
}

/// Makes a file event and registers it.
pub(crate) fn new(
    core: &Arc<Core>,
    fd: OsFd,
    trigger: Trigger,
    events: u32,
    closure: impl Source,
) -> Result<Owner<FileKind>, Error> {
    core.check_fork()?;
    let events = known(events)?;
    let token = core.slots.reserve().ok_or_else(|| {
        Error::OutOfRange(format!("a dispatcher holds at most {} file events", SlotTable::CAPACITY))
    })?;
    let kind = FileKind {
        activation: Links::new(),
        change: Links::new(),
        fd,
        trigger,
        token,
        delivered_in: std::cell::Cell::new(0),
    };
    let owner = Owner::new(core, kind, closure);
    core.slots.occupy(token, owner.cell());
    let cell = owner.cell();
    cell.truth.store(truth(events, 0), Ordering::Release);
    core.poller
        .watch(fd, token, trigger, &|| cell.wanted())
        .map_err(|source| Error::os(format!("watching fd {fd}"), source))?;
    Ok(owner)
}

impl Cell<FileKind> {
    /// Tells the poller what the truth wants.
    fn apply(&self, rearm: bool) -> std::io::Result<()> {
        if self.core.is_forked() {
            // The poller's kernel object is the parent's too.
            return Ok(());
        }
        self.core.poller.update(self.kind.token, &|| self.wanted(), rearm)
    }

    /// What is to be watched.
    fn wanted(&self) -> u32 {
        mask(self.truth.load(Ordering::Acquire))
    }

    fn is_edge(&self) -> bool {
        self.kind.trigger == Trigger::Edge
    }

    pub(crate) fn set_enabled(&self, events: u32) -> Result<(), Error> {
        self.core.check_fork()?;
        let after = known(events)?;
        // Pending activations are dropped (F4).
        let change = || mask(self.truth.swap(truth(after, 0), Ordering::AcqRel));
        match self.core.access() {
            Access::Running(on_loop) => {
                let before = change();
                self.kind.activation.unlink();
                // To and from nothing goes to the kernel at once: errors surface here, and the fd may be
                // closed next. All else waits for the end of the iteration, where it may have been undone.
                if before == 0 || after == 0 {
                    return self.apply_or_disable();
                }
                if before != after || self.is_edge() {
                    self.change_later(on_loop);
                }
                Ok(())
            }
            Access::Direct(_direct) => {
                change();
                self.kind.activation.unlink();
                self.apply_or_disable()
            }
            Access::Remote => self.apply_remotely(|| {
                change();
                self.apply_or_disable()
            }),
        }
    }

    fn apply_or_disable(&self) -> Result<(), Error> {
        self.apply(self.is_edge()).map_err(|source| {
            self.truth.swap(0, Ordering::AcqRel);
            self.watching_failed(source)
        })
    }

    fn watching_failed(&self, source: std::io::Error) -> Error {
        Error::os(format!("watching fd {}", self.kind.fd), source)
    }

    /// On a foreign thread, which itself takes its change to the poller: the loop need not hear of it.
    fn apply_remotely(&self, change: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        let mut result = Ok(());
        self.change_remotely(|| {
            result = change();
            false
        });
        result
    }

    fn change_later(&self, on_loop: OnLoop<'_>) {
        if !self.kind.change.is_linked() {
            // SAFETY: not linked; the cell stays in place and leaves before it is freed.
            unsafe { on_loop.dirty.push_back(&self.kind.change) };
        }
    }

    pub(crate) fn activate(&self, events: u32) -> Result<(), Error> {
        self.core.check_fork()?;
        if events == 0 {
            return Err(Error::InvalidArgument("activate() needs at least one event bit".into()));
        }
        let bits = known(events)?;
        let change = || self.truth.fetch_or(truth(0, bits), Ordering::AcqRel);
        match self.core.access() {
            Access::Running(on_loop) => {
                change();
                self.link_activation(on_loop);
            }
            Access::Direct(direct) => {
                change();
                self.link_activation(direct.on_loop());
                direct.on_loop().wake_on_release.set(true);
            }
            Access::Remote => self.change_remotely(|| {
                change();
                true
            }),
        }
        Ok(())
    }

    fn link_activation(&self, on_loop: OnLoop<'_>) {
        if !self.kind.activation.is_linked() {
            // SAFETY: as in `change_later`.
            unsafe { on_loop.activated.push_back(&self.kind.activation) };
        }
    }

    /// For `EmulatedEdge` alone: stops to watch `events`.
    pub(crate) fn unregister_if_emulated_edge(&self, events: u32) -> Result<(), Error> {
        self.change_emulated(events, |mask, events| mask & !events)
    }

    /// For `EmulatedEdge` alone: watches `events` again.
    pub(crate) fn register_if_emulated_edge(&self, events: u32) -> Result<(), Error> {
        self.change_emulated(events, |mask, events| mask | events)
    }

    fn change_emulated(&self, events: u32, change: impl Fn(u32, u32) -> u32) -> Result<(), Error> {
        self.core.check_fork()?;
        let events = known(events)?;
        if self.kind.trigger != Trigger::EmulatedEdge {
            return Ok(());
        }
        let change = || {
            let _ = self.truth.fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
                Some(truth(change(mask(word), events), activated(word)))
            });
        };
        let change_and_apply = || {
            change();
            self.apply(false).map_err(|source| self.watching_failed(source))
        };
        match self.core.access() {
            Access::Running(on_loop) => {
                change();
                self.change_later(on_loop);
                Ok(())
            }
            Access::Direct(_direct) => change_and_apply(),
            Access::Remote => self.apply_remotely(change_and_apply),
        }
    }

    /// Claims what is to be delivered: real readiness and activations in one (F6). What an `EmulatedEdge`
    /// event is told it does not watch any more.
    fn claim(&self, ready: Raw) -> Option<u32> {
        let mut word = self.truth.load(Ordering::Acquire);
        loop {
            let events = ready.delivered(mask(word)) | activated(word);
            if events == 0 {
                return None;
            }
            let emulated = self.kind.trigger == Trigger::EmulatedEdge;
            let left = if emulated { mask(word) & !events } else { mask(word) };
            match self.truth.compare_exchange(word, truth(left, 0), Ordering::SeqCst, Ordering::Acquire) {
                Ok(_) => return Some(events),
                Err(changed) => word = changed,
            }
        }
    }
}

impl OnLoop<'_> {
    /// Delivers what the poll found.
    pub(crate) fn dispatch_ready(self) -> Outcome {
        while let Some(item) = self.next_ready() {
            let Some(cell) = self.core.slots.get(item.token) else { continue };
            // SAFETY: the slot is emptied before its cell is freed, on this thread.
            self.deliver(unsafe { cell.as_ref() }, item.raw)?;
        }
        Ok(())
    }

    fn next_ready(self) -> Option<Ready> {
        let position = self.ready_position.get();
        let item = self.ready.borrow().get(position).copied();
        self.ready_position.set(position + usize::from(item.is_some()));
        item
    }

    fn deliver(self, cell: &FileCell, mut ready: Raw) -> Outcome {
        if self.level_once.get() && cell.kind.trigger == Trigger::Level {
            if cell.kind.delivered_in.get() == self.run.get() {
                ready = Raw(0);
            } else {
                cell.kind.delivered_in.set(self.run.get());
            }
        }
        self.invoke(cell, &self.core.stats.file_events, || {
            let events = cell.claim(ready)?;
            cell.kind.activation.unlink();
            if cell.kind.trigger == Trigger::EmulatedEdge {
                cell.change_later(self);
            }
            Some(events)
        })
    }

    /// Delivers the activations that were made before this iteration and were not merged with readiness.
    pub(crate) fn run_activations(self) -> Outcome {
        while let Some(links) = self.activations_due.pop_front() {
            // SAFETY: the links are the cell's first field, and a linked cell is alive.
            self.deliver(unsafe { &*links.cast::<FileCell>() }, Raw(0))?;
        }
        Ok(())
    }

    pub(crate) fn receive_activation(self, event: Held<FileKind>) {
        if let Some(cell) = self.receive(event)
            && activated(cell.truth.load(Ordering::Acquire)) != 0
        {
            cell.link_activation(self);
        }
    }

    /// Takes the coalesced changes of masks to the kernel: one call a handle at most.
    pub(crate) fn apply_changes(self) {
        while let Some(links) = self.dirty.pop_front() {
            let cell = links.wrapping_byte_sub(std::mem::offset_of!(FileKind, change)).cast::<FileCell>();
            // SAFETY: the list holds the `change` links of living cells, and the kind is their first field.
            let cell = unsafe { &*cell };
            if let Err(error) = cell.apply(cell.is_edge()) {
                self.core.stats.registration_errors.add_here(1);
                tracing::error!(dispatcher = %self.core.name, fd = cell.kind.fd, %error,
                    "a change of what is watched failed");
                let fault = (FileReady::ERROR | FileReady::READ | FileReady::WRITE).bits();
                let told = cell.truth.fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
                    // Disabled or destroyed meanwhile: there is nobody to tell.
                    let told = mask(word) & fault;
                    (told != 0).then_some(word | truth(0, told))
                });
                if told.is_ok() {
                    cell.link_activation(self);
                }
            }
        }
    }
}

/// A callback for the readiness of a file descriptor. Dropping it ends the watch.
///
/// All its functions may be called from any thread. The fd stays the caller's: it is never closed and its flags
/// never change. Drop the event, or disable it, before closing the fd.
pub struct FileEvent {
    owner: Owner<FileKind>,
}

impl FileEvent {
    pub(crate) fn new(
        core: &Arc<Core>,
        fd: OsFd,
        trigger: Trigger,
        events: FileReady,
        mut callback: impl FnMut(FileReady) + Send + 'static,
    ) -> Result<FileEvent, Error> {
        let closure = RustClosure(move |bits| {
            if let Some(events) = FileReady::from_bits(bits) {
                callback(events);
            }
        });
        FileEvent::with_closure(core, fd, trigger, events, closure)
    }

    pub(crate) fn with_closure<F: Closure>(
        core: &Arc<Core>,
        fd: OsFd,
        trigger: Trigger,
        events: FileReady,
        closure: F,
    ) -> Result<FileEvent, Error> {
        new(core, fd, trigger, events.bits(), closure).map(|owner| FileEvent { owner })
    }

    /// One that no poller watches: others find what it is to be told, by its token.
    #[cfg(unix)]
    pub(crate) fn unwatched<F: Closure>(core: &Arc<Core>, fd: OsFd, closure: F) -> Result<FileEvent, Error> {
        let event = FileEvent::with_closure(core, fd, Trigger::Edge, FileReady::NONE, closure)?;
        let cell = event.owner.cell();
        core.poller.deregister(cell.kind.token);
        cell.truth.store(truth(FileReady::READ.bits(), 0), Ordering::Release);
        Ok(event)
    }

    #[cfg(unix)]
    pub(crate) fn token(&self) -> u64 {
        self.owner.cell().kind.token
    }

    /// Watches `events` from now on; none of them: nothing is delivered, hang-ups and errors included, until
    /// it is enabled again. Drops activations that were not delivered yet. On an edge event, readiness that
    /// exists is delivered again, also with an unchanged mask.
    ///
    /// # Errors
    /// The system's, when the fd cannot be watched; the event then watches nothing.
    pub fn set_enabled(&self, events: FileReady) -> Result<(), Error> {
        self.owner.cell().set_enabled(events.bits())
    }

    /// Delivers `events` in the next iteration, whether or not they are ready or enabled, merged with what is.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for no events at all.
    pub fn activate(&self, events: FileReady) -> Result<(), Error> {
        self.owner.cell().activate(events.bits())
    }

    /// Stops watching `events` if the event was made with [`Trigger::EmulatedEdge`]; else does nothing.
    ///
    /// # Errors
    /// The system's, outside `run()`.
    pub fn unregister_if_emulated_edge(&self, events: FileReady) -> Result<(), Error> {
        self.owner.cell().unregister_if_emulated_edge(events.bits())
    }

    /// Watches `events` again if the event was made with [`Trigger::EmulatedEdge`]; else does nothing.
    ///
    /// # Errors
    /// The system's, outside `run()`.
    pub fn register_if_emulated_edge(&self, events: FileReady) -> Result<(), Error> {
        self.owner.cell().register_if_emulated_edge(events.bits())
    }

    /// Names its callback in reports.
    pub fn set_label(&self, label: Label) {
        self.owner.cell().label.set(label);
    }
}
