//! The way out: messages of all threads leave through here, each a whole line, unless told to misbehave.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError, mpsc::Sender},
};

use serde_json::Value;

use super::json_rpc;
use super::misbehaviour::Misbehaviour;

pub struct Outlet {
    misbehaviour: Arc<Misbehaviour>,
    /// Held while a line is written.
    state: Arc<Mutex<State>>,
    sink: Sink,
}

/// Where lines go.
enum Sink {
    Stdout,
    /// To whoever carries them further.
    Channel(Sender<Vec<u8>>),
}

#[derive(Default)]
struct State {
    answers: u64,
    silent: bool,
}

impl Outlet {
    pub fn new(misbehaviour: Arc<Misbehaviour>) -> Outlet {
        Outlet { misbehaviour, state: Arc::default(), sink: Sink::Stdout }
    }

    /// The same outlet, but for where its lines go.
    pub fn onto(&self, lines: Sender<Vec<u8>>) -> Outlet {
        let (misbehaviour, state) = (self.misbehaviour.clone(), self.state.clone());
        Outlet { misbehaviour, state, sink: Sink::Channel(lines) }
    }

    /// Sends the answer to a message, or the answers to a batch.
    pub fn answer(&self, message: &Value) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.silent {
            return;
        }
        for line in self.misbehaviour.garbage_lines() {
            self.write(line);
        }
        let line = json_rpc::encode(message);
        if self.misbehaviour.mute_after.is_some_and(|last| state.answers >= last) {
            state.silent = true;
            if self.misbehaviour.half_line {
                self.write(&line[..line.len() / 2]);
            }
            return;
        }
        state.answers += 1;
        self.write(&line);
    }

    /// Sends a notification.
    pub fn notify(&self, method: &str, params: Value) {
        let line = json_rpc::encode(&json_rpc::notification(method, params));
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.silent {
            self.write(&line);
        }
    }

    /// A client that listens no more will end the conversation, too, and that is what ends the server.
    fn write(&self, bytes: &[u8]) {
        match &self.sink {
            Sink::Stdout => {
                let mut stdout = io::stdout().lock();
                let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
            }
            Sink::Channel(lines) => drop(lines.send(bytes.to_vec())),
        }
    }
}
