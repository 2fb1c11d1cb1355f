//! A guard dog's reports for C.

use std::ffi::{CString, c_char, c_int};
use std::ptr;

use super::actor_reason::c_text;
use super::duration::microseconds;
use super::handle;
use super::status::{Result, check_size, guard, mcp_event_status};
use crate::guard_dog::{Report, StuckThread};

/// An event, and all that could be found out about it. It lives as long as the action that is called with it.
pub struct mcp_event_guard_dog_report {
    event: c_int,
    text: CString,
    threads: Vec<ShownThread>,
}

/// A thread that stands still, or of `MCP_EVENT_GUARD_DOG_RECOVERED`, stood still. Set `size` before asking for it.
/// The strings live as long as the report.
#[repr(C)]
pub struct mcp_event_stuck_thread {
    /// `sizeof(mcp_event_stuck_thread)` as the caller knows it.
    pub size: usize,
    /// The dispatcher's name (a pool's workers are named "worker_1" and so on), or the name of the touched watch.
    pub name: *const c_char,
    /// For how long, in microseconds.
    pub stuck_us: i64,
    /// The system's number for the thread; 0: none is inside the loop, or it is not known.
    pub thread_id: i32,
    /// What the loop is doing: "file event on fd 7 (accept)". Null for what is touched.
    pub doing: *const c_char,
    /// What its tracked objects say of themselves, innermost first; "" if there are none, null if that is not known.
    pub tracked_objects: *const c_char,
    /// Where it is, a line for each function, innermost first; null if that is not known.
    pub backtrace: *const c_char,
    /// How often it has missed, this time included.
    pub misses: u64,
    /// How often it has megamissed, this time included.
    pub megamisses: u64,
}

/// A thread in the form that C reads.
struct ShownThread {
    name: CString,
    stuck_us: i64,
    thread_id: i32,
    doing: Option<CString>,
    tracked_objects: Option<CString>,
    backtrace: Option<CString>,
    misses: u64,
    megamisses: u64,
}

impl ShownThread {
    fn new(thread: &StuckThread) -> ShownThread {
        ShownThread {
            name: c_text(&thread.name),
            stuck_us: microseconds(thread.stuck_for),
            thread_id: thread.thread_id,
            doing: thread.doing.map(|doing| c_text(&doing.to_string())),
            tracked_objects: thread.tracked_objects.as_deref().ok().map(c_text),
            backtrace: thread.backtrace.as_ref().ok().map(|backtrace| c_text(&backtrace.to_string())),
            misses: thread.misses,
            megamisses: thread.megamisses,
        }
    }

    fn view(&self, size: usize) -> mcp_event_stuck_thread {
        let or_null = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
        mcp_event_stuck_thread {
            size,
            name: self.name.as_ptr(),
            stuck_us: self.stuck_us,
            thread_id: self.thread_id,
            doing: or_null(&self.doing),
            tracked_objects: or_null(&self.tracked_objects),
            backtrace: or_null(&self.backtrace),
            misses: self.misses,
            megamisses: self.megamisses,
        }
    }
}

/// A report while C may look at it.
pub(super) struct Shown(Box<mcp_event_guard_dog_report>);

impl Shown {
    pub(super) fn new(report: &Report) -> Shown {
        let threads = report.threads.iter().map(ShownThread::new).collect();
        let (event, text) = (report.event as c_int, c_text(&report.to_string()));
        let shown = Box::new(mcp_event_guard_dog_report { event, text, threads });
        handle::give(&raw const *shown);
        Shown(shown)
    }

    pub(super) fn view(&self) -> *const mcp_event_guard_dog_report {
        &raw const *self.0
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        // Given above, so it cannot fail.
        let _ = handle::take(self.view(), "the report");
    }
}

impl mcp_event_guard_dog_report {
    /// # Safety
    /// `report` is null or a living report.
    unsafe fn get<'a>(report: *const mcp_event_guard_dog_report) -> Result<&'a mcp_event_guard_dog_report> {
        handle::check(report, "the report")?;
        // SAFETY: a `Shown` holds it.
        Ok(unsafe { &*report })
    }
}

/// What happened: `MCP_EVENT_GUARD_DOG_MISS` and so on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_guard_dog_report_event(
    report: *const mcp_event_guard_dog_report,
    out: *mut c_int,
) -> mcp_event_status {
    // SAFETY: C's promise: a living report, and an out-parameter that is null or valid.
    guard(|| unsafe { handle::put(out, mcp_event_guard_dog_report::get(report)?.event) })
}

/// The whole report, as the log has it. It lives as long as the report.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_guard_dog_report_text(
    report: *const mcp_event_guard_dog_report,
    out: *mut *const c_char,
) -> mcp_event_status {
    // SAFETY: C's promise: a living report, and an out-parameter that is null or valid.
    guard(|| unsafe { handle::put(out, mcp_event_guard_dog_report::get(report)?.text.as_ptr()) })
}

/// How many threads it is about: several for `MCP_EVENT_GUARD_DOG_MULTIKILL`, else one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_guard_dog_report_size(
    report: *const mcp_event_guard_dog_report,
    out: *mut usize,
) -> mcp_event_status {
    // SAFETY: C's promise: a living report, and an out-parameter that is null or valid.
    guard(|| unsafe { handle::put(out, mcp_event_guard_dog_report::get(report)?.threads.len()) })
}

/// Fills in one of its threads. `MCP_EVENT_OUT_OF_RANGE` for an index too large.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_guard_dog_report_thread(
    report: *const mcp_event_guard_dog_report,
    index: usize,
    out: *mut mcp_event_stuck_thread,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: valid, and its size set.
        let size = unsafe { (*out).size };
        check_size::<mcp_event_stuck_thread>(size, "thread")?;
        // SAFETY: C's promise: a living report.
        let report = unsafe { mcp_event_guard_dog_report::get(report) }?;
        let thread = handle::nth(&report.threads, index, "thread")?;
        // SAFETY: as large as checked.
        unsafe { handle::put(out, thread.view(size)) }
    })
}
