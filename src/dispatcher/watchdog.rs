//! Touching a watchdog: the loop tells it that it lives, before every callback and from a timer.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::closure::{Outcome, guarded};
use super::core::{Access, Command, Core, OnLoop};
use super::timer::PeriodicTimer;

/// Learns that a loop is alive. `touch` runs on the loop's thread, very often: it should cost next to nothing.
pub trait Watchdog: Send + Sync + 'static {
    /// The loop is about to run a callback, or its interval timer fired.
    fn touch(&self);
}

/// A watchdog in whatever language, as the loop sees it.
pub(crate) trait Touch: Send + Sync {
    fn touch(&self) -> Outcome;
}

/// A Rust watchdog.
pub(crate) struct RustWatchdog(pub(crate) Arc<dyn Watchdog>);

impl Touch for RustWatchdog {
    fn touch(&self) -> Outcome {
        guarded(|| self.0.touch())
    }
}

/// A dispatcher's watchdog and the timer that touches it when nothing else happens.
pub(crate) struct Registration {
    dog: Arc<dyn Touch>,
    timer: Option<PeriodicTimer>,
}

impl Core {
    /// Replaces the watchdog; none with `None`. An interval of zero touches from callbacks alone.
    pub(crate) fn register_watchdog(self: &Arc<Self>, dog: Option<Arc<dyn Touch>>, interval: Duration) {
        let registration = dog.map(|dog| {
            let timer = (!interval.is_zero()).then(|| {
                // The touch before the timer's callback is the one that counts.
                let timer = PeriodicTimer::new(self, || {});
                timer.enable(interval);
                // It is the loop's own.
                self.uncount_handle();
                timer
            });
            Registration { dog, timer }
        });
        // The former watchdog dies outside of what `access` may hold.
        let _former = match self.access() {
            Access::Running(on_loop) => on_loop.replace_watchdog(registration),
            Access::Direct(direct) => direct.on_loop().replace_watchdog(registration),
            Access::Remote => {
                self.send(Command::Watchdog(registration));
                None
            }
        };
    }
}

impl OnLoop<'_> {
    /// The former one; or the new one, for a dispatcher that is gone: its timer would keep the core for ever.
    pub(crate) fn replace_watchdog(self, registration: Option<Registration>) -> Option<Registration> {
        if registration.is_some() && self.core.closed.load(Ordering::SeqCst) {
            return registration;
        }
        self.is_watched.set(registration.is_some());
        self.watchdog.replace(registration)
    }

    #[inline]
    pub(crate) fn touch_watchdog(self) {
        if self.is_watched.get() {
            self.touch_registered();
        }
    }

    #[cold]
    fn touch_registered(self) {
        let dog = self.watchdog.borrow().as_ref().map(|registration| registration.dog.clone());
        // A watchdog that fails stops the loop after the callback that it was touched for (P11).
        if let Some(dog) = dog
            && let Err(failure) = dog.touch()
        {
            self.failure.set(Some(failure));
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // First the timer: it belongs to the loop that may be going.
        if let Some(timer) = self.timer.take() {
            timer.core().count_handle();
        }
    }
}
