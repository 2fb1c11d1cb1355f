//! Signals of Unix.
//!
//! The handler reads a published snapshot of the listeners; a snapshot is freed once no handler runs that could still
//! see it. It calls the handler it found installed. The old disposition comes back with the last listener, if ours is
//! still installed then.

use std::cell::Cell as LocalCell;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::{io, mem, ptr};

use super::Inbox;
use crate::errno;
use crate::error::Error;
use crate::guard_dog::interrupt;

/// The highest number that can be listened for.
pub(crate) const LAST_SIGNAL: usize = if cfg!(any(target_os = "linux", target_os = "android")) {
    64
} else if cfg!(target_os = "netbsd") {
    63
} else {
    31
};

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
    let _errno = errno::Kept::new();
    // SAFETY: what the kernel gave. A guard dog's question is for nobody who listens.
    if !unsafe { interrupt::answer(info, context) } {
        note(signal, info, context);
    }
}

fn note(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    READERS.fetch_add(1, Ordering::SeqCst);
    let snapshot = SNAPSHOTS[signal as usize].load(Ordering::SeqCst);
    let depth = DEPTHS.with(|depths| depths[signal as usize].get());
    // SAFETY: not freed while `READERS` counts us.
    let former = unsafe { snapshot.as_ref() }.and_then(|snapshot| {
        if depth == 0 {
            snapshot.inboxes.iter().for_each(|inbox| inbox.put(signal as usize));
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

pub(super) fn listen(signal: usize, inbox: &Arc<Inbox>) -> io::Result<()> {
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

pub(super) fn unlisten(signal: usize, inbox: &Arc<Inbox>) {
    let mut registry = registry();
    let Some(listeners) = &mut registry[signal] else { return };
    if let Some(place) = listeners.inboxes.iter().position(|known| Arc::ptr_eq(known, inbox)) {
        listeners.inboxes.swap_remove(place);
    }
    if !listeners.inboxes.iter().any(|known| Arc::ptr_eq(known, inbox)) {
        inbox.forget(signal);
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

/// The number of a signal that can be handled.
pub(crate) fn valid(signal: i32) -> Result<usize, Error> {
    let refuse = |why: &str| Err(Error::InvalidArgument(format!("signal {signal} {why}")));
    match signal {
        libc::SIGKILL | libc::SIGSTOP => refuse("cannot be caught"),
        libc::SIGSEGV | libc::SIGBUS | libc::SIGFPE | libc::SIGILL => {
            refuse("is a fault: a handler that returned would meet it again for ever")
        }
        // Between the classic and the real-time signals.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        32.. if signal < libc::SIGRTMIN() => refuse("is the C library's own"),
        _ if (1..=LAST_SIGNAL as i32).contains(&signal) => Ok(signal as usize),
        _ => refuse(&format!("does not exist; signals are 1 to {LAST_SIGNAL}")),
    }
}
