//! Signals, delivered on the loop's thread.
//!
//! One handler of ours serves all dispatchers of the process. It notes the signal in the inbox of each that
//! listens, wakes it, and calls the handler it found installed. It reads a published snapshot of the
//! listeners; a snapshot is freed once no handler runs that could still see it. The old disposition comes
//! back with the last listener, if ours is still installed then.

use std::cell::Cell as LocalCell;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::{io, mem, ptr};

use super::activity::Activity;
use super::cell::{Cell, Kind, Owner};
use super::closure::{Closure, Outcome, RustClosure};
use super::core::{Access, Core, OnLoop};
use super::label::Label;
use super::list::{Links, List};
use crate::error::Error;
use crate::fork;
use crate::guard_dog::interrupt;
use crate::poller::Waker;

pub(crate) const LAST_SIGNAL: usize = 64;

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
}

/// What the handler needs for one signal.
struct Snapshot {
    inboxes: Vec<Arc<Inbox>>,
    formers: Vec<libc::sigaction>,
}

static SNAPSHOTS: [AtomicPtr<Snapshot>; LAST_SIGNAL + 1] =
    [const { AtomicPtr::new(ptr::null_mut()) }; LAST_SIGNAL + 1];
/// How many handlers may be looking at a snapshot.
static READERS: AtomicUsize = AtomicUsize::new(0);

/// In a forked child: the handlers that were looking at a snapshot run on in the parent alone.
pub(crate) fn forget_readers() {
    READERS.store(0, Ordering::SeqCst);
}

/// Whether somebody listens for `signal`, so that its default action is not taken. Also in a signal handler.
pub(crate) fn has_listeners(signal: i32) -> bool {
    READERS.fetch_add(1, Ordering::SeqCst);
    let snapshot = SNAPSHOTS[signal as usize].load(Ordering::SeqCst);
    // SAFETY: not freed while `READERS` counts us.
    let listens = unsafe { snapshot.as_ref() }.is_some_and(|snapshot| !snapshot.inboxes.is_empty());
    READERS.fetch_sub(1, Ordering::SeqCst);
    listens
}

/// One signal's listeners; an inbox is there once for each listener of its dispatcher.
struct Listeners {
    inboxes: Vec<Arc<Inbox>>,
    /// What our handler found installed; more than one where another library has put its own on top of ours
    /// and we then came on top again. That one calls us, we it: the depth of the call says whom to call next.
    formers: Vec<libc::sigaction>,
}

thread_local! {
    /// How often our handler is on this thread's stack, by signal.
    static DEPTHS: [LocalCell<u8>; LAST_SIGNAL + 1] = const { [const { LocalCell::new(0) }; LAST_SIGNAL + 1] };
}

static REGISTRY: Mutex<[Option<Listeners>; LAST_SIGNAL + 1]> = Mutex::new([const { None }; LAST_SIGNAL + 1]);

fn registry() -> MutexGuard<'static, [Option<Listeners>; LAST_SIGNAL + 1]> {
    REGISTRY.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

extern "C" fn handler(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: errno is the interrupted code's, which must not see it change.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: what the kernel gave. A guard dog's question is for nobody who listens.
    if !unsafe { interrupt::answer(info, context) } {
        note(signal, info, context);
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

fn note(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    READERS.fetch_add(1, Ordering::SeqCst);
    let snapshot = SNAPSHOTS[signal as usize].load(Ordering::SeqCst);
    let depth = DEPTHS.with(|depths| depths[signal as usize].get());
    // SAFETY: not freed while `READERS` counts us.
    let former = unsafe { snapshot.as_ref() }.and_then(|snapshot| {
        let mine = snapshot.inboxes.iter().filter(|inbox| inbox.generation == fork::generation());
        for inbox in mine.take_while(|_| depth == 0) {
            inbox.pending.fetch_or(1 << (signal - 1), Ordering::SeqCst);
            inbox.waker.wake();
        }
        snapshot.formers.iter().rev().nth(depth.into()).copied()
    });
    READERS.fetch_sub(1, Ordering::SeqCst);
    if let Some(former) = former {
        DEPTHS.with(|depths| depths[signal as usize].set(depth + 1));
        chain(&former, signal, info, context);
        DEPTHS.with(|depths| depths[signal as usize].set(depth));
    }
}

/// Calls the handler that was installed before ours. Its default action is what a listener replaces.
pub(crate) fn chain(
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
    // SAFETY: the flags say which of the two the installed function is.
    unsafe {
        if former.sa_flags & libc::SA_SIGINFO != 0 {
            mem::transmute::<usize, Handler>(function)(signal, info, context);
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
        Box::into_raw(Box::new(Snapshot { inboxes, formers: listeners.formers.clone() }))
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

/// What is installed for `signal`.
pub(crate) fn installed(signal: usize) -> io::Result<libc::sigaction> {
    // SAFETY: all-zero is a valid sigaction, which lives through the call.
    unsafe {
        let mut found: libc::sigaction = mem::zeroed();
        if libc::sigaction(signal as libc::c_int, ptr::null(), &mut found) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(found)
    }
}

fn is_ours(action: &libc::sigaction) -> bool {
    action.sa_sigaction == handler as *const () as usize
}

/// A handler as the kernel calls it.
pub(crate) type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

pub(crate) fn install(signal: usize, handler: Handler, flags: libc::c_int) -> io::Result<()> {
    // SAFETY: all-zero is a valid sigaction, which lives through the call.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | flags;
        libc::sigemptyset(&mut action.sa_mask);
        if libc::sigaction(signal as libc::c_int, &action, ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }
}

fn listen(signal: usize, inbox: &Arc<Inbox>) -> io::Result<()> {
    let mut registry = registry();
    let listeners =
        registry[signal].get_or_insert_with(|| Listeners { inboxes: Vec::new(), formers: Vec::new() });
    listeners.inboxes.push(inbox.clone());
    let found = installed(signal)?;
    let on_top = is_ours(&found);
    if !on_top && listeners.inboxes.len() == 1 {
        listeners.formers.push(found);
    }
    // The handler chains through the snapshot, so that must be there before it.
    publish(signal, Some(listeners));
    if !on_top && listeners.inboxes.len() == 1 {
        install(signal, handler, libc::SA_RESTART | libc::SA_ONSTACK)?;
    }
    Ok(())
}

fn unlisten(signal: usize, inbox: &Arc<Inbox>) {
    let mut registry = registry();
    let Some(listeners) = &mut registry[signal] else { return };
    if let Some(place) = listeners.inboxes.iter().position(|known| Arc::ptr_eq(known, inbox)) {
        listeners.inboxes.swap_remove(place);
    }
    if !listeners.inboxes.iter().any(|known| Arc::ptr_eq(known, inbox)) {
        // What came for the last listener is not for the next one.
        inbox.pending.fetch_and(!(1 << (signal - 1)), Ordering::SeqCst);
    }
    if listeners.inboxes.is_empty()
        && installed(signal).is_ok_and(|found| is_ours(&found))
        && let Some(former) = listeners.formers.pop()
    {
        // SAFETY: `former` lives through the call.
        unsafe { libc::sigaction(signal as libc::c_int, &former, ptr::null_mut()) };
    }
    // Whoever has replaced ours may still call it; then it goes on to what it had found.
    let gone = listeners.inboxes.is_empty() && listeners.formers.is_empty();
    publish(signal, (!gone).then_some(&*listeners));
    if gone {
        registry[signal] = None;
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
}

const LISTENING: u64 = 1;

/// The number of a signal that can be handled.
pub(crate) fn valid(signal: i32) -> Result<usize, Error> {
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
                    cell.truth.compare_exchange(LISTENING, LISTENING, Ordering::SeqCst, Ordering::Relaxed);
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
    owner: Owner<SignalKind>,
}

impl SignalEvent {
    pub(crate) fn new(
        core: &Arc<Core>,
        signal: i32,
        mut callback: impl FnMut() + Send + 'static,
    ) -> Result<SignalEvent, Error> {
        new(core, signal, RustClosure(move |_| callback()), |_| ()).map(|owner| SignalEvent { owner })
    }

    /// Names its callback in reports.
    pub fn set_label(&self, label: Label) {
        self.owner.cell().label.set(label);
    }
}
