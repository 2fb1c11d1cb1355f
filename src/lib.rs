//! The event core that C++ and Rust programs of the Model Context Protocol run on.
//!
//! A [`Dispatcher`] is an event loop: file descriptors, timers, signals, scheduled callbacks, deferred deletion
//! and closures posted from any thread. Everything may be called from any thread at any time; callbacks run on
//! the thread inside [`Dispatcher::run`].
//!
//! The same core serves C (`mcp_event.h`) and C++ (`mcp/event/*.h`).

mod dispatcher;
mod error;
#[cfg(feature = "ffi")]
mod ffi;
mod fork;
mod poller;
mod sync;
mod worker;

pub use dispatcher::{
    Builder, Dispatcher, FileEvent, Handle, LatencySummary, LoopStats, PeriodicTimer, RunType,
    SchedulableCallback, SignalEvent, SimulatedClock, Timer, TrackedObject, Watchdog,
};
pub use error::{Error, PostError, Refusal};
pub use poller::{FileReady, Trigger};
pub use worker::{Pool, Worker, set_worker_panic_handler};
