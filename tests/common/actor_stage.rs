//! Where tests of actors play: a system on one loop, in simulated time, which the test runs; and a log of what
//! happened there.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_event::actor::System;
use mcp_event::{Dispatcher, RunType, SimulatedClock};

/// What happened, in order.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn add(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

pub struct Stage {
    pub clock: SimulatedClock,
    pub dispatcher: Dispatcher,
    pub system: System,
    pub log: Log,
}

impl Stage {
    pub fn new() -> Stage {
        let clock = SimulatedClock::new();
        let dispatcher = Dispatcher::builder("stage").clock(&clock).build().unwrap();
        let system = System::builder().on([dispatcher.handle()]).build().unwrap();
        Stage { clock, dispatcher, system, log: Log::default() }
    }

    /// What happens now.
    pub fn run(&self) -> Vec<String> {
        self.dispatcher.run(RunType::NonBlock).unwrap();
        self.log.take()
    }

    /// What happens until this time has passed.
    pub fn advance(&self, by: Duration) -> Vec<String> {
        self.clock.advance(by);
        self.run()
    }
}
