//! Signals on Windows: promises N1 to N6, as far as it has signals. Those few belong to the process, and so does its
//! console, so each test runs in a process of its own.

#![cfg(windows)]

mod common;

use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc;
use std::thread;

use common::*;
use mcp_event::Error;
use windows_sys::Win32::System::Console::{
    CTRL_BREAK_EVENT, CTRL_C_EVENT, GenerateConsoleCtrlEvent, SetConsoleCtrlHandler,
};

const SIGNALS: [i32; 3] = [libc::SIGINT, SIGNAL, OTHER_SIGNAL];

#[test]
fn n1_the_callback_runs_on_the_loop_thread() {
    alone(|| {
        let background = Background::start(dispatcher());
        for signal in SIGNALS {
            let (heard, hearing) = mpsc::channel();
            let callback = move || heard.send(thread::current().id()).unwrap();
            let _listener = background.dispatcher.listen_for_signal(signal, callback).unwrap();
            raise(signal);
            assert_eq!(soon(&hearing), background.on_loop(|| thread::current().id()));
        }
    });
}

#[test]
fn n1_what_is_typed_at_the_console_is_heard() {
    alone(|| {
        // Who was started in the background may have Ctrl-C switched off.
        // SAFETY: plain calls.
        unsafe { SetConsoleCtrlHandler(None, 0) };
        let background = Background::start(dispatcher());
        for (signal, event) in [(libc::SIGINT, CTRL_C_EVENT), (OTHER_SIGNAL, CTRL_BREAK_EVENT)] {
            let (heard, hearing) = mpsc::channel();
            let callback = move || heard.send(()).unwrap();
            let _listener = background.dispatcher.listen_for_signal(signal, callback).unwrap();
            // SAFETY: plain call.
            if unsafe { GenerateConsoleCtrlEvent(event, 0) } == 0 {
                println!("there is no console: {}", std::io::Error::last_os_error());
                continue;
            }
            soon(&hearing);
        }
    });
}

#[test]
fn n2_every_listener_on_every_dispatcher_fires() {
    alone(|| {
        let (first, second, log) = (dispatcher(), dispatcher(), Log::new());
        let _listeners = [(&first, "a"), (&first, "b"), (&second, "c")]
            .map(|(dispatcher, name)| dispatcher.listen_for_signal(SIGNAL, log.note(name)).unwrap());
        let _other = first.listen_for_signal(OTHER_SIGNAL, log.note("another signal")).unwrap();
        raise(SIGNAL);
        pump(&first);
        assert_eq!(log.take(), ["a", "b"]);
        pump(&second);
        assert_eq!(log.take(), ["c"]);
    });
}

#[test]
fn n3_every_signal_is_heard_again() {
    alone(|| {
        let (dispatcher, log) = (dispatcher(), Log::new());
        let _listener = dispatcher.listen_for_signal(SIGNAL, log.note("heard")).unwrap();
        for _ in 0..100 {
            raise(SIGNAL);
            pump(&dispatcher);
            assert_eq!(log.take(), ["heard"]);
        }
    });
}

#[test]
fn n4_a_listener_may_destroy_itself() {
    alone(|| {
        let (dispatcher, log, slot) = (dispatcher(), Log::new(), Slot::new());
        let (victim, mut note) = (slot.clone(), log.note("heard"));
        let destroy = move || {
            victim.destroy();
            note();
        };
        slot.put(dispatcher.listen_for_signal(SIGNAL, destroy).unwrap());
        let _other = dispatcher.listen_for_signal(SIGNAL, log.note("another")).unwrap();
        for _ in 0..2 {
            raise(SIGNAL);
            pump(&dispatcher);
        }
        assert_eq!(log.take(), ["heard", "another", "another"]);
    });
}

#[test]
fn n5_the_former_handler_is_called_and_comes_back() {
    static CALLED: AtomicI32 = AtomicI32::new(0);
    extern "C" fn former(_: i32) {
        CALLED.fetch_add(1, Ordering::SeqCst);
    }
    fn set(handler: usize) -> usize {
        // SAFETY: it may be called at any time.
        unsafe { libc::signal(SIGNAL, handler) }
    }
    alone(|| {
        let (dispatcher, log, former) = (dispatcher(), Log::new(), former as *const () as usize);
        set(former);
        let listeners = [(); 2].map(|()| dispatcher.listen_for_signal(SIGNAL, log.note("heard")).unwrap());
        for times in 1..4 {
            raise(SIGNAL);
            assert_eq!(CALLED.load(Ordering::SeqCst), times);
            pump(&dispatcher);
            assert_eq!(log.take(), ["heard"; 2]);
        }
        drop(listeners);
        assert_eq!(set(libc::SIG_DFL), former);
    });
}

#[test]
fn n6_what_does_not_come_on_windows_is_an_error() {
    let dispatcher = dispatcher();
    for signal in (-1..65).chain([i32::MIN, i32::MAX]).filter(|signal| !SIGNALS.contains(signal)) {
        let result = dispatcher.listen_for_signal(signal, || ());
        assert!(matches!(result, Err(Error::InvalidArgument(_))), "{signal}");
    }
}
