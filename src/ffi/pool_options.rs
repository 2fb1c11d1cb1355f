//! What a pool is to be, as C says it.

use std::ffi::{c_char, c_int};

use super::clock::mcp_event_clock;
use super::dispatcher::text;
use super::duration::duration;
use super::status::{Failed, Result, check_size};
use crate::worker::{CpuSet, Policy, Pool, PoolBuilder, ScalingConfig, WorkerOptions};

/// One worker after the other.
pub const MCP_EVENT_POOL_ROUND_ROBIN: c_int = 0;
/// The worker with the least to do: looks at all.
pub const MCP_EVENT_POOL_LEAST_LOADED: c_int = 1;
/// The less loaded of two that chance picks.
pub const MCP_EVENT_POOL_POWER_OF_TWO_CHOICES: c_int = 2;

/// Settings of a pool. Zero it, then set `size` to `sizeof(mcp_event_pool_options)`: fields that a later version adds
/// then keep their defaults.
#[repr(C)]
pub struct mcp_event_pool_options {
    /// The size of this struct as the caller knows it.
    pub size: usize,
    /// How many workers there are at least; 0: one if there is a maximum, else one for each processor.
    pub min_workers: usize,
    /// How many there are at most, as the load demands; 0: always the minimum.
    pub max_workers: usize,
    /// How `mcp_event_pool_next()` chooses: `MCP_EVENT_POOL_ROUND_ROBIN` and so on.
    pub policy: c_int,
    /// What the names of the workers begin with; null: `worker_`.
    pub name_prefix: *const c_char,
    /// The bytes of each thread's stack; 0: the default.
    pub stack_size: usize,
    /// The CPUs, by the system's numbers: worker `i` runs on `cpus[i % cpu_count]` alone. Null: on any.
    pub cpus: *const usize,
    /// How many there are.
    pub cpu_count: usize,
    /// Each worker refuses posts while this many wait; 0: never.
    pub queue_bound: usize,
    /// The poller by name; null: the default.
    pub backend: *const c_char,
    /// A worker joins when the pressure, from 0 to 1, has been above this mark for `grow_after_us`; 0: 0.7.
    pub high_mark: f64,
    /// One retires when it has been below this mark for `retire_after_us`; 0: 0.2.
    pub low_mark: f64,
    /// Microseconds; 0: one second.
    pub grow_after_us: i64,
    /// Microseconds; 0: thirty seconds.
    pub retire_after_us: i64,
    /// How long after such a step the next one may come, in microseconds; 0: five seconds.
    pub cool_down_us: i64,
    /// How long a worker that retires may keep what it has, in microseconds; 0: one minute.
    pub drain_limit_us: i64,
    /// A simulated clock, of the workers and of all these times; null: the real one. It may go once the pool is made.
    pub clock: *const mcp_event_clock,
}

impl mcp_event_pool_options {
    /// # Safety
    /// The pointers in it are null or valid.
    pub(crate) unsafe fn builder(&self) -> Result<PoolBuilder> {
        check_size::<Self>(self.size, "options")?;
        let mut options = WorkerOptions {
            stack_size: (self.stack_size != 0).then_some(self.stack_size),
            queue_bound: (self.queue_bound != 0).then_some(self.queue_bound),
            ..WorkerOptions::default()
        };
        if !self.backend.is_null() {
            // SAFETY: the caller's promise.
            options.backend = Some(unsafe { text(self.backend, "options.backend") }?.to_owned());
        }
        if !self.clock.is_null() {
            // SAFETY: the caller's promise.
            options.clock = Some(unsafe { mcp_event_clock::clock(self.clock) }?.clone());
        }
        let mut builder = Pool::builder().policy(policy(self.policy)?).worker_options(options);
        if !self.name_prefix.is_null() {
            // SAFETY: the caller's promise.
            builder = builder.name_prefix(unsafe { text(self.name_prefix, "options.name_prefix") }?);
        }
        if !self.cpus.is_null() || self.cpu_count != 0 {
            // SAFETY: the caller's promise.
            let cpus = unsafe { slice(self.cpus, self.cpu_count, "options.cpus") }?;
            builder = builder.affinity(CpuSet::one_each(cpus.iter().copied()));
        }
        let scaling = self.scaling()?;
        Ok(match (self.min_workers, self.max_workers) {
            (0, 0) => builder,
            (workers, 0) => builder.size(workers),
            (min, max) => builder.scaling(min.max(1), max, scaling),
        })
    }

    fn scaling(&self) -> Result<ScalingConfig> {
        let mut config = ScalingConfig::default();
        for (given, mark) in [(self.high_mark, &mut config.high), (self.low_mark, &mut config.low)] {
            if given != 0.0 {
                *mark = given;
            }
        }
        for (given, time, what) in [
            (self.grow_after_us, &mut config.grow_after, "options.grow_after_us"),
            (self.retire_after_us, &mut config.retire_after, "options.retire_after_us"),
            (self.cool_down_us, &mut config.cool_down, "options.cool_down_us"),
            (self.drain_limit_us, &mut config.drain_limit, "options.drain_limit_us"),
        ] {
            if given != 0 {
                *time = duration(given, what)?;
            }
        }
        Ok(config)
    }
}

/// A policy that C gave the number of.
pub(crate) fn policy(policy: c_int) -> Result<Policy> {
    match policy {
        MCP_EVENT_POOL_ROUND_ROBIN => Ok(Policy::RoundRobin),
        MCP_EVENT_POOL_LEAST_LOADED => Ok(Policy::LeastLoaded),
        MCP_EVENT_POOL_POWER_OF_TWO_CHOICES => Ok(Policy::PowerOfTwoChoices),
        other => Err(Failed::invalid(format!("there is no policy {other}; there are 0, 1 and 2"))),
    }
}

/// What C gave as a pointer and a length.
///
/// # Safety
/// `first` is null or points to `length` of them.
pub(crate) unsafe fn slice<'a, T>(first: *const T, length: usize, what: &str) -> Result<&'a [T]> {
    match (first.is_null(), length) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Failed::null(what)),
        // SAFETY: the caller's promise.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts(first, length) }),
    }
}
