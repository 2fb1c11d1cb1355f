//! Signals of Windows: what a console tells its processes, and what code of the process raises by the C library.
//!
//! | signal | comes |
//! |---|---|
//! | SIGINT | with Ctrl-C |
//! | SIGBREAK | with Ctrl-Break |
//! | SIGTERM | when the console is closed, the user logs off or the system shuts down |
//!
//! The system tells it on a thread of its own, so that the handler may take locks.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

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
    /// By signal, an inbox once for each listener of its dispatcher.
    inboxes: BTreeMap<usize, Vec<Arc<Inbox>>>,
    /// From the first listener on, for ever: to remove a handler, the system may wait until none runs, which is never
    /// after the end was told. Without listeners it does nothing.
    has_handler: bool,
}

static REGISTRY: Mutex<Registry> = Mutex::new(Registry { inboxes: BTreeMap::new(), has_handler: false });

fn registry() -> MutexGuard<'static, Registry> {
    REGISTRY.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Notes a signal; false if nobody listens for it.
fn note(signal: i32) -> bool {
    let registry = registry();
    let Some(inboxes) = registry.inboxes.get(&(signal as usize)) else { return false };
    inboxes.iter().for_each(|inbox| inbox.put(signal as usize));
    true
}

/// What is not for us goes on to the handler that was set before ours, and ends the process at last.
unsafe extern "system" fn handler(event: u32) -> BOOL {
    let (signal, is_last) = match event {
        CTRL_C_EVENT => (SIGINT, false),
        CTRL_BREAK_EVENT => (SIGBREAK, false),
        CTRL_CLOSE_EVENT | CTRL_LOGOFF_EVENT | CTRL_SHUTDOWN_EVENT => (SIGTERM, true),
        _ => return FALSE,
    };
    if !note(signal) {
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

pub(super) fn listen(signal: usize, inbox: &Arc<Inbox>) -> io::Result<()> {
    let mut registry = registry();
    if !registry.has_handler {
        // SAFETY: `handler` may be called at any time, on any thread.
        if unsafe { SetConsoleCtrlHandler(Some(handler), TRUE) } == FALSE {
            return Err(io::Error::last_os_error());
        }
        registry.has_handler = true;
    }
    registry.inboxes.entry(signal).or_default().push(inbox.clone());
    Ok(())
}

pub(super) fn unlisten(signal: usize, inbox: &Arc<Inbox>) {
    let mut registry = registry();
    let Some(inboxes) = registry.inboxes.get_mut(&signal) else { return };
    if let Some(place) = inboxes.iter().position(|known| Arc::ptr_eq(known, inbox)) {
        inboxes.swap_remove(place);
    }
    if !inboxes.iter().any(|known| Arc::ptr_eq(known, inbox)) {
        inbox.forget(signal);
    }
    if inboxes.is_empty() {
        registry.inboxes.remove(&signal);
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
