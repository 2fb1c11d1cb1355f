//! Asking another thread where it is: a signal interrupts it, and its handler writes down the addresses on its
//! stack. All else (names, files, lines) is done by who asked.
//!
//! The handler allocates nothing and locks nothing. It walks the stack with the unwinder of the C++ and Rust
//! runtimes, which was used once before, so that nothing is loaded or bound there. With glibc 2.35 and GCC 12 or
//! later the unwinder finds its tables without a lock; before that it takes the loader's, which is recursive, and
//! waits if another thread is inside `dlopen`. A stack that the program has destroyed can make it fault.
//!
//! The handler runs on the thread's own stack: the alternate stacks that threads have for overflows are often too
//! small for it.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use self::slot::{HasBegun, Slot, Writer};
use crate::dispatcher::signal::{self, LAST_SIGNAL};
use crate::errno;
use crate::error::Error;

mod program_counter;
mod slot;
#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "bsd.rs")]
mod threads;

use program_counter::interrupted_at;
use threads::{Status, asked, send, wait, wake};

/// The signal by default. Its own default is to be ignored, so a late one harms nobody.
pub(in crate::guard_dog) const SIGNAL: i32 = libc::SIGURG;

/// How long a thread has to answer. It does so at once, unless it does not get a CPU, or the kernel holds it.
const LIMIT: Duration = Duration::from_secs(2);

/// So many stacks can be written at a time.
type Slots = [Slot; 8];

static SLOTS: OnceLock<Box<Slots>> = OnceLock::new();
/// What was installed before ours, by signal. Never freed: another library may still be calling us.
static FORMERS: [AtomicPtr<libc::sigaction>; LAST_SIGNAL + 1] =
    [const { AtomicPtr::new(ptr::null_mut()) }; LAST_SIGNAL + 1];

/// Makes `signal` ready to be sent. Once more does no harm, and brings back a handler that somebody removed.
pub(in crate::guard_dog) fn prepare(signal_number: i32) -> Result<(), Error> {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let refused = |source| Error::os(format!("handling signal {signal_number}"), source);
    let number = signal::valid(signal_number)?;
    SLOTS.get_or_init(|| {
        walk(None, |_| true);
        Box::new(std::array::from_fn(|_| Slot::new()))
    });
    let _alone = INSTALLING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let found = signal::installed(number).map_err(refused)?;
    let function = found.sa_sigaction;
    let is_nobodys = function == libc::SIG_DFL || function == libc::SIG_IGN;
    let is_first = FORMERS[number].load(Ordering::Acquire).is_null();
    // Who came after us is expected to call us; to call that one in turn would be a circle.
    if function == handler as *const () as usize || !(is_first || is_nobodys) {
        return Ok(());
    }
    FORMERS[number].store(Box::into_raw(Box::new(found)), Ordering::Release);
    signal::install(number, handler, libc::SA_RESTART).map_err(refused)
}

extern "C" fn handler(signal_number: libc::c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let _errno = errno::Kept::new();
    // SAFETY: what the kernel gave.
    if !unsafe { answer(info, context) } {
        let former = FORMERS[signal_number as usize].load(Ordering::Acquire);
        // SAFETY: set before we were installed, and never freed.
        if let Some(former) = unsafe { former.as_ref() } {
            signal::chain(former, signal_number, info, context);
        }
    }
}

/// In a handler: whether the signal is a guard dog's question; then it has been answered.
///
/// # Safety
/// The arguments are those of the handler.
pub(crate) unsafe fn answer(info: *mut libc::siginfo_t, context: *mut c_void) -> bool {
    let Some(slots) = SLOTS.get() else { return false };
    // SAFETY: the caller's promise.
    let Some(answer) = asked(&**slots, unsafe { &*info }) else { return false };
    if let Some(mut writer) = answer {
        // SAFETY: the caller's promise.
        write_stack(&mut writer, unsafe { interrupted_at(context) });
        wake(writer.finish());
    }
    true
}

/// Writes the frames of the interrupted code: those of the handler, which lie above it, are not of interest.
fn write_stack(writer: &mut Writer<'_>, interrupted_at: Option<usize>) {
    let mut begun = interrupted_at.is_none();
    if let Some(address) = interrupted_at {
        writer.push(address);
    }
    walk(interrupted_at, |address| {
        if begun {
            return writer.push(address);
        }
        begun = Some(address) == interrupted_at;
        true
    });
}

unsafe extern "C" {
    fn _Unwind_Backtrace(
        each: extern "C" fn(frame: *mut c_void, walk: *mut c_void) -> libc::c_int,
        walk: *mut c_void,
    ) -> libc::c_int;
    fn _Unwind_GetIPInfo(frame: *mut c_void, is_before: *mut libc::c_int) -> usize;
}

/// Calls `each` with an address inside each frame's instruction, the innermost first, until it returns false. The
/// frame at `exact` has been interrupted; of others only the place is known that a call returns to.
fn walk<F: FnMut(usize) -> bool>(exact: Option<usize>, each: F) {
    struct Walk<F> {
        exact: Option<usize>,
        each: F,
    }
    extern "C" fn step<F: FnMut(usize) -> bool>(frame: *mut c_void, walk: *mut c_void) -> libc::c_int {
        const GO_ON: libc::c_int = 0;
        const STOP: libc::c_int = 4;
        // SAFETY: the walk that is passed below.
        let walk = unsafe { &mut *walk.cast::<Walk<F>>() };
        let mut is_before = 0;
        // SAFETY: what the unwinder gave.
        let address = unsafe { _Unwind_GetIPInfo(frame, &mut is_before) };
        if address == 0 {
            // Nothing called the outermost.
            return STOP;
        }
        let is_interrupted = is_before != 0 || walk.exact == Some(address);
        let inside = if is_interrupted { address } else { address.wrapping_sub(1) };
        if (walk.each)(inside) { GO_ON } else { STOP }
    }
    let mut walk = Walk { exact, each };
    // SAFETY: the walk lives until the call ends. Frames that cannot be unwound end it.
    unsafe { _Unwind_Backtrace(step::<F>, (&raw mut walk).cast()) };
}

/// The addresses on the stack of `thread`, each inside the instruction that is being executed, innermost first.
pub(in crate::guard_dog) fn stack_of(thread: i32, signal_number: i32) -> Result<Vec<usize>, Error> {
    prepare(signal_number)?;
    let unavailable = |why: String| Err(Error::Unavailable(why));
    let status = Status::of(thread);
    if status.blocks(signal_number) {
        return unavailable(format!("the thread blocks signal {signal_number}{status}"));
    }
    let slots = SLOTS.get().map(|slots| &slots[..]).unwrap_or_default();
    let Some((slot, request)) = slots.iter().find_map(|slot| Some((slot, slot.request(thread)?))) else {
        return unavailable("too many threads are asked for theirs already".into());
    };
    if let Err(source) = send(thread, signal_number, slot) {
        let _ = request.take();
        return Err(Error::os(format!("sending signal {signal_number} to thread {thread}"), source));
    }
    wait(&request);
    request.take().or_else(|HasBegun(begun)| {
        let how = if begun { "has not finished to walk its stack" } else { "did not answer" };
        unavailable(format!("within {LIMIT:?} the thread {how}{}", Status::of(thread)))
    })
}
