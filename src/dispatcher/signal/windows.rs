//! Signals of Windows: what a console tells its processes, and what code of the process raises by the C library.
//!
//! | signal | comes |
//! |---|---|
//! | SIGINT | with Ctrl-C |
//! | SIGBREAK | with Ctrl-Break |
//! | SIGTERM | when the console is closed, the user logs off or the system shuts down |
//!
//! A console tells it on a thread of its own, and `raise` calls its handler as a function, so handlers may take locks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::{io, mem, thread};

use windows_sys::Win32::Foundation::{FALSE, TRUE};
use windows_sys::Win32::System::Console::{
    CTRL_BREAK_EVENT, CTRL_C_EVENT, CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT,
    SetConsoleCtrlHandler,
};
use windows_sys::core::BOOL;

use super::Inbox;
use crate::error::Error;

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;
const SIGBREAK: i32 = 21;

struct Registry {
    listeners: BTreeMap<i32, Listeners>,
    /// From the first listener on, for ever: to remove a handler, the system may wait until none runs, which is never
    /// after the end was told. Without listeners it does nothing.
    has_handler: bool,
}

/// One signal's.
struct Listeners {
    /// One is there once for each listener of its dispatcher.
    inboxes: Vec<Arc<Inbox>>,
    /// The C library's handler that ours has replaced.
    former: libc::sighandler_t,
}

static REGISTRY: Mutex<Registry> = Mutex::new(Registry { listeners: BTreeMap::new(), has_handler: false });

fn registry() -> MutexGuard<'static, Registry> {
    REGISTRY.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Tells the listeners, and the handler that was there before; false if nobody listens.
fn tell(signal: i32) -> bool {
    let former = match registry().listeners.get(&signal) {
        None => return false,
        Some(listeners) => {
            listeners.inboxes.iter().for_each(|inbox| inbox.put(signal as usize));
            listeners.former
        }
    };
    // The default action, which is no function, is what a listener replaces.
    if former > libc::SIG_ACK {
        // SAFETY: what somebody gave to the C library as a handler.
        unsafe { mem::transmute::<usize, extern "C" fn(i32)>(former)(signal) };
    }
    true
}

/// The console's. What is not for us goes on to the handler that was set before ours, and at last ends the process.
unsafe extern "system" fn on_event(event: u32) -> BOOL {
    let (signal, is_last) = match event {
        CTRL_C_EVENT => (SIGINT, false),
        CTRL_BREAK_EVENT => (SIGBREAK, false),
        CTRL_CLOSE_EVENT | CTRL_LOGOFF_EVENT | CTRL_SHUTDOWN_EVENT => (SIGTERM, true),
        _ => return FALSE,
    };
    if !tell(signal) {
        return FALSE;
    }
    if is_last {
        wait_for_the_end();
    }
    TRUE
}

/// As soon as the handler of such an event returns, the system ends the process. Until then the program has some
/// seconds to end by itself, for which its loops have been told.
fn wait_for_the_end() -> ! {
    loop {
        thread::park();
    }
}

/// The C library's.
extern "C" fn on_raise(signal: i32) {
    // It is set for one time only. Somebody who has ended to listen meanwhile has seen to the handler.
    if registry().listeners.contains_key(&signal) {
        set_on_raise(signal, on_raise as *const () as usize);
    }
    tell(signal);
}

/// The one before.
fn set_on_raise(signal: i32, handler: libc::sighandler_t) -> libc::sighandler_t {
    const NONE: libc::sighandler_t = libc::SIG_ERR as _;
    // SAFETY: ours, which may be called at any time, on any thread; or one that was set before.
    match unsafe { libc::signal(signal, handler) } {
        NONE => libc::SIG_DFL,
        former => former,
    }
}

pub(super) fn listen(signal: usize, inbox: &Arc<Inbox>) -> io::Result<()> {
    let mut registry = registry();
    if !registry.has_handler {
        // SAFETY: `on_event` may be called at any time, on any thread.
        if unsafe { SetConsoleCtrlHandler(Some(on_event), TRUE) } == FALSE {
            return Err(io::Error::last_os_error());
        }
        registry.has_handler = true;
    }
    let signal = signal as i32;
    let listeners = registry.listeners.entry(signal).or_insert_with(|| Listeners {
        inboxes: Vec::new(),
        former: set_on_raise(signal, on_raise as *const () as usize),
    });
    listeners.inboxes.push(inbox.clone());
    Ok(())
}

pub(super) fn unlisten(signal: usize, inbox: &Arc<Inbox>) {
    let (mut registry, number) = (registry(), signal as i32);
    let Some(listeners) = registry.listeners.get_mut(&number) else { return };
    if let Some(place) = listeners.inboxes.iter().position(|known| Arc::ptr_eq(known, inbox)) {
        listeners.inboxes.swap_remove(place);
    }
    if !listeners.inboxes.iter().any(|known| Arc::ptr_eq(known, inbox)) {
        inbox.forget(signal);
    }
    if listeners.inboxes.is_empty() {
        let found = set_on_raise(number, listeners.former);
        if found != on_raise as *const () as usize && found != libc::SIG_DFL {
            // Somebody has put another on top of ours, which stays. The default is there while ours runs.
            set_on_raise(number, found);
        }
        registry.listeners.remove(&number);
    }
}

/// The number of a signal that can be handled.
pub(crate) fn valid(signal: i32) -> Result<usize, Error> {
    match signal {
        SIGINT | SIGTERM | SIGBREAK => Ok(signal as usize),
        _ => Err(Error::InvalidArgument(format!(
            "signal {signal} does not come on Windows; those that do are SIGINT (2), SIGTERM (15) and SIGBREAK (21)"
        ))),
    }
}
