//! Writes the state file, on a thread of its own: a disk may take its time, a loop may not.

use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use super::state::{State, StateFile};
use crate::error::Error;

/// Writes the state when it has changed; of several changes that wait, all at once.
pub(crate) struct StateKeeper {
    /// What wakes the thread. One word is enough, however much has changed.
    changed: Mutex<Option<SyncSender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl StateKeeper {
    pub(crate) fn start(file: StateFile, state: Arc<Mutex<State>>) -> Result<StateKeeper, Error> {
        let (changed, changes) = mpsc::sync_channel(1);
        let keep = move || {
            while changes.recv().is_ok() {
                let state = lock(&state).clone();
                if let Err(error) = file.save(&state) {
                    tracing::error!(%error, "the state of the servers is not saved");
                }
            }
        };
        let thread = thread::Builder::new().name("mcp_state".into()).spawn(keep);
        let thread =
            thread.map_err(|source| Error::os("starting the thread that writes the state", source))?;
        Ok(StateKeeper { changed: Mutex::new(Some(changed)), thread: Mutex::new(Some(thread)) })
    }

    /// The state has changed.
    pub(crate) fn save(&self) {
        if let Some(changed) = &*lock(&self.changed) {
            // It is full if the thread is to look anyway.
            let _ = changed.try_send(());
        }
    }

    /// The last change is behind us. What has changed is written still, then the file is free for others.
    pub(crate) fn finish(&self) {
        *lock(&self.changed) = None;
    }

    /// Waits for that, after `finish`.
    pub(crate) fn wait(&self) {
        if let Some(thread) = lock(&self.thread).take() {
            // Nothing in it panics.
            let _ = thread.join();
        }
    }
}

/// What is guarded is whole between any two statements that change it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
