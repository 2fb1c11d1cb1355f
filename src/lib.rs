//! The event core that C, C++ and Rust programs of the Model Context Protocol run on, with actors, tasks and
//! supervised MCP servers.
//!
//! A [`Dispatcher`] is an event loop: file descriptors, timers, signals, scheduled callbacks, deferred deletion
//! and closures posted from any thread. Everything may be called from any thread at any time; callbacks run on
//! the thread inside [`Dispatcher::run`].
//!
//! On dispatchers live [`actor`]s, which are supervised, and [`task`]s, which are futures. The module `server` keeps
//! MCP servers running.
//!
//! The same core serves C (`mcp_event.h`) and C++ (`mcp/event/*.h`).
//!
//! Features that are on by default:
//!
//! - `backtrace`: functions, files and lines in the guard dog's backtraces;
//! - `ffi`: the C ABI, and what the C++ wrapper needs;
//! - `io_uring`: the backend of that name, on Linux;
//! - `libevent`: dispatchers that wait in an `event_base`;
//! - `mio`: the backend of that name on Linux too (elsewhere it is always there);
//! - `servers`: MCP servers as processes.
//!
//! Those that are not:
//!
//! - `asio`: dispatchers that wait in an `asio::io_context`; it needs asio's headers and a C++ compiler;
//! - `http`: MCP servers over HTTP;
//! - `metrics`: hands the figures of [`metrics`] to the crate of that name;
//! - `prometheus`: an HTTP endpoint for these figures.

pub mod actor;
mod chance;
pub mod crash_dump;
mod dispatcher;
#[cfg(unix)]
mod errno;
mod error;
#[cfg(feature = "ffi")]
mod ffi;
mod fork;
pub mod guard_dog;
#[cfg(unix)]
pub mod io;
pub mod metrics;
mod poller;
pub mod pressure;
#[cfg(feature = "servers")]
pub mod server;
#[cfg(any(unix, feature = "servers"))]
mod sigpipe;
mod stderr;
mod sync;
pub mod task;
mod thread_id;
mod worker;

pub use dispatcher::{
    Activity, Builder, BusyPoll, Dispatcher, Doing, FileEvent, Handle, Label, LatencyHistogram,
    LatencySummary, LoopStats, PeriodicTimer, RunType, ScaledTimer, ScaledTimerMinimum, ScaledTimerRange,
    ScaledTimerType, SchedulableCallback, SignalEvent, SimulatedClock, Timer, TrackedObject, Watchdog,
};
pub use error::{Error, PostError, Refusal};
pub use poller::{
    AsOsFd, Backend, BackendState, BorrowedOsFd, FileReady, OsFd, OwnedOsFd, Trigger, Turn, backends,
};
pub use worker::{
    CpuSet, Policy, Pool, PoolBuilder, PoolStats, ScalingConfig, ShutdownReport, SubmitError, Worker,
    WorkerObserver, WorkerOptions, WorkerReport, WorkerStats, set_worker_panic_handler,
};

/// The programs in the documentation, as tests.
#[cfg(all(doctest, feature = "servers"))]
mod documentation {
    macro_rules! pages {
        ($($name:ident = $path:literal),* $(,)?) => { $(#[doc = include_str!($path)] struct $name;)* };
    }
    pages! {
        Readme = "../README.md",
        Actors = "../docs/actors.md",
        ActorsCAndCpp = "../docs/actors-c-and-cpp.md",
        Architecture = "../docs/architecture.md",
        Asio = "../docs/asio.md",
        Backends = "../docs/backends.md",
        BusyPolling = "../docs/busy-polling.md",
        CrashDumps = "../docs/crash-dumps.md",
        DeferredDeletion = "../docs/deferred-deletion.md",
        Dispatcher = "../docs/dispatcher.md",
        FileEvents = "../docs/file-events.md",
        ForeignLoops = "../docs/foreign-loops.md",
        GuardDog = "../docs/guard-dog.md",
        Labels = "../docs/labels.md",
        MovingFromTheSdk = "../docs/moving-from-the-sdk.md",
        NoOrphans = "../docs/no-orphans.md",
        Portability = "../docs/portability.md",
        Post = "../docs/post.md",
        ScaledTimers = "../docs/scaled-timers.md",
        SchedulableCallbacks = "../docs/schedulable-callbacks.md",
        ServerConfiguration = "../docs/server-configuration.md",
        Servers = "../docs/servers.md",
        ServersCAndCpp = "../docs/servers-c-and-cpp.md",
        ServersOverHttp = "../docs/servers-over-http.md",
        Signals = "../docs/signals.md",
        Stats = "../docs/stats.md",
        Streams = "../docs/streams.md",
        Tasks = "../docs/tasks.md",
        Timers = "../docs/timers.md",
        TrackedObjects = "../docs/tracked-objects.md",
        Watchdog = "../docs/watchdog.md",
        Workers = "../docs/workers.md",
    }
    #[cfg(all(target_os = "linux", feature = "libevent"))]
    pages! {
        Libevent = "../docs/libevent.md",
    }
    #[cfg(all(feature = "metrics", feature = "prometheus"))]
    pages! {
        Metrics = "../docs/metrics.md",
    }
}
