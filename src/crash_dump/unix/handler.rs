//! The signal handler. All that it reaches allocates nothing and takes no lock; what describes the tracked objects is
//! the user's.

use super::fault::{Fault, Noted};
use super::turn::{self, Turn};
use super::{chain, is_wanted, report};
use crate::errno;

type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

pub(super) const ADDRESS: Handler = handle;

/// What the dump that is being written is about.
static FIRST: Noted = Noted::none();

extern "C" fn handle(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // For the case that the former handler returns to the interrupted code.
    let _errno = errno::Kept::new();
    let fault = Fault { signal, info, context };
    match if is_wanted(signal) { turn::take() } else { Turn::None } {
        Turn::Mine => {
            FIRST.set(fault);
            report::begin(fault);
            turn::end();
        }
        Turn::Again => {
            report::resume(fault);
            turn::end();
            // As if the dump had ended well. What crashed here cannot go on, nor can what is below it on the stack.
            let first = FIRST.get();
            chain::go_on(first);
            chain::die(first.signal);
        }
        Turn::None => {}
    }
    chain::go_on(fault);
}
