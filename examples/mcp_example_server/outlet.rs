//! The way out: messages of all threads leave through here, each a whole line, unless told to misbehave.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;

use super::json_rpc;
use super::misbehaviour::Misbehaviour;

pub struct Outlet {
    misbehaviour: Arc<Misbehaviour>,
    /// Held while a line is written.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    answers: u64,
    silent: bool,
}

impl Outlet {
    pub fn new(misbehaviour: Arc<Misbehaviour>) -> Outlet {
        Outlet { misbehaviour, state: Mutex::default() }
    }

    /// Sends the answer to a message, or the answers to a batch.
    pub fn answer(&self, message: &Value) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.silent {
            return;
        }
        for line in self.misbehaviour.garbage_lines() {
            write(line);
        }
        let line = json_rpc::encode(message);
        if self.misbehaviour.mute_after.is_some_and(|last| state.answers >= last) {
            state.silent = true;
            if self.misbehaviour.half_line {
                write(&line[..line.len() / 2]);
            }
            return;
        }
        state.answers += 1;
        write(&line);
    }

    /// Sends a notification.
    pub fn notify(&self, method: &str, params: Value) {
        let line = json_rpc::encode(&json_rpc::notification(method, params));
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.silent {
            write(&line);
        }
    }
}

fn write(bytes: &[u8]) {
    let mut stdout = io::stdout().lock();
    // A client that listens no more will end stdin, too, and that is what ends the server.
    let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
}
