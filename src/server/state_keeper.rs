//! Writes the state file, on a thread of its own: a disk may take its time, a loop may not.

use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

use super::state::{State, StateFile};
use crate::error::Error;

/// Writes each state that it is given; of several that wait, the last. Dropped, it writes the last one, and ends.
pub(crate) struct StateKeeper {
    states: Option<Sender<State>>,
    thread: Option<JoinHandle<()>>,
}

impl StateKeeper {
    pub(crate) fn start(file: StateFile) -> Result<StateKeeper, Error> {
        let (states, to_save) = mpsc::channel::<State>();
        let keep = move || {
            while let Ok(mut state) = to_save.recv() {
                while let Ok(newer) = to_save.try_recv() {
                    state = newer;
                }
                if let Err(error) = file.save(&state) {
                    tracing::error!(%error, "the state of the servers is not saved");
                }
            }
        };
        let thread = thread::Builder::new().name("mcp_state".into()).spawn(keep);
        let thread =
            thread.map_err(|source| Error::os("starting the thread that writes the state", source))?;
        Ok(StateKeeper { states: Some(states), thread: Some(thread) })
    }

    pub(crate) fn save(&self, state: State) {
        if let Some(states) = &self.states {
            // The thread ends after us.
            let _ = states.send(state);
        }
    }
}

impl Drop for StateKeeper {
    fn drop(&mut self) {
        self.states = None;
        if let Some(thread) = self.thread.take() {
            // It catches nothing, and nothing in it panics.
            let _ = thread.join();
        }
    }
}
