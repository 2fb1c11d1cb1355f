//! An `event_base`: one of our own, or the user's, which was adopted.

use std::ffi::{c_int, c_void};
use std::io;
use std::num::NonZeroUsize;
use std::ptr::{NonNull, null};
use std::sync::{Mutex, MutexGuard};

use super::library::Library;
use crate::error::Error;
use crate::fork;

/// Let go by [`release`](Self::release); else it stays as it is.
pub(super) struct Base {
    pub(super) library: &'static Library,
    pub(super) raw: NonNull<c_void>,
    pub(super) is_ours: bool,
}

/// The bases that have a dispatcher, by process: two on one would be in each other's way, but a dispatcher of the parent
/// process is not in the way of one in a forked child.
static TAKEN: Mutex<Vec<Taken>> = Mutex::new(Vec::new());

/// Timeouts in microseconds where the backend has them.
const EVENT_BASE_FLAG_PRECISE_TIMER: c_int = 0x20;

/// After so many callbacks the base looks at its fds and timeouts again, so that handlers that activate each other
/// without end do not keep our loop from its own.
const CALLBACKS: c_int = 1024;

const MAKING: &str = "making an event_base";

/// The base, and the generation of the process.
type Taken = (NonZeroUsize, u32);

fn taken() -> MutexGuard<'static, Vec<Taken>> {
    TAKEN.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Fails if the file descriptors that a base takes are not there: libevent ends the process over that.
fn check_room() -> io::Result<()> {
    let (_two, _more) = (io::pipe()?, io::pipe()?);
    Ok(())
}

impl Base {
    pub(super) fn new(library: &'static Library) -> Result<Base, Error> {
        check_room().map_err(|source| Error::os(MAKING, source))?;
        // SAFETY: the configuration lives from its making to its end here.
        let base = unsafe {
            let config = (library.event_config_new)();
            if !config.is_null() {
                (library.event_config_set_flag)(config, EVENT_BASE_FLAG_PRECISE_TIMER);
                (library.event_config_set_max_dispatch_interval)(config, null(), CALLBACKS, 0);
            }
            let base = (library.event_base_new_with_config)(config);
            if !config.is_null() {
                (library.event_config_free)(config);
            }
            base
        };
        let Some(raw) = NonNull::new(base) else {
            return Err(Error::os(MAKING, io::Error::last_os_error()));
        };
        let base = Base { library, raw, is_ours: true };
        taken().push(base.taken());
        Ok(base)
    }

    /// A base of the user's, who promises that it is living until it is released.
    pub(super) fn adopt(library: &'static Library, raw: NonNull<c_void>) -> Result<Base, Error> {
        let mut taken = taken();
        let base = Base { library, raw, is_ours: false };
        if taken.contains(&base.taken()) {
            return Err(Error::InvalidState("this event_base has a dispatcher already".into()));
        }
        taken.push(base.taken());
        Ok(base)
    }

    fn taken(&self) -> Taken {
        (self.raw.addr(), fork::generation())
    }

    /// Frees one of ours, and lets go one of the user's.
    ///
    /// # Safety
    /// It is living and nobody uses it, now or later; nothing of ours is pending on it.
    pub(super) unsafe fn release(&self) {
        // First: as soon as it is freed, its place may be another's.
        let me = self.taken();
        taken().retain(|base| *base != me);
        if self.is_ours {
            // SAFETY: the caller's promise.
            unsafe { (self.library.event_base_free)(self.raw.as_ptr()) };
        }
    }
}
