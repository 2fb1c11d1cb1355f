//! The program's side: libevent as it uses it, found as the dispatchers find it.

use std::ffi::{CStr, c_char, c_int, c_short, c_void};
use std::os::fd::AsRawFd;
use std::ptr::{NonNull, null, null_mut};
use std::sync::OnceLock;
use std::time::Duration;

use libloading::os::unix::{Library, RTLD_NOW};
use mcp_event::{Dispatcher, SimulatedClock};

pub const EV_TIMEOUT: c_short = 0x01;
pub const EV_READ: c_short = 0x02;
pub const EV_SIGNAL: c_short = 0x08;
pub const EV_PERSIST: c_short = 0x10;
pub const EVLOOP_NONBLOCK: c_int = 2;

type Callback = unsafe extern "C-unwind" fn(c_int, c_short, *mut c_void);

macro_rules! functions {
    ($($name:ident($($argument:ty),*) $(-> $result:ty)?;)*) => {
        pub struct Functions { $(pub $name: unsafe extern "C-unwind" fn($($argument),*) $(-> $result)?,)* }

        pub fn libevent() -> &'static Functions {
            static FUNCTIONS: OnceLock<Functions> = OnceLock::new();
            // SAFETY: the types are those of libevent's headers, and nobody unloads it.
            FUNCTIONS.get_or_init(|| unsafe {
                let file = Library::open(Some("libevent_core-2.1.so.7"), RTLD_NOW).expect("libevent 2.1 is installed");
                let file = std::mem::ManuallyDrop::new(file);
                Functions { $($name: *file.get(stringify!($name)).unwrap(),)* }
            })
        }
    };
}

functions! {
    event_active(*mut c_void, c_int, c_short);
    event_add(*mut c_void, *const libc::timeval) -> c_int;
    event_base_dispatch(*mut c_void) -> c_int;
    event_base_free(*mut c_void);
    event_base_get_method(*const c_void) -> *const c_char;
    event_base_get_num_events(*mut c_void, u32) -> c_int;
    event_base_loop(*mut c_void, c_int) -> c_int;
    event_base_loopbreak(*mut c_void) -> c_int;
    event_base_loopexit(*mut c_void, *const libc::timeval) -> c_int;
    event_base_new() -> *mut c_void;
    event_base_once(*mut c_void, c_int, c_short, Callback, *mut c_void, *const libc::timeval) -> c_int;
    event_base_priority_init(*mut c_void, c_int) -> c_int;
    event_free(*mut c_void);
    event_new(*mut c_void, c_int, c_short, Callback, *mut c_void) -> *mut c_void;
    event_priority_set(*mut c_void, c_int) -> c_int;
}

/// An `event_base`, with what a program does to it. Living for as long as whoever it is says.
#[derive(Clone, Copy)]
pub struct Base(pub NonNull<c_void>);

// SAFETY: tests see to it that one thread at a time touches the base.
unsafe impl Send for Base {}

impl Base {
    /// Of the program's own, for the test's length.
    pub fn new() -> Base {
        // SAFETY: plain call.
        Base(NonNull::new(unsafe { (libevent().event_base_new)() }).unwrap())
    }

    pub fn of(dispatcher: &Dispatcher) -> Base {
        Base(dispatcher.libevent_base().expect("it runs on libevent"))
    }

    fn raw(self) -> *mut c_void {
        self.0.as_ptr()
    }

    pub fn dispatch(self) -> c_int {
        // SAFETY: the base is living.
        unsafe { (libevent().event_base_dispatch)(self.raw()) }
    }

    pub fn turn(self, flags: c_int) -> c_int {
        // SAFETY: the base is living.
        unsafe { (libevent().event_base_loop)(self.raw(), flags) }
    }

    pub fn break_loop(self) {
        // SAFETY: the base is living.
        assert_eq!(unsafe { (libevent().event_base_loopbreak)(self.raw()) }, 0);
    }

    pub fn exit_loop(self) {
        // SAFETY: the base is living.
        assert_eq!(unsafe { (libevent().event_base_loopexit)(self.raw(), null()) }, 0);
    }

    pub fn set_priorities(self, count: c_int) {
        // SAFETY: the base is living.
        assert_eq!(unsafe { (libevent().event_base_priority_init)(self.raw(), count) }, 0);
    }

    /// How many events are pending or active.
    pub fn event_count(self) -> c_int {
        // SAFETY: the base is living.
        unsafe { (libevent().event_base_get_num_events)(self.raw(), 1 | 2 | 4) }
    }

    pub fn method(self) -> &'static str {
        // SAFETY: the base is living, and the name static.
        unsafe { CStr::from_ptr((libevent().event_base_get_method)(self.raw())) }.to_str().unwrap()
    }

    pub fn free(self) {
        // SAFETY: nobody uses it any more.
        unsafe { (libevent().event_base_free)(self.raw()) };
    }

    /// Calls back once, in the base's next turn.
    pub fn once(self, handler: impl FnMut() + 'static) {
        unsafe extern "C-unwind" fn run(_: c_int, _: c_short, data: *mut c_void) {
            // SAFETY: the box below, once.
            let mut handler = unsafe { Box::from_raw(data.cast::<Box<dyn FnMut()>>()) };
            handler();
        }
        let handler: Box<Box<dyn FnMut()>> = Box::new(Box::new(handler));
        // SAFETY: the base is living, and calls it once.
        let added = unsafe {
            (libevent().event_base_once)(
                self.raw(),
                -1,
                EV_TIMEOUT,
                run,
                Box::into_raw(handler).cast(),
                null(),
            )
        };
        assert_eq!(added, 0);
    }

    pub fn on_timeout(self, handler: impl FnMut() + 'static) -> Event {
        Event::new(self, -1, 0, handler)
    }

    /// While `file` is readable; pending at once.
    pub fn on_readable(self, file: &impl AsRawFd, handler: impl FnMut() + 'static) -> Event {
        let event = Event::new(self, file.as_raw_fd(), EV_READ | EV_PERSIST, handler);
        event.add(None);
        event
    }

    /// Pending at once.
    pub fn on_signal(self, signal: c_int, handler: impl FnMut() + 'static) -> Event {
        let event = Event::new(self, signal, EV_SIGNAL | EV_PERSIST, handler);
        event.add(None);
        event
    }
}

/// A dispatcher on libevent in time that stands still: only what is asked for ends a wait.
pub fn dispatcher() -> Dispatcher {
    Dispatcher::builder("libevent").backend("libevent").clock(&SimulatedClock::new()).build().unwrap()
}

/// An `event` of the program's, freed at the end.
pub struct Event {
    raw: *mut c_void,
    handler: *mut Box<dyn FnMut()>,
}

// SAFETY: as for `Base`.
unsafe impl Send for Event {}

impl Event {
    fn new(base: Base, fd: c_int, what: c_short, handler: impl FnMut() + 'static) -> Event {
        unsafe extern "C-unwind" fn run(_: c_int, _: c_short, data: *mut c_void) {
            // SAFETY: the box below, which lives until the event is freed.
            unsafe { (*data.cast::<Box<dyn FnMut()>>())() };
        }
        let handler: *mut Box<dyn FnMut()> = Box::into_raw(Box::new(Box::new(handler)));
        // SAFETY: the base is living.
        let raw = unsafe { (libevent().event_new)(base.raw(), fd, what, run, handler.cast()) };
        assert_ne!(raw, null_mut());
        Event { raw, handler }
    }

    pub fn add(&self, timeout: Option<Duration>) {
        let timeout = timeout.map(|timeout| libc::timeval {
            tv_sec: timeout.as_secs() as _,
            tv_usec: timeout.subsec_micros() as _,
        });
        let timeout = timeout.as_ref().map_or(null(), std::ptr::from_ref);
        // SAFETY: a living event.
        assert_eq!(unsafe { (libevent().event_add)(self.raw, timeout) }, 0);
    }

    /// Makes it active by hand.
    pub fn activate(&self) {
        // SAFETY: a living event.
        unsafe { (libevent().event_active)(self.raw, EV_TIMEOUT.into(), 0) };
    }

    pub fn set_priority(&self, priority: c_int) {
        // SAFETY: a living event.
        assert_eq!(unsafe { (libevent().event_priority_set)(self.raw, priority) }, 0);
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: made by `new`; a freed event is not called any more.
        unsafe {
            (libevent().event_free)(self.raw);
            drop(Box::from_raw(self.handler));
        }
    }
}
