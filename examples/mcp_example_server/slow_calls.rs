//! Slow calls: those that run on threads of their own until they are done or cancelled.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use serde_json::Value;

/// The calls that run, by the id of their request as JSON text, so that 1 and "1" differ.
#[derive(Clone, Default)]
pub struct SlowCalls(Arc<Mutex<HashMap<String, Cancellation>>>);

/// Whether a call was cancelled.
#[derive(Clone, Default)]
pub struct Cancellation(Arc<(Mutex<bool>, Condvar)>);

impl SlowCalls {
    pub fn contains(&self, id: &Value) -> bool {
        self.lock().contains_key(&id.to_string())
    }

    /// Runs `work` on a thread of its own. It is to end soon after its cancellation, and gives `None` then. The
    /// result goes to `finish` when the call's id is free again.
    pub fn start<R>(
        &self,
        id: &Value,
        work: impl FnOnce(&Cancellation) -> Option<R> + Send + 'static,
        finish: impl FnOnce(R) + Send + 'static,
    ) {
        let (calls, key, cancellation) = (self.clone(), id.to_string(), Cancellation::default());
        self.lock().insert(key.clone(), cancellation.clone());
        thread::spawn(move || {
            if let Some(result) = work(&cancellation) {
                calls.forget(&key, &cancellation);
                finish(result);
            }
        });
    }

    /// Cancels a call. One that is over, or never was, is none of our business: the two may have crossed.
    pub fn cancel(&self, id: &Value) {
        let call = self.lock().remove(&id.to_string());
        if let Some(Cancellation(state)) = call {
            *state.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
            state.1.notify_all();
        }
    }

    /// The id of a cancelled call may have gone to another one meanwhile.
    fn forget(&self, key: &str, over: &Cancellation) {
        let mut calls = self.lock();
        if calls.get(key).is_some_and(|call| Arc::ptr_eq(&call.0, &over.0)) {
            calls.remove(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Cancellation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cancellation {
    /// Waits for `duration`; true when the call was cancelled before that.
    pub fn comes_within(&self, duration: Duration) -> bool {
        let (cancelled, changed) = &*self.0;
        let cancelled = cancelled.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = changed.wait_timeout_while(cancelled, duration, |cancelled| !*cancelled);
        *outcome.unwrap_or_else(PoisonError::into_inner).0
    }
}
