//! How a worker is made.

use super::CpuSet;
use crate::dispatcher::{BusyPoll, Dispatcher, SimulatedClock};
use crate::error::Error;

/// The smallest stack of a worker, in bytes. What the loop itself needs is a part of it.
const SMALLEST_STACK: usize = 64 * 1024;

/// The settings of a worker; the default is right for most.
///
/// ```
/// use mcp_event::{Worker, WorkerOptions};
///
/// let stack_size = Some(256 * 1024);
/// let options = WorkerOptions { stack_size, queue_bound: Some(10_000), ..WorkerOptions::default() };
/// let worker = Worker::with_options("parser", &options)?;
/// # Ok::<(), mcp_event::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct WorkerOptions {
    /// The bytes of its thread's stack, at least 64 KiB; rounded up to what the system deals in. By default the
    /// standard library's: 2 MiB, or what `RUST_MIN_STACK` says.
    pub stack_size: Option<usize>,
    /// The CPUs that its thread runs on; by default those of the thread that starts it.
    pub cpus: Option<CpuSet>,
    /// As [`Builder::queue_bound`](crate::Builder::queue_bound).
    pub queue_bound: Option<usize>,
    /// As [`Builder::busy_poll`](crate::Builder::busy_poll).
    pub busy_poll: Option<BusyPoll>,
    /// As [`Builder::backend`](crate::Builder::backend).
    pub backend: Option<String>,
    /// As [`Builder::clock`](crate::Builder::clock).
    pub clock: Option<SimulatedClock>,
}

impl WorkerOptions {
    /// Whether they make sense here.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a stack that is too small or larger than any address, and for CPUs that are
    /// not ours; [`Error::Unavailable`] for CPUs where threads cannot be bound.
    pub fn check(&self) -> Result<(), Error> {
        match self.stack_size {
            Some(size) if size < SMALLEST_STACK => Err(Error::InvalidArgument(format!(
                "a stack of {size} bytes is too small for a worker: the smallest has {}",
                SMALLEST_STACK
            ))),
            Some(size) if size > isize::MAX as usize => {
                Err(Error::InvalidArgument(format!("a stack of {size} bytes is larger than any memory")))
            }
            _ => self.cpus.as_ref().map_or(Ok(()), CpuSet::check),
        }
    }

    pub(super) fn dispatcher(&self, name: &str) -> Result<Dispatcher, Error> {
        let mut builder = Dispatcher::builder(name);
        if let Some(bound) = self.queue_bound {
            builder = builder.queue_bound(bound);
        }
        if let Some(busy_poll) = self.busy_poll {
            builder = builder.busy_poll(busy_poll);
        }
        if let Some(backend) = &self.backend {
            builder = builder.backend(backend);
        }
        if let Some(clock) = &self.clock {
            builder = builder.clock(clock);
        }
        builder.build()
    }
}
