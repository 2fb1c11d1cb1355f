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
    let mut name = [0_u8; 16];
    // SAFETY: it writes at most so many bytes, zero-terminated; the other only asks.
    let tid = unsafe {
        libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr());
        libc::gettid()
    };
    let name = CStr::from_bytes_until_nul(&name).unwrap_or_default().to_str().unwrap_or("(not UTF-8)");
    output().line(format_args!("mcp_event crash: {fault} on thread {name} (tid {tid})"));
    describe_loops();
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
