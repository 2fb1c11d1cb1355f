//! Two threads that run a dispatcher in turns.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use mcp_event::Dispatcher;

use super::common::pump;

/// Both threads live on while the other one runs the loop, until this is dropped.
pub struct Turns {
    runners: [Runner; 2],
    next: usize,
}

struct Runner {
    turn: Option<Sender<()>>,
    done: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Turns {
    pub fn new(dispatcher: &Arc<Dispatcher>) -> Turns {
        Turns { runners: [(); 2].map(|()| Runner::start(dispatcher.clone())), next: 0 }
    }

    /// One of them pumps the loop, the other one than last time.
    pub fn take_next(&mut self) {
        let runner = &self.runners[self.next];
        self.next = 1 - self.next;
        runner.turn.as_ref().unwrap().send(()).unwrap();
        runner.done.recv().unwrap();
    }
}

impl Runner {
    fn start(dispatcher: Arc<Dispatcher>) -> Runner {
        let ((turn, turns), (tell, done)) = (channel(), channel());
        let thread = thread::spawn(move || {
            for () in turns {
                pump(&dispatcher);
                tell.send(()).unwrap();
            }
        });
        Runner { turn: Some(turn), done, thread: Some(thread) }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.turn = None;
        // One that panicked has been noticed by who waited for it.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
