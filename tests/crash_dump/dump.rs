//! What a dump says, for each way to crash.

use std::os::fd::AsRawFd;
use std::sync::{Arc, Barrier};
use std::{fmt, hint, ptr, thread};

use mcp_event::crash_dump::Options;
use mcp_event::{Dispatcher, FileReady, Handle, Label, RunType, TrackedObject, Trigger, Worker};

use crate::common::*;
use crate::crash::*;

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

#[cfg(target_os = "linux")]
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
