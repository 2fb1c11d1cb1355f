//! The handlers of others, before and after a dump; options; children.

use std::ffi::c_int;
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicI32, Ordering};
use std::{fs, mem, ptr};

use mcp_event::Error;
use mcp_event::crash_dump::{self, Options};

use crate::common::*;
use crate::crash::*;

/// The errno that a former handler saw.
static SEEN: AtomicI32 = AtomicI32::new(0);

fn install_handler(signal: i32, function: usize, flags: i32) {
    // SAFETY: all-zero is a valid sigaction, with a function that fits the flags.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = function;
        action.sa_flags = flags;
        assert_eq!(libc::sigaction(signal, &action, ptr::null_mut()), 0);
    }
}

fn disposition(signal: i32) -> usize {
    // SAFETY: valid for the call.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        libc::sigaction(signal, ptr::null(), &mut action);
        action.sa_sigaction
    }
}

extern "C" fn exit_with_address(_: c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: a handler's arguments; it ends the process.
    unsafe { libc::_exit(if (*info).si_addr().is_null() && !context.is_null() { 17 } else { 18 }) };
}

#[test]
fn x2_an_earlier_handler_runs_after_the_dump_with_the_same_arguments() {
    let crash = crashed(|| {
        install_handler(libc::SIGSEGV, exit_with_address as *const () as usize, libc::SA_SIGINFO);
        install(Options::new());
        on_loop(write_to_null);
    });
    let Some(crash) = crash else { return };
    assert_eq!(crash.code, Some(17), "{}", crash.errors);
    crash.assert_dump("signal 11 (SIGSEGV) at 0x0 ", &BUSY);
}

extern "C" fn note(_: c_int) {
    SEEN.fetch_add(1, Ordering::SeqCst);
}

#[test]
fn x2_an_earlier_handler_that_returns_leaves_the_program_as_it_was() {
    let crash = crashed(|| {
        install_handler(libc::SIGABRT, note as *const () as usize, 0);
        install(Options::new());
        on_loop(|| {
            *errno() = 4711;
            raise(libc::SIGABRT);
            assert_eq!(*errno(), 4711);
            assert_eq!(SEEN.load(Ordering::SeqCst), 1);
        });
    });
    let Some(crash) = crash else { return };
    assert_eq!(crash.code, Some(0), "{}", crash.errors);
    crash.assert_dump("signal 6 (SIGABRT) ", &BUSY);
}

#[test]
fn x2_a_signal_that_was_ignored_stays_ignored() {
    let crash = crashed(|| {
        install_handler(libc::SIGFPE, libc::SIG_IGN, 0);
        install(Options::new());
        on_loop(|| raise(libc::SIGFPE));
    });
    let Some(crash) = crash else { return };
    assert_eq!(crash.code, Some(0), "{}", crash.errors);
    crash.assert_dump("signal 8 (SIGFPE) ", &BUSY);
}

#[test]
fn x2_an_ignored_fault_ends_the_process_all_the_same() {
    let crash = crashed(|| {
        install_handler(libc::SIGSEGV, libc::SIG_IGN, 0);
        install(Options::new());
        on_loop(write_to_null);
    });
    let Some(crash) = crash else { return };
    crash.assert_signal(libc::SIGSEGV);
    crash.assert_dump("signal 11 (SIGSEGV) at 0x0 ", &BUSY);
}

/// What [`go_on`] found installed.
static FORMER: AtomicI32 = AtomicI32::new(0);
static FORMER_FUNCTION: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

extern "C" fn go_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void);
    FORMER.fetch_add(1, Ordering::SeqCst);
    // SAFETY: set before this was installed.
    let former = unsafe { mem::transmute::<usize, Handler>(FORMER_FUNCTION.load(Ordering::SeqCst)) };
    former(signal, info, context);
}

fn put_on_top(signal: i32) {
    FORMER_FUNCTION.store(disposition(signal), Ordering::SeqCst);
    install_handler(signal, go_on as *const () as usize, libc::SA_SIGINFO);
}

#[test]
fn x2_a_later_handler_may_go_on_to_ours() {
    let crash = crashed(|| {
        install(Options::new());
        put_on_top(libc::SIGABRT);
        on_loop(|| raise(libc::SIGABRT));
    });
    let Some(crash) = crash else { return };
    crash.assert_signal(libc::SIGABRT);
    crash.assert_dump("signal 6 (SIGABRT) ", &BUSY);
}

#[test]
fn x2_uninstalling_brings_the_former_disposition_back_unless_another_came_on_top() {
    alone(|| {
        let before = crash_dump::SIGNALS.map(disposition);
        install(Options::new());
        assert!(crash_dump::SIGNALS.map(disposition).iter().zip(before).all(|(now, before)| *now != before));
        crash_dump::uninstall();
        assert_eq!(crash_dump::SIGNALS.map(disposition), before);
        crash_dump::uninstall();

        install_handler(libc::SIGABRT, note as *const () as usize, 0);
        install(Options::new());
        put_on_top(libc::SIGABRT);
        crash_dump::uninstall();
        assert_eq!(disposition(libc::SIGABRT), go_on as *const () as usize);
        // Ours goes on to the first, without a dump.
        raise(libc::SIGABRT);
        assert_eq!((SEEN.load(Ordering::SeqCst), FORMER.load(Ordering::SeqCst)), (1, 1));
        // Installed again, it is still below.
        install(Options::new());
        raise(libc::SIGABRT);
        assert_eq!((SEEN.load(Ordering::SeqCst), FORMER.load(Ordering::SeqCst)), (2, 2));
    });
}

#[test]
fn x2_new_options_replace_the_former_ones() {
    let path = std::env::temp_dir().join(format!("mcp_event_crash_{}", std::process::id()));
    let crash = in_own_process(
        |command| {
            command.env("MCP_EVENT_TEST_FILE", &path);
        },
        || {
            let before = disposition(libc::SIGFPE);
            let file = fs::File::create(std::env::var_os("MCP_EVENT_TEST_FILE").unwrap()).unwrap();
            install(Options::new());
            install(Options::new().fd(file.as_raw_fd()).signals([libc::SIGSEGV]));
            assert_eq!(disposition(libc::SIGFPE), before);
            // What is refused changes nothing.
            assert!(matches!(
                crash_dump::install(&Options::new().signals([])),
                Err(Error::InvalidArgument(_))
            ));
            on_loop(write_to_null);
        },
    );
    let Some(output) = crash else { return };
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV));
    assert!(!String::from_utf8(output.stderr).unwrap().contains("mcp_event crash"));
    let written = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(written.starts_with("mcp_event crash: signal 11 (SIGSEGV) at 0x0 "), "{written}");
    assert!(written.ends_with("  no tracked objects\nmcp_event crash: end of dump\n"), "{written}");
}

#[test]
fn x2_options_that_make_no_sense_are_refused() {
    alone(|| {
        let before = crash_dump::SIGNALS.map(disposition);
        let refuse = |options: Options| crash_dump::install(&options).unwrap_err();
        assert!(matches!(refuse(Options::new().signals([])), Error::InvalidArgument(_)));
        assert!(matches!(refuse(Options::new().signals([libc::SIGTERM])), Error::InvalidArgument(_)));
        assert_eq!(os_code(crash_dump::install(&Options::new().fd(4711))), libc::EBADF);
        assert_eq!(os_code(crash_dump::install(&Options::new().fd(-1))), libc::EBADF);
        let reader = fs::File::open("/dev/null").unwrap();
        assert!(matches!(refuse(Options::new().fd(reader.as_raw_fd())), Error::InvalidArgument(_)));
        assert_eq!(crash_dump::SIGNALS.map(disposition), before);
    });
}

#[test]
fn x2_a_listener_for_sigabrt_replaces_its_default_action_in_either_order() {
    for dumps_first in [true, false] {
        let body = move || {
            let dumps_first = std::env::var_os("MCP_EVENT_TEST_DUMPS_FIRST").is_some();
            let (dispatcher, log) = (dispatcher(), Log::new());
            if dumps_first {
                install(Options::new());
            }
            let event = dispatcher.listen_for_signal(libc::SIGABRT, log.note("told")).unwrap();
            if !dumps_first {
                install(Options::new());
            }
            raise(libc::SIGABRT);
            pump(&dispatcher);
            assert_eq!(log.take(), ["told"]);
            // In the reverse order, so that each finds its own on top.
            if dumps_first {
                drop(event);
                crash_dump::uninstall();
            } else {
                crash_dump::uninstall();
                drop(event);
            }
            assert_eq!(disposition(libc::SIGABRT), libc::SIG_DFL);
        };
        let prepare = |command: &mut std::process::Command| {
            if dumps_first {
                command.env("MCP_EVENT_TEST_DUMPS_FIRST", "1");
            }
        };
        let Some(output) = in_own_process(prepare, body) else { return };
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{errors}");
        assert!(errors.contains("mcp_event crash: signal 6 (SIGABRT) sent by process "), "{errors}");
    }
}

#[test]
fn x2_a_forked_child_has_dumps_of_its_own() {
    let crash = crashed(|| {
        install(Options::new());
        // SAFETY: the child only crashes.
        let child = unsafe { libc::fork() };
        if child == 0 {
            on_loop(write_to_null);
        }
        let mut status = 0;
        // SAFETY: valid for the call.
        unsafe { libc::waitpid(child, &mut status, 0) };
        assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGSEGV);
    });
    let Some(crash) = crash else { return };
    assert_eq!(crash.code, Some(0), "{}", crash.errors);
    crash.assert_dump("signal 11 (SIGSEGV) at 0x0 ", &BUSY);
}

#[test]
fn x2_a_reader_that_is_gone_does_not_change_how_the_process_dies() {
    let crash = crashed(|| {
        // SAFETY: a plain system call: as in a program in C.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let (reader, writer) = std::io::pipe().unwrap();
        install(Options::new().fd(writer.as_raw_fd()));
        drop(reader);
        on_loop(write_to_null);
    });
    let Some(crash) = crash else { return };
    crash.assert_signal(libc::SIGSEGV);
}
