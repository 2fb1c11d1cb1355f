//! Crash dumps: promise X2. Processes that really crash.

mod common;

use std::ffi::c_int;
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Barrier};
use std::{fmt, fs, hint, mem, ptr, thread};

use common::*;
use mcp_event::crash_dump::{self, Options};
use mcp_event::{Dispatcher, Error, FileReady, Handle, Label, RunType, TrackedObject, Trigger, Worker};

/// How a process ended.
struct Crash {
    signal: Option<i32>,
    code: Option<i32>,
    errors: String,
}

/// Runs the body of the calling test in a process of its own, which is to crash. `None` in that process.
fn crashed<F: FnOnce()>(body: F) -> Option<Crash> {
    let output = in_own_process(|_| (), body)?;
    let errors = String::from_utf8(output.stderr).unwrap();
    Some(Crash { signal: output.status.signal(), code: output.status.code(), errors })
}

const END: &str = "mcp_event crash: end of dump";

impl Crash {
    #[track_caller]
    fn assert_signal(&self, signal: i32) {
        assert_eq!((self.signal, self.code), (Some(signal), None), "{}", self.errors);
    }

    /// The lines of the one dump, between the first and the last.
    #[track_caller]
    fn dump(&self) -> Vec<&str> {
        let mut lines = self.errors.lines().skip_while(|line| !line.starts_with("mcp_event crash: "));
        let first = lines.next().unwrap_or_else(|| panic!("no dump: {}", self.errors));
        let dump: Vec<_> = lines.by_ref().take_while(|line| *line != END).collect();
        assert_eq!(self.errors.matches(END).count(), 1, "{}", self.errors);
        assert!(lines.all(|line| !line.starts_with("mcp_event crash: ")), "{}", self.errors);
        [first].into_iter().chain(dump).collect()
    }

    /// The first line begins with `how`; what follows is `rest`.
    #[track_caller]
    fn assert_dump(&self, how: &str, rest: &[&str]) {
        let dump = self.dump();
        assert!(dump[0].starts_with(&format!("mcp_event crash: {how}")), "{dump:#?}");
        assert_eq!(dump[1..], *rest, "{dump:#?}");
    }
}

/// Keeps the machine free of core files.
fn no_core_file() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: valid for the call.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
}

fn install(options: Options) {
    no_core_file();
    crash_dump::install(&options).unwrap();
}

/// Runs `work` in a post of a loop.
fn on_loop(work: impl FnOnce() + Send + 'static) {
    let dispatcher = Dispatcher::new("doomed").unwrap();
    dispatcher.post(work).unwrap();
    dispatcher.run(RunType::NonBlock).unwrap();
}

fn write_to_null() {
    // SAFETY: none; that is the point.
    unsafe { hint::black_box(ptr::null_mut::<u8>()).write_volatile(0) };
}

struct Named(&'static str);

impl TrackedObject for Named {
    fn dump_state(&self, out: &mut dyn fmt::Write, indent: usize) -> fmt::Result {
        writeln!(out, "{:indent$}{}", "", self.0)
    }
}

#[test]
fn x2_a_write_to_null_shows_the_loop_and_its_objects() {
    let crash = crashed(|| {
        install(Options::new());
        thread::Builder::new()
            .name("doomed thread".into())
            .spawn(|| {
                let dispatcher = Dispatcher::new("doomed").unwrap();
                let handle = dispatcher.handle();
                let work = move || {
                    handle.with_tracked(&Named("connection 7"), || {
                        handle.with_tracked(&Named("request 42"), write_to_null);
                    });
                };
                dispatcher.post_labelled(Label::new("tools/call").unwrap(), work).unwrap();
                dispatcher.run(RunType::NonBlock).unwrap();
            })
            .unwrap()
            .join()
            .unwrap();
    });
    let Some(crash) = crash else { return };
    crash.assert_signal(libc::SIGSEGV);
    let expected = [
        "  dispatcher doomed: post (tools/call)",
        "  tracked objects, innermost first:",
        "    request 42",
        "     connection 7",
    ];
    crash.assert_dump("signal 11 (SIGSEGV) at 0x0 on thread doomed thread (tid ", &expected);
}

const BUSY: [&str; 2] = ["  dispatcher doomed: post", "  no tracked objects"];

#[test]
fn x2_a_page_past_the_end_of_a_file() {
    let crash = crashed(|| {
        install(Options::new());
        on_loop(|| {
            // SAFETY: a new file and mapping; the access is the crash.
            unsafe {
                let fd = libc::memfd_create(c"empty".as_ptr(), 0);
                let page = libc::mmap(ptr::null_mut(), 4096, libc::PROT_READ, libc::MAP_SHARED, fd, 0);
                hint::black_box(page.cast::<u8>()).read_volatile();
            }
        });
    });
    let Some(crash) = crash else { return };
    crash.assert_signal(libc::SIGBUS);
    crash.assert_dump("signal 7 (SIGBUS) at 0x", &BUSY);
}

#[test]
fn x2_an_abort() {
    let crash = crashed(|| {
        install(Options::new());
        on_loop(|| std::process::abort());
    });
    let Some(crash) = crash else { return };
    crash.assert_signal(libc::SIGABRT);
    crash.assert_dump("signal 6 (SIGABRT) sent by process ", &BUSY);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn x2_a_division_by_zero() {
    let crash = crashed(|| {
        install(Options::new());
        // SAFETY: the trap is the crash.
        on_loop(|| unsafe {
            std::arch::asm!("div {0:e}", in(reg) 0, inout("eax") 1 => _, inout("edx") 0 => _);
        });
    });
    let Some(crash) = crash else { return };
    crash.assert_signal(libc::SIGFPE);
    crash.assert_dump("signal 8 (SIGFPE) at 0x", &BUSY);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn x2_an_illegal_instruction() {
    let crash = crashed(|| {
        install(Options::new());
        // SAFETY: the trap is the crash.
        on_loop(|| unsafe { std::arch::asm!("ud2") });
    });
    let Some(crash) = crash else { return };
    crash.assert_signal(libc::SIGILL);
    crash.assert_dump("signal 4 (SIGILL) at 0x", &BUSY);
}

/// Any of the signals may also be sent.
#[test]
fn x2_a_fault_that_was_sent() {
    let crash = crashed(|| {
        install(Options::new());
        on_loop(|| raise(libc::SIGFPE));
    });
    let Some(crash) = crash else { return };
    crash.assert_signal(libc::SIGFPE);
    crash.assert_dump("signal 8 (SIGFPE) sent by process ", &BUSY);
}

#[expect(unconditional_recursion, reason = "until the stack is full")]
fn recurse(depth: u64) -> u64 {
    let room = hint::black_box([depth; 64]);
    recurse(depth + 1) + hint::black_box(room)[1]
}

fn overflow_stack() {
    hint::black_box(recurse(0));
}

#[test]
fn x2_a_stack_overflow_on_a_thread_of_rust_has_its_message_too() {
    let crash = crashed(|| {
        install(Options::new());
        let worker = Worker::new(3).unwrap();
        worker.start(None).unwrap();
        let handle = worker.dispatcher().handle();
        worker
            .dispatcher()
            .post(move || {
                handle.with_tracked(&Named("deep request"), overflow_stack);
            })
            .unwrap();
        loop {
            thread::park();
        }
    });
    let Some(crash) = crash else { return };
    // Rust's own handler runs after ours, and aborts.
    crash.assert_signal(libc::SIGABRT);
    assert!(crash.errors.contains("has overflowed its stack"), "{}", crash.errors);
    let expected = ["  dispatcher worker_3: post", "  tracked objects, innermost first:", "    deep request"];
    crash.assert_dump("signal 11 (SIGSEGV) at 0x", &expected);
}

extern "C" fn overflow_in_a_loop(_: *mut libc::c_void) -> *mut libc::c_void {
    on_loop(overflow_stack);
    ptr::null_mut()
}

#[test]
fn x2_a_stack_overflow_on_a_thread_without_a_signal_stack() {
    let crash = crashed(|| {
        install(Options::new());
        let mut thread = 0;
        // SAFETY: the function lives for ever and needs no argument.
        unsafe {
            libc::pthread_create(&mut thread, ptr::null(), overflow_in_a_loop, ptr::null_mut());
            libc::pthread_join(thread, ptr::null_mut());
        }
    });
    let Some(crash) = crash else { return };
    crash.assert_signal(libc::SIGSEGV);
    crash.assert_dump("signal 11 (SIGSEGV) at 0x", &BUSY);
}

#[test]
fn x2_nested_loops_come_innermost_first() {
    let crash = crashed(|| {
        install(Options::new());
        on_loop(|| {
            let inner = Dispatcher::new("inner\nloop").unwrap();
            let handle = inner.handle();
            let timer =
                inner.create_timer(move || handle.with_tracked(&Named("inner object"), write_to_null));
            timer.enable(std::time::Duration::ZERO);
            inner.run(RunType::NonBlock).unwrap();
        });
    });
    let Some(crash) = crash else { return };
    crash.assert_signal(libc::SIGSEGV);
    let expected = [
        "  dispatcher inner?loop: timer",
        "  tracked objects, innermost first:",
        "    inner object",
        BUSY[0],
        BUSY[1],
    ];
    crash.assert_dump("signal 11 (SIGSEGV) at 0x0 ", &expected);
}

#[test]
fn x2_the_kind_of_callback_is_told() {
    let crash = crashed(|| {
        install(Options::new());
        let dispatcher = Dispatcher::new("doomed").unwrap();
        let (reader, _writer) = pipe_with(b"x");
        // SAFETY: both are open.
        assert_eq!(unsafe { libc::dup2(reader.as_raw_fd(), 77) }, 77);
        let event = dispatcher
            .create_file_event(77, Trigger::Level, FileReady::READ, |_| std::process::abort())
            .unwrap();
        event.set_label(Label::new("accept").unwrap());
        dispatcher.run(RunType::NonBlock).unwrap();
    });
    let Some(crash) = crash else { return };
    let expected = ["  dispatcher doomed: file event on fd 77 (accept)", BUSY[1]];
    crash.assert_dump("signal 6 (SIGABRT) ", &expected);
}

#[test]
fn x2_a_thread_without_a_loop() {
    let crash = crashed(|| {
        install(Options::new());
        // A loop that waits on another thread is not this one's.
        let _other = Background::start(Dispatcher::new("other").unwrap());
        write_to_null();
    });
    let Some(crash) = crash else { return };
    crash.assert_signal(libc::SIGSEGV);
    crash.assert_dump("signal 11 (SIGSEGV) at 0x0 ", &["  it runs no loop"]);
}

#[test]
fn x2_a_signal_that_another_process_sent() {
    let crash = crashed(|| {
        install(Options::new());
        in_forked_child(|| {
            // SAFETY: it only asks and sends.
            unsafe { libc::kill(libc::getppid(), libc::SIGILL) };
        });
        loop {
            thread::park();
        }
    });
    let Some(crash) = crash else { return };
    crash.assert_signal(libc::SIGILL);
    crash.assert_dump("signal 4 (SIGILL) sent by process ", &["  it runs no loop"]);
}

#[test]
fn x2_a_panic_that_ends_the_process_shows_the_worker() {
    let crash = crashed(|| {
        install(Options::new());
        let worker = Worker::new(5).unwrap();
        worker.start(None).unwrap();
        worker.dispatcher().post(|| panic!("on purpose")).unwrap();
        loop {
            thread::park();
        }
    });
    let Some(crash) = crash else { return };
    crash.assert_signal(libc::SIGABRT);
    let dump = crash.dump();
    assert!(dump[0].contains(" on thread worker_5 (tid "), "{dump:#?}");
}

/// Describes itself in some way that goes wrong.
struct Broken(fn(&mut dyn fmt::Write) -> fmt::Result);

impl TrackedObject for Broken {
    fn dump_state(&self, out: &mut dyn fmt::Write, _: usize) -> fmt::Result {
        (self.0)(out)
    }
}

fn crash_halfway(out: &mut dyn fmt::Write) -> fmt::Result {
    write!(out, "half")?;
    write_to_null();
    Ok(())
}

/// Crashes with all of `objects` tracked, the last one innermost.
fn crash_with(handle: &Handle, objects: &[Broken]) {
    match objects.split_first() {
        Some((first, rest)) => handle.with_tracked(first, || crash_with(handle, rest)),
        None => write_to_null(),
    }
}

fn crash_on_loop_with<const N: usize>(objects: [Broken; N]) {
    let dispatcher = Dispatcher::new("doomed").unwrap();
    let handle = dispatcher.handle();
    dispatcher.post(move || crash_with(&handle, &objects)).unwrap();
    dispatcher.run(RunType::NonBlock).unwrap();
}

#[test]
fn x2_an_object_that_crashes_does_not_hide_those_further_out() {
    let crash = crashed(|| {
        install(Options::new());
        crash_on_loop_with([
            Broken(|out| out.write_str("outermost, without an end of line")),
            Broken(|_| std::process::abort()),
            Broken(|_| Err(fmt::Error)),
            Broken(|_| std::panic::resume_unwind(Box::new(()))),
            Broken(crash_halfway),
            Broken(|out| out.write_str("two\nlines, the last without an end")),
        ]);
    });
    let Some(crash) = crash else { return };
    crash.assert_signal(libc::SIGSEGV);
    let dump = crash.dump();
    let sent = "    (this crashed: signal 6 (SIGABRT) sent by process ";
    assert!(dump[9].starts_with(sent), "{dump:#?}");
    let expected = [
        BUSY[0],
        "  tracked objects, innermost first:",
        "    two",
        "    lines, the last without an end",
        "    half",
        "    (this crashed: signal 11 (SIGSEGV) at 0x0)",
        "    (this panicked)",
        "    (this failed to describe itself)",
        dump[9],
        "    outermost, without an end of line",
    ];
    crash.assert_dump("signal 11 (SIGSEGV) at 0x0 ", &expected);
}

#[test]
fn x2_a_description_that_overflows_the_signal_stack_does_not_hang() {
    let crash = crashed(|| {
        install(Options::new());
        crash_on_loop_with([
            Broken(|out| out.write_str("outer\n")),
            Broken(|_| {
                overflow_stack();
                Ok(())
            }),
        ]);
    });
    let Some(crash) = crash else { return };
    crash.assert_signal(libc::SIGSEGV);
    assert!(crash.errors.contains(BUSY[0]), "{}", crash.errors);
}

#[test]
fn x2_too_many_crashes_end_the_dump() {
    let crash = crashed(|| {
        install(Options::new());
        crash_on_loop_with([const { Broken(crash_halfway) }; 20]);
    });
    let Some(crash) = crash else { return };
    crash.assert_signal(libc::SIGSEGV);
    assert_eq!(crash.errors.matches("(this crashed: ").count(), 9, "{}", crash.errors);
    assert!(crash.errors.contains("mcp_event crash: dump given up\n"), "{}", crash.errors);
}

#[test]
fn x2_two_threads_that_crash_at_once_do_not_mix_their_lines() {
    let crash = crashed(|| {
        install(Options::new());
        let together = Arc::new(Barrier::new(2));
        for _ in 0..2 {
            let together = together.clone();
            thread::spawn(move || {
                on_loop(move || {
                    together.wait();
                    write_to_null();
                });
            });
        }
        loop {
            thread::park();
        }
    });
    let Some(crash) = crash else { return };
    crash.assert_signal(libc::SIGSEGV);
    // The second may have begun one too before the process died.
    let lines: Vec<_> =
        crash.errors.lines().skip_while(|line| !line.starts_with("mcp_event crash: ")).collect();
    assert!(lines[0].starts_with("mcp_event crash: signal 11 (SIGSEGV) at 0x0 "), "{lines:#?}");
    assert_eq!(lines[1..4], [BUSY[0], BUSY[1], END], "{lines:#?}");
}

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
            // SAFETY: this thread's.
            unsafe { *libc::__errno_location() = 4711 };
            raise(libc::SIGABRT);
            // SAFETY: as above.
            assert_eq!(unsafe { *libc::__errno_location() }, 4711);
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
