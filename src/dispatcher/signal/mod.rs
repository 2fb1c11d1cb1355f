//! Signals, delivered on the loop's thread.
//!
//! One handler of ours serves all dispatchers of the process. It notes the signal in the inbox of each that
//! listens, and wakes it. How a system's signals come, and what becomes of the handler that was there before, is
//! that system's file.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::activity::Activity;
use super::cell::{Cell, Held, Kind, Owner};
use super::closure::{Failure, RustClosure, Source};
use super::core::{Access, Command, Core, OnLoop};
use super::label::Label;
use super::list::{Links, List};
use crate::error::Error;
use crate::fork;
use crate::poller::Waker;

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::{LAST_SIGNAL, chain, forget_readers, has_listeners, install, installed, valid};
#[cfg(unix)]
use unix::{listen, unlisten};
#[cfg(windows)]
use windows::{listen, unlisten, valid};

/// Where the handler leaves a dispatcher's signals.
pub(crate) struct Inbox {
    /// Bit `n - 1` for signal `n`.
    pending: AtomicU64,
    waker: Arc<Waker>,
    /// Of the process it was made in; a forked child's signals are not the parent's.
    generation: u32,
}

impl Inbox {
    pub(crate) fn new(waker: Arc<Waker>) -> Arc<Inbox> {
        Arc::new(Inbox { pending: AtomicU64::new(0), waker, generation: fork::generation() })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending.load(Ordering::SeqCst) == 0
    }

    /// Async-signal-safe.
    fn put(&self, signal: usize) {
        if self.generation == fork::generation() {
            self.pending.fetch_or(1 << (signal - 1), Ordering::SeqCst);
            self.waker.wake();
        }
    }

    /// Forgets what came for its last listener: it is not for the next one.
    fn forget(&self, signal: usize) {
        self.pending.fetch_and(!(1 << (signal - 1)), Ordering::SeqCst);
    }
}

#[repr(C)]
pub(crate) struct SignalKind {
    /// First: the list of due listeners points here, and so to the cell.
    due: Links,
    listening: Links,
    signal: usize,
}

pub(crate) type SignalCell = Cell<SignalKind>;

impl Kind for SignalKind {
    fn activity(&self) -> Activity {
        Activity::Signal { signal: self.signal as i32 }
    }

    fn silence(cell: &SignalCell) {
        unlisten(cell.kind.signal, &cell.core.signals);
    }

    fn detach(cell: &SignalCell, _: OnLoop<'_>) {
        cell.kind.due.unlink();
        cell.kind.listening.unlink();
    }

    fn command(cell: Held<SignalKind>) -> Command {
        Command::Listen(cell)
    }
}

const LISTENING: u64 = 1;

/// Makes a listener.
pub(crate) fn new(core: &Arc<Core>, signal: i32, closure: impl Source) -> Result<Owner<SignalKind>, Error> {
    core.check_fork()?;
    let signal = valid(signal)?;
    listen(signal, &core.signals)
        .map_err(|source| Error::os(format!("listening for signal {signal}"), source))?;
    let owner = Owner::new(core, SignalKind { due: Links::new(), listening: Links::new(), signal }, closure);
    let cell = owner.cell();
    cell.truth.store(LISTENING, Ordering::Release);
    match core.access() {
        Access::Running(on_loop) => cell.join(on_loop),
        Access::Direct(direct) => cell.join(direct.on_loop()),
        Access::Remote => cell.change_remotely(|| true),
    }
    Ok(owner)
}

impl Cell<SignalKind> {
    fn join(&self, on_loop: OnLoop<'_>) {
        // SAFETY: joins once; the cell stays in place and leaves before it is freed.
        unsafe { on_loop.signal_listeners.push_back(&self.kind.listening) };
    }
}

/// The cells of a list of `listening` links.
fn listeners(list: &List) -> impl Iterator<Item = *const SignalCell> + '_ {
    list.iter().map(|links| links.wrapping_byte_sub(mem::offset_of!(SignalKind, listening)).cast())
}

impl OnLoop<'_> {
    pub(crate) fn receive_listener(self, event: Held<SignalKind>) {
        if let Some(cell) = self.receive(event) {
            cell.join(self);
        }
    }

    /// Runs the listeners of the signals that have come, in the order of their creation. Whether there were any.
    pub(crate) fn dispatch_signals(self) -> Result<bool, Box<Failure>> {
        if !self.core.signals.is_empty() {
            let pending = self.core.signals.pending.swap(0, Ordering::SeqCst);
            // A listener that another thread made before the signal came may still be on its way.
            self.receive_all_commands();
            for cell in listeners(&self.signal_listeners) {
                // SAFETY: linked cells are alive; no user code runs in this loop.
                let kind = unsafe { &(*cell).kind };
                if pending & 1 << (kind.signal - 1) != 0 && !kind.due.is_linked() {
                    // SAFETY: not linked; otherwise as in `join`.
                    unsafe { self.signals_due.push_back(&kind.due) };
                }
            }
        }
        let mut any = false;
        while let Some(links) = self.signals_due.pop_front() {
            any = true;
            // SAFETY: the links are the cell's first field, and a linked cell is alive.
            let cell = unsafe { &*links.cast::<SignalCell>() };
            self.invoke(cell, &self.core.stats.signals, || {
                let claim =
                    cell.truth.compare_exchange(LISTENING, LISTENING, Ordering::SeqCst, Ordering::Relaxed);
                claim.is_ok().then_some(0)
            })?;
        }
        Ok(any)
    }
}

/// Listens for a signal. Dropping it ends that, and with the last listener of the process the signal's former
/// disposition comes back.
///
/// The callback runs on the loop's thread, at least once after the last delivery.
pub struct SignalEvent {
    owner: Owner<SignalKind>,
}

impl SignalEvent {
    pub(crate) fn new(
        core: &Arc<Core>,
        signal: i32,
        mut callback: impl FnMut() + Send + 'static,
    ) -> Result<SignalEvent, Error> {
        new(core, signal, RustClosure(move |_| callback())).map(|owner| SignalEvent { owner })
    }

    /// Names its callback in reports.
    pub fn set_label(&self, label: Label) {
        self.owner.cell().label.set(label);
    }
}
