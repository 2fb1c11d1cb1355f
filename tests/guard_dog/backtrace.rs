//! The stuck thread's backtrace (W4).

use std::io::Write;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use mcp_event::guard_dog::Event;
use mcp_event::{FileReady, Label, Trigger};

use crate::common::*;
use crate::stage::*;

#[track_caller]
fn assert_in_order(report: &str, texts: &[&str]) {
    let mut rest = report;
    for text in texts {
        let Some((_, after)) = rest.split_once(text) else {
            panic!("no {text:?} in its place in:\n{report}")
        };
        rest = after;
    }
}

#[test]
fn w4_a_thread_that_waits_is_found_in_its_callback() {
    let (stage, background) = (Stage::new(), running("worker"));
    let (reader, mut writer) = pipe_with(b"");
    let fd = reader.as_raw_fd();
    let (begun, has_begun) = mpsc::channel();
    let (answer, has_answer) = mpsc::channel();
    let serve = move |_| wait_for_the_database(&begun, &has_answer);
    let event = background.dispatcher.create_file_event(fd, Trigger::Edge, FileReady::READ, serve).unwrap();
    event.set_label(Label::new("serve").unwrap());
    writer.write_all(b"x").unwrap();
    soon(&has_begun);
    stage.dog.watch(&background.dispatcher).unwrap();
    let report = stage.report();
    let doing = format!("doing: file event on fd {fd} (serve)");
    let expected = [
        "guard dog: miss: worker has been stuck for 11ms (thread ",
        &doing,
        "backtrace:\n      0: ",
        "wait_for_the_database",
        "tests/guard_dog/stage.rs:",
        "mcp_event::dispatcher::run",
    ];
    #[cfg(feature = "backtrace")]
    assert_in_order(&report, &expected);
    #[cfg(not(feature = "backtrace"))]
    assert_in_order(&report, &expected[..3]);
    assert!(!report.contains("interrupt::"), "the handler is not of interest:\n{report}");
    answer.send(()).unwrap();
}

#[test]
fn w4_a_thread_that_computes_is_found_where_it_is() {
    let (stage, background) = (Stage::new(), running("worker"));
    let busy = Busy::with(&background, compute_for_ever);
    stage.dog.watch(&background.dispatcher).unwrap();
    let report = stage.report();
    #[cfg(feature = "backtrace")]
    assert_in_order(&report, &["doing: post\n", "compute_for_ever", "stage.rs:", "Busy"]);
    assert!(report.contains("backtrace:\n"), "{report}");
    drop(busy);
}

#[test]
fn w4_asking_often_harms_nobody() {
    let (stage, background) = (Stage::with(|builder| builder.tracked_objects(false)), running("worker"));
    let log = Log::new();
    let told = log.clone();
    stage.dog.on(Event::Miss, move |report| told.add(report.threads[0].backtrace.is_ok()));
    for _ in 0..200 {
        let busy = Busy::with(&background, allocate_for_ever);
        stage.dog.watch(&background.dispatcher).unwrap();
        stage.after(11 * MS);
        stage.dog.unwatch(&background.dispatcher);
        drop(busy);
    }
    assert_eq!(log.take(), [true; 200]);
}

#[test]
fn w4_a_touched_thread_has_a_backtrace_too() {
    let stage = Stage::new();
    let watch = stage.dog.watch_touched("mine").unwrap();
    let report = stage.report();
    assert!(report.contains("no backtrace:\n    the thread is not known"), "{report}");
    let (touched, is_touched) = mpsc::channel();
    let (answer, has_answer) = mpsc::channel();
    let toucher = watch.clone();
    let thread = std::thread::spawn(move || {
        mcp_event::Watchdog::touch(&*toucher);
        wait_for_the_database(&touched, &has_answer);
    });
    soon(&is_touched);
    stage.dog.scan();
    let report = stage.report();
    assert!(report.contains("  backtrace:\n"), "{report}");
    #[cfg(feature = "backtrace")]
    assert!(report.contains("wait_for_the_database"), "{report}");
    answer.send(()).unwrap();
    thread.join().unwrap();
    // It is still watched; but where it was is not there any more.
    let log = Log::new();
    let told = log.clone();
    stage.dog.on(Event::Megamiss, move |report| told.add(report.to_string()));
    stage.after(10 * MS);
    assert!(log.take().concat().contains("no backtrace:\n    sending signal 23 to thread "));
    drop(watch);
}

#[test]
fn w4_of_a_thread_that_blocks_the_signal_the_report_says_so() {
    let (stage, background) = (Stage::new(), running("worker"));
    let busy = Busy::with(&background, |work| {
        // SAFETY: plain system calls on a set that is valid for writing.
        unsafe {
            let mut all = std::mem::zeroed();
            libc::sigfillset(&mut all);
            libc::pthread_sigmask(libc::SIG_BLOCK, &all, std::ptr::null_mut());
        }
        compute_for_ever(work);
    });
    stage.dog.watch(&background.dispatcher).unwrap();
    let report = stage.report();
    assert!(report.contains("no backtrace:\n    the thread blocks signal 23, state "), "{report}");
    drop(busy);
}

#[test]
fn w4_who_does_not_want_one_gets_none() {
    let (stage, background) = (Stage::with(|builder| builder.backtraces(false)), running("worker"));
    let _busy = background.keep_busy();
    stage.dog.watch(&background.dispatcher).unwrap();
    let report = stage.report();
    assert!(report.contains("no backtrace:\n    not wanted"), "{report}");
}

/// How often the handler below was called.
static HANDLED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count(_: libc::c_int) {
    HANDLED.fetch_add(1, Ordering::SeqCst);
}

fn install(signal: i32) {
    // SAFETY: the handler does nothing but count.
    unsafe { libc::signal(signal, count as *const () as usize) };
}

/// Whether a guard dog on SIGURG finds what is stuck.
fn finds_it(stage: &Stage) -> bool {
    let background = running("worker");
    let busy = Busy::with(&background, compute_for_ever);
    stage.dog.watch(&background.dispatcher).unwrap();
    let report = stage.report();
    stage.dog.unwatch(&background.dispatcher);
    drop(busy);
    report.contains("  backtrace:\n")
}

#[test]
fn w4_handlers_and_listeners_of_the_signal_go_on_as_before() {
    alone(|| {
        install(libc::SIGURG);
        let stage = Stage::new();
        assert!(finds_it(&stage));
        assert_eq!(HANDLED.load(Ordering::SeqCst), 0, "the question is not for it");
        raise(libc::SIGURG);
        assert_eq!(HANDLED.load(Ordering::SeqCst), 1);

        let (listener, log) = (dispatcher(), Log::new());
        let event = listener.listen_for_signal(libc::SIGURG, log.note("heard")).unwrap();
        assert!(finds_it(&stage));
        pump(&listener);
        assert_eq!((log.len(), HANDLED.load(Ordering::SeqCst)), (0, 1));
        raise(libc::SIGURG);
        pump(&listener);
        assert_eq!((log.len(), HANDLED.load(Ordering::SeqCst)), (1, 2));
        drop(event);
        assert!(finds_it(&stage));
        raise(libc::SIGURG);
        assert_eq!(HANDLED.load(Ordering::SeqCst), 3);
    });
}

#[test]
fn w4_a_guard_dog_that_comes_after_the_listeners_works_too() {
    alone(|| {
        let (listener, log) = (dispatcher(), Log::new());
        let event = listener.listen_for_signal(libc::SIGUSR2, log.note("heard")).unwrap();
        let stage = Stage::with(|builder| builder.backtrace_signal(libc::SIGUSR2));
        assert!(finds_it(&stage));
        raise(libc::SIGUSR2);
        pump(&listener);
        assert_eq!(log.take(), ["heard"]);
        // What comes back with its end would end the process: the guard dog sees to it that it is not met.
        drop(event);
        assert!(finds_it(&stage));
    });
}

#[test]
fn w4_a_handler_that_somebody_removed_comes_back() {
    alone(|| {
        let stage = Stage::new();
        assert!(finds_it(&stage));
        // SAFETY: the default disposition.
        unsafe { libc::signal(libc::SIGURG, libc::SIG_DFL) };
        assert!(finds_it(&stage));
        // A handler that does not chain: the question is not answered, and the report says so.
        install(libc::SIGURG);
        assert!(!finds_it(&stage));
        assert_eq!(HANDLED.load(Ordering::SeqCst), 1);
    });
}
