//! The tracked objects of a stuck loop (W4).

use std::fmt::{self, Write};
use std::sync::Mutex;
use std::sync::mpsc;

use mcp_event::TrackedObject;

use crate::common::*;
use crate::stage::*;

struct Request(u32);

impl TrackedObject for Request {
    fn dump_state(&self, out: &mut dyn Write, indent: usize) -> fmt::Result {
        writeln!(out, "{:indent$}request {}", "", self.0)
    }
}

/// Calls a function to describe itself.
struct Describing(fn(&mut dyn Write) -> fmt::Result);

impl TrackedObject for Describing {
    fn dump_state(&self, out: &mut dyn Write, _: usize) -> fmt::Result {
        (self.0)(out)
    }
}

/// The report on a loop that is stuck with a request and then `object` on its stack.
fn report_with(stage: &Stage, object: impl TrackedObject + Send + 'static) -> String {
    let background = running("worker");
    let (begun, has_begun) = mpsc::channel();
    let (answer, has_answer) = mpsc::channel();
    let handle = background.dispatcher.handle();
    let body = move || {
        let stuck = || wait_for_the_database(&begun, &has_answer);
        handle.with_tracked(&Request(42), || handle.with_tracked(&object, stuck));
    };
    background.dispatcher.post(body).unwrap();
    soon(&has_begun);
    stage.dog.watch(&background.dispatcher).unwrap();
    let report = stage.report();
    answer.send(()).unwrap();
    report
}

#[track_caller]
fn assert_contains(report: &str, text: &str) {
    assert!(report.contains(text), "no {text:?} in:\n{report}");
}

#[test]
fn w4_they_are_in_the_report_innermost_first() {
    let report = report_with(&Stage::new(), Request(43));
    assert_contains(&report, "\n  tracked objects:\n    request 43\n     request 42\n  backtrace:\n");
}

#[test]
fn w4_without_any_the_report_says_nothing() {
    let (stage, background) = (Stage::new(), running("worker"));
    let _busy = background.keep_busy();
    stage.dog.watch(&background.dispatcher).unwrap();
    let report = stage.report();
    assert!(!report.contains("tracked objects"), "{report}");
}

#[test]
fn w4_who_does_not_want_them_gets_none() {
    let report = report_with(&Stage::with(|builder| builder.tracked_objects(false)), Request(43));
    assert_contains(&report, "no tracked objects:\n    not wanted");
}

#[test]
fn w4_one_that_crashes_harms_nobody() {
    let report = report_with(
        &Stage::new(),
        Describing(|out| {
            out.write_str("so far")?;
            // SAFETY: none; this is the crash that is asked for.
            unsafe { std::ptr::null_mut::<u8>().write_volatile(0) };
            Ok(())
        }),
    );
    assert_contains(&report, "tracked objects:\n    so far\n    (the description ended by signal 11)");
}

#[test]
fn w4_one_that_aborts_harms_nobody() {
    let report = report_with(&Stage::new(), Describing(|_| std::process::abort()));
    assert_contains(&report, "tracked objects:\n    (the description ended by signal 6)");
}

#[test]
fn w4_one_that_hangs_is_ended() {
    static LOCKED: Mutex<()> = Mutex::new(());
    let held = LOCKED.lock().unwrap();
    let report = report_with(
        &Stage::new(),
        Describing(|out| {
            let _never = LOCKED.lock();
            out.write_str("never")
        }),
    );
    drop(held);
    assert_contains(&report, "tracked objects:\n    (the description did not end within 2s)");
}

#[test]
fn w4_one_that_panics_does_not_hide_the_others() {
    let report = report_with(&Stage::new(), Describing(|_| panic!("a bad object")));
    assert_contains(&report, "(a callback panicked: a bad object)\n     request 42");
}

#[test]
fn w4_one_that_talks_too_much_is_cut() {
    let report = report_with(
        &Stage::new(),
        Describing(|out| {
            loop {
                out.write_str("on and on")?;
            }
        }),
    );
    assert_contains(&report, "on and on");
    assert_contains(&report, "(and more than 65536 bytes)");
    assert!(report.len() < 100_000);
}

#[test]
fn w4_describing_often_harms_nobody_and_leaves_no_process() {
    alone(|| {
        let stage = Stage::with(|builder| builder.backtraces(false));
        let background = running("worker");
        let handle = background.dispatcher.handle();
        for number in 0..200 {
            let handle = handle.clone();
            let busy = Busy::with(&background, move |work| {
                handle.with_tracked(&Request(number), || allocate_for_ever(work));
            });
            stage.dog.watch(&background.dispatcher).unwrap();
            let report = stage.report();
            stage.dog.unwatch(&background.dispatcher);
            drop(busy);
            assert_contains(&report, &format!("tracked objects:\n    request {number}\n"));
        }
        // SAFETY: it only asks.
        let left = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG | libc::__WALL) };
        assert_eq!((left, std::io::Error::last_os_error().raw_os_error()), (-1, Some(libc::ECHILD)));
    });
}
