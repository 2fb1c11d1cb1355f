//! Hears of the end of a process: one of the system's threads waits for it.

use std::ffi::c_void;
use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::Threading::{
    INFINITE, RegisterWaitForSingleObject, UnregisterWaitEx, WT_EXECUTEONLYONCE,
};

/// While this lives, the end of a process is waited for.
pub(crate) struct ExitWatch {
    wait: HANDLE,
    target: Arc<Target>,
}

// SAFETY: a wait may be ended by any thread.
unsafe impl Send for ExitWatch {}
// SAFETY: nothing can be done with a shared one.
unsafe impl Sync for ExitWatch {}

/// What the waiting thread has; it owns one reference, until it has called the action.
struct Target {
    action: Mutex<Option<Action>>,
    /// Open as long as it is waited for.
    _process: OwnedHandle,
}

type Action = Box<dyn FnOnce() + Send>;

impl Target {
    fn take(&self) -> Option<Action> {
        self.action.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// # Safety
/// Called once at most, with the reference that was made for it.
unsafe extern "system" fn ended(target: *mut c_void, _timed_out: bool) {
    // SAFETY: as above.
    let target = unsafe { Arc::from_raw(target.cast_const().cast::<Target>()) };
    if let Some(action) = target.take() {
        action();
    }
}

impl ExitWatch {
    /// Calls `action` when `process` has ended; at once, if it has already. On another thread.
    pub(crate) fn new(process: OwnedHandle, action: impl FnOnce() + Send + 'static) -> io::Result<ExitWatch> {
        let handle = process.as_raw_handle();
        let target = Arc::new(Target { action: Mutex::new(Some(Box::new(action))), _process: process });
        let threads = Arc::into_raw(target.clone());
        let mut wait = ptr::null_mut();
        // SAFETY: the process is open as long as the target is there, of which the thread gets a reference.
        let done = unsafe {
            RegisterWaitForSingleObject(
                &mut wait,
                handle,
                Some(ended),
                threads.cast(),
                INFINITE,
                WT_EXECUTEONLYONCE,
            )
        };
        if done == 0 {
            let error = io::Error::last_os_error();
            // SAFETY: nobody has taken it.
            drop(unsafe { Arc::from_raw(threads) });
            return Err(error);
        }
        Ok(ExitWatch { wait, target })
    }
}

impl Drop for ExitWatch {
    fn drop(&mut self) {
        // It does not wait for an action that is being called: that may be what drops this.
        // SAFETY: made above, and ended once.
        let is_over = unsafe { UnregisterWaitEx(self.wait, ptr::null_mut()) } != 0;
        if is_over && self.target.take().is_some() {
            // SAFETY: `ended` was not called and will not be, so its reference is left.
            drop(unsafe { Arc::from_raw(Arc::as_ptr(&self.target)) });
        }
    }
}
