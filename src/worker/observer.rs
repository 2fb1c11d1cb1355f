//! Who learns of workers that come and go, and the watchdog that each one gets.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::panics::report_panic;
use crate::dispatcher::Handle;
use crate::dispatcher::watchdog::Touch;

/// Learns of the workers of a pool that come and go. Both functions run on the worker's own thread, and must not
/// wait for the pool. For each worker they alternate, `on_join` first.
pub trait WorkerObserver: Send + Sync + 'static {
    /// The worker's thread owns its loop, and will run what is posted.
    fn on_join(&self, worker: &Handle) {
        let _ = worker;
    }

    /// The worker's thread has left its loop, and ends. It may be started again.
    fn on_leave(&self, worker: &Handle) {
        let _ = worker;
    }
}

/// Makes the watchdog of a worker.
pub(crate) type MakeWatchdog = Arc<dyn Fn(&Handle) -> Arc<dyn Touch> + Send + Sync>;

/// What a pool has to say to each of its workers when it begins and ends to run.
#[derive(Default)]
pub(super) struct Hooks {
    observers: Mutex<Vec<Arc<dyn WorkerObserver>>>,
    watchdog: Mutex<Option<(MakeWatchdog, Duration)>>,
}

impl Hooks {
    pub(super) fn add(&self, observer: Arc<dyn WorkerObserver>) {
        lock(&self.observers).push(observer);
    }

    pub(super) fn remove(&self, observer: &Arc<dyn WorkerObserver>) {
        lock(&self.observers).retain(|other| !is_same(other, observer));
    }

    pub(super) fn set_watchdog(&self, watchdog: Option<(MakeWatchdog, Duration)>) {
        // The former one may die here, so outside the lock.
        let _former = std::mem::replace(&mut *lock(&self.watchdog), watchdog);
    }

    fn observers(&self) -> Vec<Arc<dyn WorkerObserver>> {
        lock(&self.observers).clone()
    }

    /// Gives a worker the watchdog that all have, if there is one.
    pub(super) fn give_watchdog(&self, worker: &Handle) {
        let watchdog = lock(&self.watchdog).clone();
        if let Some((make, interval)) = watchdog {
            call(worker, || worker.core().register_watchdog(Some(make(worker)), interval));
        }
    }
}

/// The observers that know of one worker's run. All but `default` on the worker's thread.
#[derive(Default)]
pub(super) struct Told(Mutex<Vec<Arc<dyn WorkerObserver>>>);

impl Told {
    pub(super) fn tell_all(&self, hooks: &Hooks, worker: &Handle) {
        hooks.observers().into_iter().for_each(|observer| self.tell(observer, worker));
    }

    /// Tells an observer of the worker, once.
    pub(super) fn tell(&self, observer: Arc<dyn WorkerObserver>, worker: &Handle) {
        {
            let mut told = lock(&self.0);
            if told.iter().any(|other| is_same(other, &observer)) {
                return;
            }
            told.push(observer.clone());
        }
        call(worker, || observer.on_join(worker));
    }

    /// Tells those that know of the worker, and were not removed since, that it goes.
    pub(super) fn take_leave(&self, hooks: &Hooks, worker: &Handle) {
        let told = std::mem::take(&mut *lock(&self.0));
        let observers = hooks.observers();
        for observer in told.iter().filter(|known| observers.iter().any(|other| is_same(known, other))) {
            call(worker, || observer.on_leave(worker));
        }
    }
}

/// By address: the same object may have several vtables.
fn is_same(one: &Arc<dyn WorkerObserver>, other: &Arc<dyn WorkerObserver>) -> bool {
    std::ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(other))
}

/// Runs user code; a panic of it is one of a callback of the worker.
fn call(worker: &Handle, work: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(work)) {
        report_panic(worker.name(), payload);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
