//! Linux: the question says in which slot it is to be answered.

use std::ffi::c_void;
use std::time::Instant;
use std::{fs, io, ptr};

use super::slot::{Request, Slot, Writer};
use crate::thread_id;

/// What comes with our signal, as the kernel hands it on.
#[repr(C)]
struct Info {
    signal: i32,
    errno: i32,
    code: i32,
    sender: Sender,
    rest: [u64; 12],
}

#[repr(C)]
#[cfg_attr(target_pointer_width = "64", repr(align(8)))]
struct Sender {
    process: i32,
    user: u32,
    value: *const c_void,
}

const _: () = assert!(size_of::<Info>() == size_of::<libc::siginfo_t>());

/// Whether this signal is a question, whose the answer is: nobody's, if it comes too late.
pub(super) fn asked<'a>(slots: &'a [Slot], info: &libc::siginfo_t) -> Option<Option<Writer<'a>>> {
    // SAFETY: the fields are there whatever the signal, and only compared.
    let (code, sender, value) = unsafe { (info.si_code, info.si_pid(), info.si_value().sival_ptr) };
    // SAFETY: it only asks.
    if code != libc::SI_QUEUE || sender != unsafe { libc::getpid() } {
        return None;
    }
    let slot = slots.iter().find(|slot| ptr::eq(ptr::from_ref(*slot).cast(), value))?;
    Some(slot.begin(thread_id::ask()))
}

pub(super) fn send(thread: i32, signal_number: i32, slot: &Slot) -> io::Result<()> {
    // SAFETY: they only ask.
    let (process, user) = unsafe { (libc::getpid(), libc::getuid()) };
    let sender = Sender { process, user, value: ptr::from_ref(slot).cast() };
    let info = Info { signal: signal_number, errno: 0, code: libc::SI_QUEUE, sender, rest: [0; 12] };
    // SAFETY: `info` is as large as the kernel's, and lives through the call.
    let result = unsafe {
        libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, signal_number, &raw const info)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Until the frames are there, or the time is over.
pub(super) fn wait(request: &Request<'_>) {
    let deadline = Instant::now() + super::LIMIT;
    while let Some((word, seen)) = request.pending() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        let left = libc::timespec { tv_sec: left.as_secs() as _, tv_nsec: left.subsec_nanos() as _ };
        // SAFETY: both live through the call. It returns early for many reasons, all of which are looked at above.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                word,
                libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
                seen,
                &raw const left,
            )
        };
    }
}

pub(super) fn wake(word: *const u32) {
    // SAFETY: the word of a slot, which is never freed.
    unsafe { libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, i32::MAX) };
}

/// What the kernel tells of a thread, as far as it does.
#[derive(Default)]
pub(super) struct Status {
    /// "S (sleeping)".
    state: Option<String>,
    /// Bit `n - 1` for signal `n`.
    blocked: u64,
    /// The function of the kernel that it waits in.
    waits_in: Option<String>,
}

impl Status {
    pub(super) fn of(thread: i32) -> Status {
        let read = |file: &str| fs::read_to_string(format!("/proc/self/task/{thread}/{file}")).ok();
        let status = read("status").unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            Some(line.trim().to_owned())
        };
        Status {
            state: field("State"),
            blocked: field("SigBlk").and_then(|set| u64::from_str_radix(&set, 16).ok()).unwrap_or(0),
            waits_in: read("wchan").filter(|function| function.starts_with(|c: char| !c.is_ascii_digit())),
        }
    }

    pub(super) fn blocks(&self, signal_number: i32) -> bool {
        self.blocked & 1 << (signal_number - 1) != 0
    }
}

/// ", state S (sleeping), in futex_wait".
impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(state) = &self.state {
            write!(f, ", state {state}")?;
        }
        self.waits_in.as_ref().map_or(Ok(()), |function| write!(f, ", in {function}"))
    }
}
