//! Signals: promises N1 to N6. Dispositions belong to the process, so each test has a signal of its own.

// What Windows has instead is in console_signal.rs.
#![cfg(unix)]

mod common;

use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use std::{mem, ptr, thread};

use common::*;
use mcp_event::{Error, RunType};

fn disposition(signal: i32) -> usize {
    // SAFETY: all-zero is a valid sigaction, and it is written to.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        assert_eq!(libc::sigaction(signal, ptr::null(), &mut action), 0);
        action.sa_sigaction
    }
}

fn install(signal: i32, handler: usize, flags: i32) {
    // SAFETY: all-zero is a valid sigaction; the handlers below are async-signal-safe.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = flags;
        assert_eq!(libc::sigaction(signal, &action, ptr::null_mut()), 0);
    }
}

#[test]
fn n1_the_callback_runs_on_the_loop_thread() {
    let (background, signal) = (Background::start(dispatcher()), own_signal());
    let (heard, hearing) = mpsc::channel();
    let callback = move || heard.send(thread::current().id()).unwrap();
    let _listener = background.dispatcher.listen_for_signal(signal, callback).unwrap();
    raise(signal);
    assert_eq!(soon(&hearing), background.on_loop(|| thread::current().id()));
}

#[test]
fn n1_errno_survives_even_a_careless_handler_that_was_there_before() {
    extern "C" fn careless(_: i32) {
        *errno() = libc::EDOM;
    }
    let (dispatcher, signal, log) = (dispatcher(), own_signal(), Log::new());
    install(signal, careless as *const () as usize, 0);
    let _listener = dispatcher.listen_for_signal(signal, log.note("heard")).unwrap();
    *errno() = libc::ENOTTY;
    raise(signal);
    assert_eq!(*errno(), libc::ENOTTY);
    pump(&dispatcher);
    assert_eq!(log.take(), ["heard"]);
}

#[test]
fn n2_every_listener_on_every_dispatcher_fires() {
    let (first, second, signal, log) = (dispatcher(), dispatcher(), own_signal(), Log::new());
    let _listeners = [(&first, "a"), (&first, "b"), (&second, "c")]
        .map(|(dispatcher, name)| dispatcher.listen_for_signal(signal, log.note(name)).unwrap());
    raise(signal);
    pump(&first);
    assert_eq!(log.take(), ["a", "b"]);
    pump(&second);
    assert_eq!(log.take(), ["c"]);
    // Once.
    pump(&first);
    pump(&second);
    assert_eq!(log.take(), [""; 0]);
}

#[test]
fn n2_signals_are_told_apart() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let signals = [own_signal(), own_signal()];
    let _listeners = signals.map(|signal| dispatcher.listen_for_signal(signal, log.note(signal)).unwrap());
    raise(signals[1]);
    pump(&dispatcher);
    assert_eq!(log.take(), [signals[1]]);
}

#[test]
fn n3_a_callback_comes_after_the_last_delivery() {
    let (background, signal) = (Background::start(dispatcher()), own_signal());
    let (raised, heard) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (count, latest) = (raised.clone(), heard.clone());
    let callback = move || latest.store(count.load(Ordering::SeqCst), Ordering::SeqCst);
    let _listener = background.dispatcher.listen_for_signal(signal, callback).unwrap();
    for _ in 0..200 {
        for _ in 0..3 {
            raised.fetch_add(1, Ordering::SeqCst);
            raise(signal);
        }
        while heard.load(Ordering::SeqCst) != raised.load(Ordering::SeqCst) {
            thread::yield_now();
        }
    }
}

#[test]
fn n3_a_listener_made_by_another_thread_hears_the_very_next_signal() {
    let (background, signal) = (Background::start(dispatcher()), own_signal());
    // Another listener keeps the loop busy with the signal.
    let _other = background.dispatcher.listen_for_signal(signal, || ()).unwrap();
    for _ in 0..500 {
        raise(signal);
        let (heard, hearing) = mpsc::channel();
        let callback = move || heard.send(()).unwrap_or(());
        let listener = background.dispatcher.listen_for_signal(signal, callback).unwrap();
        raise(signal);
        soon(&hearing);
        drop(listener);
    }
}

#[test]
fn n3_a_signal_wakes_a_blocking_run() {
    let (dispatcher, signal) = (dispatcher(), own_signal());
    let handle = dispatcher.handle();
    let _listener = dispatcher.listen_for_signal(signal, move || handle.exit()).unwrap();
    let timer = dispatcher.create_timer(move || raise(signal));
    timer.enable(Duration::ZERO);
    dispatcher.run(RunType::Block).unwrap();
}

#[test]
fn n4_a_listener_may_destroy_itself_and_its_neighbour() {
    let (dispatcher, signal, log) = (dispatcher(), own_signal(), Log::new());
    let slots = [Slot::new(), Slot::new()];
    let (victims, mut note, ended) = (slots.clone(), log.note("first"), log.on_drop("its closure is gone"));
    let first = dispatcher.listen_for_signal(signal, move || {
        let _owned = &ended;
        victims.iter().for_each(Slot::destroy);
        note();
    });
    slots[0].put(first.unwrap());
    slots[1].put(dispatcher.listen_for_signal(signal, log.note("second")).unwrap());
    let _third = dispatcher.listen_for_signal(signal, log.note("third")).unwrap();
    for _ in 0..2 {
        raise(signal);
        pump(&dispatcher);
    }
    assert_eq!(log.take(), ["first", "its closure is gone", "third", "third"]);
}

#[test]
fn n5_the_former_handler_is_called_and_comes_back() {
    static PLAIN: AtomicI32 = AtomicI32::new(0);
    static WITH_INFO: AtomicI32 = AtomicI32::new(0);
    extern "C" fn plain(signal: i32) {
        PLAIN.store(signal, Ordering::SeqCst);
    }
    extern "C" fn with_info(_: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
        // SAFETY: the kernel's, passed on.
        WITH_INFO.store(unsafe { (*info).si_signo }, Ordering::SeqCst);
    }
    let (dispatcher, log) = (dispatcher(), Log::new());
    for (former, flags, called) in [
        (plain as *const () as usize, 0, &PLAIN),
        (with_info as *const () as usize, libc::SA_SIGINFO, &WITH_INFO),
    ] {
        let signal = own_signal();
        install(signal, former, flags);
        let listeners = [(); 2].map(|()| dispatcher.listen_for_signal(signal, log.note("heard")).unwrap());
        assert_ne!(disposition(signal), former);
        raise(signal);
        assert_eq!(called.load(Ordering::SeqCst), signal);
        pump(&dispatcher);
        assert_eq!(log.take(), ["heard"; 2]);
        let [first, last] = listeners;
        drop(first);
        assert_ne!(disposition(signal), former);
        drop(last);
        assert_eq!(disposition(signal), former);
    }
}

#[test]
fn n5_the_default_disposition_comes_back_even_after_the_dispatcher() {
    let (dispatcher, signal) = (dispatcher(), own_signal());
    let listener = dispatcher.listen_for_signal(signal, || ()).unwrap();
    drop(dispatcher);
    assert_ne!(disposition(signal), libc::SIG_DFL);
    // Deadly, were ours not still there.
    raise(signal);
    drop(listener);
    assert_eq!(disposition(signal), libc::SIG_DFL);
}

#[test]
fn n5_a_handler_installed_over_ours_stays() {
    extern "C" fn theirs(_: i32) {}
    let (dispatcher, signal) = (dispatcher(), own_signal());
    let listener = dispatcher.listen_for_signal(signal, || ()).unwrap();
    install(signal, theirs as *const () as usize, 0);
    drop(listener);
    assert_eq!(disposition(signal), theirs as *const () as usize);
}

#[test]
fn n5_an_ignored_signal_is_heard_and_then_ignored_again() {
    let (dispatcher, signal, log) = (dispatcher(), own_signal(), Log::new());
    install(signal, libc::SIG_IGN, 0);
    let listener = dispatcher.listen_for_signal(signal, log.note("heard")).unwrap();
    raise(signal);
    pump(&dispatcher);
    assert_eq!(log.take(), ["heard"]);
    drop(listener);
    assert_eq!(disposition(signal), libc::SIG_IGN);
}

#[test]
fn n6_an_invalid_signal_is_an_error() {
    let dispatcher = dispatcher();
    let faults = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL];
    // The C library keeps 32 and 33 to itself.
    let others = [0, -1, i32::MIN, 32, 33, 65, 4096, i32::MAX, libc::SIGKILL, libc::SIGSTOP];
    for signal in others.into_iter().chain(faults) {
        let result = dispatcher.listen_for_signal(signal, || ());
        assert!(matches!(result, Err(Error::InvalidArgument(_))), "{signal}");
    }
}
