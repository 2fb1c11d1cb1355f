//! Signals, delivered on the loop's thread.
//!
//! One handler of ours serves all dispatchers of the process. It notes the signal in the inbox of each that
//! listens, wakes it, and calls the handler it found installed. It reads a published snapshot of the
//! listeners; a snapshot is freed once no handler runs that could still see it. The old disposition comes
//! back with the last listener, if ours is still installed then.

use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::{io, mem, ptr};

use super::cell::{Cell, Kind, Owner};
use super::closure::{Closure, Outcome, RustClosure};
use super::core::{Access, Core, OnLoop};
use super::list::{Links, List};
use crate::error::Error;
use crate::fork;
use crate::poller::Waker;

const LAST_SIGNAL: usize = 64;

/// Where the handler leaves a dispatcher's signals.
pub(crate) struct Inbox {
    /// Bit `n - 1` for signal `n`.
    pending: AtomicU64,
    waker: Arc<Waker>,
}

impl Inbox {
    pub(crate) fn new(waker: Arc<Waker>) -> Arc<Inbox> {
        Arc::new(Inbox { pending: AtomicU64::new(0), waker })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending.load(Ordering::SeqCst) == 0
    }
}

/// What the handler needs for one signal.
struct Snapshot {
    inboxes: Vec<Arc<Inbox>>,
    former: libc::sigaction,
    generation: u32,
}

static SNAPSHOTS: [AtomicPtr<Snapshot>; LAST_SIGNAL + 1] =
    [const { AtomicPtr::new(ptr::null_mut()) }; LAST_SIGNAL + 1];
/// How many handlers may be looking at a snapshot.
static READERS: AtomicUsize = AtomicUsize::new(0);

/// One signal's listeners; an inbox is there once for each listener of its dispatcher.
struct Listeners {
    inboxes: Vec<Arc<Inbox>>,
    former: libc::sigaction,
}

static REGISTRY: Mutex<[Option<Listeners>; LAST_SIGNAL + 1]> = Mutex::new([const { None }; LAST_SIGNAL + 1]);

fn registry() -> MutexGuard<'static, [Option<Listeners>; LAST_SIGNAL + 1]> {
    REGISTRY.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

extern "C" fn handler(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: errno is the interrupted code's, which must not see it change.
    let errno = unsafe { *libc::__errno_location() };
    READERS.fetch_add(1, Ordering::SeqCst);
    let snapshot = SNAPSHOTS[signal as usize].load(Ordering::SeqCst);
    // SAFETY: not freed while `READERS` counts us.
    let former = unsafe { snapshot.as_ref() }.map(|snapshot| {
        // A forked child's signals are not the parent's.
        if snapshot.generation == fork::generation() {
            for inbox in &snapshot.inboxes {
                inbox.pending.fetch_or(1 << (signal - 1), Ordering::SeqCst);
                inbox.waker.wake();
            }
        }
        snapshot.former
    });
    READERS.fetch_sub(1, Ordering::SeqCst);
    if let Some(former) = former {
        chain(&former, signal, info, context);
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

/// Calls the handler that was installed before ours. Its default action is what a listener replaces.
fn chain(
    former: &libc::sigaction,
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let function = former.sa_sigaction;
    if function == libc::SIG_DFL || function == libc::SIG_IGN {
        return;
    }
    type Plain = extern "C" fn(libc::c_int);
    type WithInfo = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
    // SAFETY: the flags say which of the two the installed function is.
    unsafe {
        if former.sa_flags & libc::SA_SIGINFO != 0 {
            mem::transmute::<usize, WithInfo>(function)(signal, info, context);
        } else {
            mem::transmute::<usize, Plain>(function)(signal);
        }
    }
}

/// Publishes what the handler is to see for `signal`, and frees what it saw before.
fn publish(signal: usize, listeners: Option<&Listeners>) {
    let snapshot = listeners.map_or(ptr::null_mut(), |listeners| {
        let mut inboxes: Vec<Arc<Inbox>> = Vec::new();
        for inbox in &listeners.inboxes {
            if !inboxes.iter().any(|known| Arc::ptr_eq(known, inbox)) {
                inboxes.push(inbox.clone());
            }
        }
        let (former, generation) = (listeners.former, fork::generation());
        Box::into_raw(Box::new(Snapshot { inboxes, former, generation }))
    });
    let old = SNAPSHOTS[signal].swap(snapshot, Ordering::SeqCst);
    while READERS.load(Ordering::SeqCst) != 0 {
        std::thread::yield_now();
    }
    if !old.is_null() {
        // SAFETY: made by `Box::into_raw` above; no handler that began before the swap still runs.
        drop(unsafe { Box::from_raw(old) });
    }
}

fn install(signal: usize) -> io::Result<libc::sigaction> {
    // SAFETY: all-zero is a valid sigaction; both live through the call.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        let mut former: libc::sigaction = mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
        libc::sigemptyset(&mut action.sa_mask);
        if libc::sigaction(signal as libc::c_int, ptr::null(), &mut former) != 0 {
            return Err(io::Error::last_os_error());
        }
        // The handler chains through the snapshot, so that must be there before it.
        publish(signal, Some(&Listeners { inboxes: Vec::new(), former }));
        if libc::sigaction(signal as libc::c_int, &action, &mut former) != 0 {
            let error = io::Error::last_os_error();
            publish(signal, None);
            return Err(error);
        }
        Ok(former)
    }
}

/// Puts the former disposition back, unless somebody has replaced ours meanwhile.
fn uninstall(signal: usize, former: &libc::sigaction) {
    // SAFETY: as in `install`.
    unsafe {
        let mut found: libc::sigaction = mem::zeroed();
        let ours = libc::sigaction(signal as libc::c_int, ptr::null(), &mut found) == 0
            && found.sa_sigaction == handler as *const () as usize;
        if ours {
            libc::sigaction(signal as libc::c_int, former, ptr::null_mut());
        }
    }
}

fn listen(signal: usize, inbox: &Arc<Inbox>) -> io::Result<()> {
    let mut registry = registry();
    let entry = &mut registry[signal];
    if entry.is_none() {
        let former = install(signal)?;
        *entry = Some(Listeners { inboxes: Vec::new(), former });
    }
    if let Some(listeners) = entry {
        listeners.inboxes.push(inbox.clone());
        publish(signal, Some(listeners));
    }
    Ok(())
}

fn unlisten(signal: usize, inbox: &Arc<Inbox>) {
    let mut registry = registry();
    let Some(listeners) = &mut registry[signal] else { return };
    if let Some(place) = listeners.inboxes.iter().position(|known| Arc::ptr_eq(known, inbox)) {
        listeners.inboxes.swap_remove(place);
    }
    if listeners.inboxes.is_empty() {
        uninstall(signal, &listeners.former);
        // If ours is still called, through a handler that chains to it, it does nothing then.
        publish(signal, None);
        registry[signal] = None;
    } else {
        publish(signal, Some(listeners));
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
    fn silence(cell: &SignalCell) {
        unlisten(cell.kind.signal, &cell.core.signals);
    }

    fn detach(cell: &SignalCell, _: OnLoop<'_>) {
        cell.kind.due.unlink();
        cell.kind.listening.unlink();
    }
}

const LISTENING: u64 = 1;

fn valid(signal: i32) -> Result<usize, Error> {
    let refuse = |why: &str| Err(Error::InvalidArgument(format!("signal {signal} {why}")));
    match signal {
        libc::SIGKILL | libc::SIGSTOP => refuse("cannot be caught"),
        libc::SIGSEGV | libc::SIGBUS | libc::SIGFPE | libc::SIGILL => {
            refuse("is a fault: a handler that returned would meet it again for ever")
        }
        // Between the classic and the real-time signals.
        32.. if signal < libc::SIGRTMIN() => refuse("is the C library's own"),
        1..=64 => Ok(signal as usize),
        _ => refuse("does not exist; signals are 1 to 64"),
    }
}

/// Makes a listener; `init` sees the cell before any callback can begin.
pub(crate) fn new<F: Closure>(
    core: &Arc<Core>,
    signal: i32,
    closure: F,
    init: impl FnOnce(&Owner<SignalKind>),
) -> Result<Owner<SignalKind>, Error> {
    core.check_fork()?;
    let signal = valid(signal)?;
    listen(signal, &core.signals)
        .map_err(|source| Error::os(format!("listening for signal {signal}"), source))?;
    let owner =
        Owner::new(core.clone(), SignalKind { due: Links::new(), listening: Links::new(), signal }, closure);
    init(&owner);
    let cell = owner.cell();
    cell.truth.store(LISTENING, Ordering::Release);
    match core.access() {
        Access::Running(on_loop) => cell.join(on_loop),
        Access::Direct(direct) => cell.join(direct.on_loop()),
        Access::Remote => {
            cell.queued.store(true, Ordering::Release);
            core.send(super::core::Command::Listen(Ref(ptr::NonNull::from(cell))));
        }
    }
    Ok(owner)
}

impl Cell<SignalKind> {
    fn join(&self, on_loop: OnLoop<'_>) {
        // SAFETY: joins once; the cell stays in place and leaves before it is freed.
        unsafe { on_loop.signal_listeners.push_back(&self.kind.listening) };
    }
}

/// A signal event's cell in a command.
pub(crate) struct Ref(ptr::NonNull<SignalCell>);

// SAFETY: a queued cell stays alive until the loop has dequeued it.
unsafe impl Send for Ref {}

/// The cells of a list of `listening` links.
fn listeners(list: &List) -> impl Iterator<Item = *const SignalCell> + '_ {
    list.iter().map(|links| links.wrapping_byte_sub(mem::offset_of!(SignalKind, listening)).cast())
}

impl OnLoop<'_> {
    pub(crate) fn receive_listener(self, event: Ref) {
        // SAFETY: a queued cell is alive.
        let cell = unsafe { event.0.as_ref() };
        if cell.dequeue() {
            self.collect(cell);
        } else {
            cell.join(self);
        }
    }

    /// Runs the listeners of the signals that have come, in the order of their creation.
    pub(crate) fn dispatch_signals(self) -> Outcome {
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
        while let Some(links) = self.signals_due.pop_front() {
            // SAFETY: the links are the cell's first field, and a linked cell is alive.
            let cell = unsafe { &*links.cast::<SignalCell>() };
            self.invoke(cell, &self.core.stats.signals, || {
                let claim =
                    cell.truth.compare_exchange(LISTENING, LISTENING, Ordering::AcqRel, Ordering::Relaxed);
                claim.is_ok().then_some(0)
            })?;
        }
        Ok(())
    }
}

/// Listens for a signal. Dropping it ends that, and with the last listener of the process the signal's former
/// disposition comes back.
///
/// The callback runs on the loop's thread, at least once after the last delivery.
pub struct SignalEvent {
    _owner: Owner<SignalKind>,
}

impl SignalEvent {
    pub(crate) fn new(
        core: &Arc<Core>,
        signal: i32,
        mut callback: impl FnMut() + Send + 'static,
    ) -> Result<SignalEvent, Error> {
        new(core, signal, RustClosure(move |_| callback()), |_| ()).map(|owner| SignalEvent { _owner: owner })
    }
}
