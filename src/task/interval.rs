//! Waiting again and again, at a fixed rate.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::dispatcher::{Handle, PeriodicTimer};

/// Ticks at `start + n * interval`; made by [`Handle::interval`]. Dropping it ends it.
///
/// It does not drift. However many ticks came while nobody waited, the next wait finds one.
pub struct Interval {
    state: Arc<Mutex<State>>,
    _timer: PeriodicTimer,
}

#[derive(Default)]
struct State {
    ticked: bool,
    waker: Option<Waker>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Interval {
    /// Waits for the next tick. Dropping the wait loses no tick.
    pub async fn tick(&mut self) {
        poll_fn(|cx| self.poll_tick(cx)).await;
    }

    /// Whether a tick came since the last one that was taken; if not, the next wakes the task.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // A waker is user code: cloned and dropped outside the lock.
        let waker = cx.waker().clone();
        let mut state = lock(&self.state);
        if std::mem::take(&mut state.ticked) {
            return Poll::Ready(());
        }
        let former = state.waker.replace(waker);
        drop(state);
        drop(former);
        Poll::Pending
    }
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interval").finish_non_exhaustive()
    }
}

impl Handle {
    /// Ticks every `interval`, first one interval from now. An interval of zero ticks in each iteration, which
    /// keeps the loop busy.
    pub fn interval(&self, interval: Duration) -> Interval {
        let state = Arc::new(Mutex::new(State::default()));
        let timer = self.create_periodic_timer({
            let state = state.clone();
            move || {
                let mut state = lock(&state);
                state.ticked = true;
                let waker = state.waker.take();
                drop(state);
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
        });
        timer.enable(interval);
        Interval { state, _timer: timer }
    }
}
