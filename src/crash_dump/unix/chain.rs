//! What happens to a fatal signal after its dump: what would have happened without one.

use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::{io, mem, ptr};

use super::fault::Fault;
use super::{SIGNALS, handler, place_of, thread};
use crate::dispatcher::signal;

/// The disposition that was found installed, for the handler to read.
struct Former {
    function: AtomicUsize,
    flags: AtomicI32,
}

static FORMERS: [Former; SIGNALS.len()] =
    [const { Former { function: AtomicUsize::new(libc::SIG_DFL), flags: AtomicI32::new(0) } }; SIGNALS.len()];

/// The same for [`uninstall`] alone, with the mask. Under the lock of those who install.
static RESTORED: std::sync::Mutex<[Option<libc::sigaction>; SIGNALS.len()]> =
    std::sync::Mutex::new([None; SIGNALS.len()]);

/// The thread that is inside a former handler, as [`thread::this`]; 0 for none.
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// Whether this thread is inside a former handler, which crashed itself or aborts.
pub(super) fn is_inside() -> bool {
    INSIDE.load(Ordering::SeqCst) == thread::this()
}

fn is_ours(action: &libc::sigaction) -> bool {
    action.sa_sigaction == handler::ADDRESS as usize
}

/// Sets a disposition; the one before.
fn exchange(signal: i32, action: Option<&libc::sigaction>) -> io::Result<libc::sigaction> {
    let action = action.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: all-zero is a valid sigaction; both live through the call.
    unsafe {
        let mut found: libc::sigaction = mem::zeroed();
        if libc::sigaction(signal, action, &mut found) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(found)
    }
}

fn action(function: usize, flags: i32) -> libc::sigaction {
    // SAFETY: all-zero is a valid sigaction, and its mask becomes valid too.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = function;
        action.sa_flags = flags;
        libc::sigemptyset(&mut action.sa_mask);
        action
    }
}

/// Puts our handler on top of what is there.
pub(super) fn install(place: usize, signal: i32) -> io::Result<()> {
    let found = exchange(signal, None)?;
    // Ours looks there, so that must be known before it is installed.
    FORMERS[place].function.store(found.sa_sigaction, Ordering::SeqCst);
    FORMERS[place].flags.store(found.sa_flags, Ordering::SeqCst);
    RESTORED.lock().unwrap_or_else(|poisoned| poisoned.into_inner())[place] = Some(found);
    // A second fault, in what describes an object, must come through too.
    let flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
    exchange(signal, Some(&action(handler::ADDRESS as usize, flags))).map(|_| ())
}

/// Brings the former disposition back; false if somebody has put another handler on top of ours, which may call it.
pub(super) fn uninstall(place: usize, signal: i32) -> bool {
    if !exchange(signal, None).is_ok_and(|found| is_ours(&found)) {
        return false;
    }
    let former = RESTORED.lock().unwrap_or_else(|poisoned| poisoned.into_inner())[place].take();
    former.is_some_and(|former| exchange(signal, Some(&former)).is_ok())
}

/// Hands the signal on. In a signal handler.
pub(super) fn go_on(fault: Fault) {
    let Some(former) = place_of(fault.signal).map(|place| &FORMERS[place]) else { return };
    match (former.function.load(Ordering::SeqCst), former.flags.load(Ordering::SeqCst)) {
        (libc::SIG_IGN, _) if !fault.is_synchronous() => {}
        // Back at the faulting instruction, the kernel takes its action, also for a fault that is ignored.
        (function @ (libc::SIG_DFL | libc::SIG_IGN), _) if fault.is_synchronous() => {
            let _ = exchange(fault.signal, Some(&action(function, 0)));
        }
        // A listener replaces the default action.
        (libc::SIG_DFL, _) if signal::has_listeners(fault.signal) => {}
        (libc::SIG_DFL, _) => take_default_action(fault.signal),
        (function, flags) => {
            let outer = INSIDE.swap(thread::this(), Ordering::SeqCst);
            call(function, flags, fault);
            INSIDE.store(outer, Ordering::SeqCst);
        }
    }
}

fn call(function: usize, flags: i32, fault: Fault) {
    type Plain = unsafe extern "C" fn(libc::c_int);
    type WithInfo = unsafe extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
    // SAFETY: the flags say which of the two the installed function is.
    unsafe {
        if flags & libc::SA_SIGINFO != 0 {
            mem::transmute::<usize, WithInfo>(function)(fault.signal, fault.info, fault.context);
        } else {
            mem::transmute::<usize, Plain>(function)(fault.signal);
        }
    }
}

fn take_default_action(signal: i32) {
    let _ = exchange(signal, Some(&action(libc::SIG_DFL, 0)));
    // SAFETY: plain system calls, on a set that is made first. Whoever called us may have the signal blocked.
    unsafe {
        let mut set = mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, ptr::null_mut());
        libc::raise(signal);
    }
}

/// Ends the process by `signal`, from where nothing can be returned to.
pub(super) fn die(signal: i32) -> ! {
    take_default_action(signal);
    // The first process of a container survives that.
    // SAFETY: it ends the process.
    unsafe { libc::_exit(128 + signal) }
}
