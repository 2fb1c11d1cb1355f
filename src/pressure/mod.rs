//! How much more than it can do a loop is asked to do: its *pressure*, from 0 to 1.
//!
//! A loop's [`Load`] is what can be measured of it at a moment; [`Handle::load`](crate::Handle::load) reads it from
//! any thread. A [`Gauge`] turns a row of such measurements into a pressure that neither jumps nor flutters, by the
//! thresholds of a [`PressureConfig`]. It knows no clock, no thread and no loop: time is a parameter.

mod config;
mod driver;
mod gauge;

use std::time::Duration;

pub use config::{PressureConfig, Thresholds};
pub use driver::Driver;
#[cfg(feature = "ffi")]
pub(crate) use driver::Source;
pub use gauge::Gauge;

/// What can be measured of a loop at a moment. All zero for a loop that sleeps on time, and for one that nobody runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// How late the loop is: for how long it has been busy with its present iteration, or by how much the timers of
    /// this iteration were late, whichever is more. A callback that does not return shows here while it lasts.
    pub loop_lag: Duration,
    /// How late the last poll returned past the time that it was to return at; zero if it returned earlier, or did
    /// not wait. A process that gets too little of the CPU shows here.
    pub poll_delay: Duration,
    /// The posts that wait.
    pub queue_depth: usize,
}
