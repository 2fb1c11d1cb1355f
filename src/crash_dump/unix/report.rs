//! What a crash dump says, line by line. docs/crash-dumps.md shows one.
//!
//! What describes an object may crash too. So each step is noted before it is taken, and the handler of the second
//! fault goes on with the next one.

use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::fault::Fault;
use super::output::Output;
use super::{FD, thread};
use crate::dispatcher::core::{Core, loops_of_this_thread};
use crate::thread_id;

/// How many crashes in descriptions a dump goes on after. Each keeps a part of the handlers' stack for ever.
const CRASHES: usize = 8;

struct Progress {
    /// Loops that are done.
    loops: AtomicUsize,
    /// Steps of the one that follows: its first line, then each object.
    steps: AtomicUsize,
    crashes: AtomicUsize,
}

static PROGRESS: Progress =
    Progress { loops: AtomicUsize::new(0), steps: AtomicUsize::new(0), crashes: AtomicUsize::new(0) };

impl Progress {
    fn reset(&self) {
        for counter in [&self.loops, &self.steps, &self.crashes] {
            counter.store(0, Ordering::SeqCst);
        }
    }

    /// Begins the next step of a loop; how many came before it.
    fn step(&self) -> usize {
        self.steps.fetch_add(1, Ordering::SeqCst)
    }

    fn end_loop(&self) {
        self.steps.store(0, Ordering::SeqCst);
        self.loops.fetch_add(1, Ordering::SeqCst);
    }
}

fn output() -> Output {
    Output::new(FD.load(Ordering::SeqCst))
}

/// Writes the dump.
pub(super) fn begin(fault: Fault) {
    PROGRESS.reset();
    let mut name = [0; 64];
    let name = thread_name(&mut name).to_str().unwrap_or("(not UTF-8)");
    let tid = thread_id::ask();
    output().line(format_args!("mcp_event crash: {fault} on thread {name} (tid {tid})"));
    describe_loops();
}

/// This thread's name, as the system knows it.
fn thread_name(buffer: &mut [u8; 64]) -> &CStr {
    // SAFETY: they write at most as much as the buffer is long, Linux 16 bytes; zero-terminated.
    unsafe {
        #[cfg(target_os = "linux")]
        libc::prctl(libc::PR_GET_NAME, buffer.as_mut_ptr());
        #[cfg(any(target_vendor = "apple", target_os = "netbsd"))]
        libc::pthread_getname_np(libc::pthread_self(), buffer.as_mut_ptr().cast(), buffer.len());
        #[cfg(any(target_os = "freebsd", target_os = "openbsd"))]
        libc::pthread_get_name_np(libc::pthread_self(), buffer.as_mut_ptr().cast(), buffer.len());
    }
    CStr::from_bytes_until_nul(buffer).unwrap_or_default()
}

/// Goes on with a dump in which an object's description has crashed.
pub(super) fn resume(fault: Fault) {
    output().indented("    ").line(format_args!("(this crashed: {fault})"));
    if PROGRESS.crashes.fetch_add(1, Ordering::SeqCst) < CRASHES {
        describe_loops();
    } else {
        output().line(format_args!("mcp_event crash: dump given up"));
    }
}

/// All that was not described yet.
fn describe_loops() {
    let mut output = output().indented("  ");
    if thread::has_run_loops() {
        // SAFETY: this thread cannot leave them meanwhile.
        for core in unsafe { loops_of_this_thread() }.skip(PROGRESS.loops.load(Ordering::SeqCst)) {
            describe_loop(core, &mut output);
            PROGRESS.end_loop();
        }
    }
    if PROGRESS.loops.load(Ordering::SeqCst) == 0 {
        output.line(format_args!("it runs no loop"));
    }
    output.indented("").line(format_args!("mcp_event crash: end of dump"));
}

fn describe_loop(core: &Core, output: &mut Output) {
    if PROGRESS.steps.load(Ordering::SeqCst) == 0 {
        PROGRESS.step();
        output.line(format_args!("dispatcher {}: {}", core.name, core.doing()));
    }
    loop {
        let depth = PROGRESS.step() - 1;
        match core.tracked.peek(depth) {
            Ok(Some(object)) => {
                if depth == 0 {
                    output.line(format_args!("tracked objects, innermost first:"));
                }
                let mut inner = output.indented("    ");
                // SAFETY: this thread pushed it, and does not go on.
                let describe = || unsafe { object.describe(&mut inner, depth) };
                match catch_unwind(AssertUnwindSafe(describe)) {
                    Ok(Ok(())) => inner.end_line(),
                    Ok(Err(_)) => inner.line(format_args!("(this failed to describe itself)")),
                    Err(_) => inner.line(format_args!("(this panicked)")),
                }
            }
            Ok(None) if depth == 0 => return output.line(format_args!("no tracked objects")),
            Ok(None) => return,
            Err(_locked) => {
                return output.line(format_args!("tracked objects: being pushed or popped"));
            }
        }
    }
}
