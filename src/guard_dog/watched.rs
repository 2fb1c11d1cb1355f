//! What a guard dog watches.

use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::judge::Standing;
use super::{Event, ThreadFigures};
use crate::dispatcher::core::Core;
use crate::dispatcher::{Doing, Handle, Nanos, Pulse, Watchdog};
use crate::thread_id::thread_id;

/// A watch over code that is no dispatcher of this library: it is touched, and each touch shows that the thread gets
/// on. Made by [`GuardDog::watch_touched`](super::GuardDog::watch_touched); it ends when this is dropped.
///
/// A touch costs one relaxed increment and one relaxed store.
pub struct TouchedWatch {
    touches: AtomicU64,
    /// The thread that touched last.
    thread: AtomicI32,
    /// When a scan last saw that it had been touched.
    seen: AtomicU64,
}

impl TouchedWatch {
    pub(super) fn new(now: Nanos) -> TouchedWatch {
        TouchedWatch { touches: AtomicU64::new(0), thread: AtomicI32::new(0), seen: AtomicU64::new(now) }
    }

    /// When a scan of the guard dog last saw that it had been touched, in the time of `CLOCK_MONOTONIC`.
    pub fn last_seen(&self) -> Duration {
        Duration::from_nanos(self.seen.load(Ordering::Relaxed))
    }
}

impl Watchdog for TouchedWatch {
    fn touch(&self) {
        self.touches.fetch_add(1, Ordering::Relaxed);
        self.thread.store(thread_id(), Ordering::Relaxed);
    }
}

/// Who is watched. Watching keeps nobody alive.
#[derive(Clone)]
pub(super) enum Subject {
    Loop(Weak<Core>),
    Touched(Weak<TouchedWatch>),
}

/// How a subject stands at one moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Loop(Pulse),
    Touched { touches: u64, thread: i32 },
}

impl Look {
    fn is_idle(self) -> bool {
        matches!(self, Look::Loop(pulse) if pulse.is_idle)
    }

    pub(super) fn thread(self) -> i32 {
        match self {
            Look::Loop(pulse) => pulse.thread,
            Look::Touched { thread, .. } => thread,
        }
    }

    pub(super) fn doing(self) -> Option<Doing> {
        match self {
            Look::Loop(pulse) => Some(pulse.doing),
            Look::Touched { .. } => None,
        }
    }
}

impl Subject {
    /// The loop's core, unless its dispatcher is gone.
    pub(super) fn core(&self) -> Option<Arc<Core>> {
        match self {
            Subject::Loop(core) => core.upgrade().filter(|core| !core.closed.load(Ordering::SeqCst)),
            Subject::Touched(_) => None,
        }
    }

    /// None: it is gone.
    pub(super) fn look(&self) -> Option<Look> {
        match self {
            Subject::Loop(_) => self.core().map(|core| Look::Loop(core.pulse())),
            Subject::Touched(watch) => watch.upgrade().map(|watch| Look::Touched {
                touches: watch.touches.load(Ordering::Relaxed),
                thread: watch.thread.load(Ordering::Relaxed),
            }),
        }
    }

    pub(super) fn is_loop(&self, handle: &Handle) -> bool {
        matches!(self, Subject::Loop(core) if std::ptr::eq(core.as_ptr(), Arc::as_ptr(handle.core())))
    }

    /// A scan saw it get on.
    fn stamp(&self, now: Nanos) {
        if let Subject::Touched(watch) = self
            && let Some(watch) = watch.upgrade()
        {
            watch.seen.store(now, Ordering::Relaxed);
        }
    }
}

/// One that is watched, and what is known of it.
pub(super) struct Watched {
    pub(super) subject: Subject,
    pub(super) name: String,
    /// As the last scan saw it.
    pub(super) last: Look,
    pub(super) standing: Standing,
    pub(super) misses: u64,
    pub(super) megamisses: u64,
}

impl Watched {
    /// None: it is gone already.
    pub(super) fn new(subject: Subject, name: String, now: Nanos) -> Option<Watched> {
        let last = subject.look()?;
        Some(Watched { subject, name, last, standing: Standing::new(now), misses: 0, megamisses: 0 })
    }

    /// Looks again. Whether it got on since; `None`: it is gone.
    pub(super) fn look_again(&mut self, now: Nanos) -> Option<bool> {
        let look = self.subject.look()?;
        let got_on = look.is_idle() || self.last != look;
        self.last = look;
        if look.is_idle()
            && let Some(core) = self.subject.core()
        {
            core.nudge();
        }
        if got_on {
            self.subject.stamp(now);
        }
        Some(got_on)
    }

    /// Counts an event of its own.
    pub(super) fn count(&mut self, event: Event) {
        match event {
            Event::Miss => self.misses += 1,
            Event::Megamiss => self.megamisses += 1,
            _ => {}
        }
    }

    pub(super) fn figures(&self, now: Nanos) -> ThreadFigures {
        let stuck = self.standing.is_told().then(|| Duration::from_nanos(self.standing.stuck_for(now)));
        ThreadFigures {
            name: self.name.clone(),
            misses: self.misses,
            megamisses: self.megamisses,
            stuck_for: stuck,
        }
    }
}
