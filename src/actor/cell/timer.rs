//! The timers of an actor's own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::{Cell, Own};
use crate::actor::{Actor, Reason};
use crate::dispatcher::closure::guarded;
use crate::dispatcher::core::OnLoop;
use crate::dispatcher::{PeriodicTimer, Timer};

/// A timer of the actor's own, which ends with its life.
pub(super) enum OwnTimer {
    Once { _timer: Timer },
    Periodic { _timer: PeriodicTimer },
}

impl<A: Actor> Cell<A> {
    /// Sends the actor what `message` gives, after `delay`.
    pub(crate) fn arm_once(
        &self,
        on_loop: OnLoop<'_>,
        delay: Duration,
        mut message: impl FnMut() -> Option<A::Message> + Send + 'static,
    ) -> u64 {
        let key = self.next_timer_key(on_loop);
        let cell = Arc::downgrade(&self.shared());
        let timer = Timer::new(&self.base.core, move || {
            let Some(cell) = cell.upgrade() else { return };
            if let Some(message) = message() {
                cell.tell_itself(message);
            }
            if let Some(on_loop) = cell.base.core.running_here() {
                cell.disarm(on_loop, key);
            }
        });
        timer.enable(delay);
        self.keep_timer(on_loop, key, OwnTimer::Once { _timer: timer });
        key
    }

    /// Sends the actor what `message` gives, every `interval`.
    pub(crate) fn arm_periodic(
        &self,
        on_loop: OnLoop<'_>,
        interval: Duration,
        mut message: impl FnMut() -> A::Message + Send + 'static,
    ) -> u64 {
        let key = self.next_timer_key(on_loop);
        let cell = Arc::downgrade(&self.shared());
        let timer = PeriodicTimer::new(&self.base.core, move || {
            let Some(cell) = cell.upgrade() else { return };
            match catch_unwind(AssertUnwindSafe(&mut message)) {
                Ok(message) => cell.tell_itself(message),
                Err(payload) => {
                    if let Some(on_loop) = cell.base.core.running_here() {
                        cell.fail(on_loop, Reason::from_panic(&*payload));
                    }
                }
            }
        });
        timer.enable(interval);
        self.keep_timer(on_loop, key, OwnTimer::Periodic { _timer: timer });
        key
    }

    fn next_timer_key(&self, on_loop: OnLoop<'_>) -> u64 {
        let mut rest = self.own(on_loop).rest.borrow_mut();
        let next = &mut rest.get_or_insert_default().next_timer;
        *next += 1;
        *next
    }

    fn keep_timer(&self, on_loop: OnLoop<'_>, key: u64, timer: OwnTimer) {
        self.own(on_loop).rest.borrow_mut().get_or_insert_default().timers.insert(key, timer);
    }

    /// Whether there was such a timer.
    pub(crate) fn disarm(&self, on_loop: OnLoop<'_>, key: u64) -> bool {
        let timer = self.own(on_loop).rest.borrow_mut().as_mut().and_then(|rest| rest.timers.remove(&key));
        timer.is_some()
    }

    pub(super) fn clear_timers(&self, own: &Own<A>) {
        let timers = own.rest.borrow_mut().as_mut().map(|rest| std::mem::take(&mut rest.timers));
        for timer in timers.into_iter().flatten() {
            // With it goes its message, whose destructor is user code.
            if let Err(failure) = guarded(|| drop(timer)) {
                tracing::error!(actor = %self.base, "a message of its timer: {}", failure.describe());
            }
        }
    }
}
