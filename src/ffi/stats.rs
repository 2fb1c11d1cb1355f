//! The figures of dispatchers and pools for C.

use std::time::Duration;

use super::dispatcher::mcp_event_dispatcher;
use super::handle;
use super::pool::mcp_event_pool;
use super::status::{check_size, guard, mcp_event_status};
use super::text::mcp_event_text;
use crate::dispatcher::{LatencySummary, LoopStats};
use crate::metrics::Exposition;

/// A histogram in short, in microseconds.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_histogram {
    /// How many were recorded.
    pub count: u64,
    /// All of them together.
    pub sum: u64,
    /// The median.
    pub p50: u64,
    /// The 90th percentile.
    pub p90: u64,
    /// The 99th percentile.
    pub p99: u64,
    /// The largest.
    pub max: u64,
}

impl From<LatencySummary> for mcp_event_histogram {
    fn from(summary: LatencySummary) -> mcp_event_histogram {
        mcp_event_histogram {
            count: summary.count,
            sum: summary.sum.as_micros() as u64,
            p50: summary.p50.as_micros() as u64,
            p90: summary.p90.as_micros() as u64,
            p99: summary.p99.as_micros() as u64,
            max: summary.max.as_micros() as u64,
        }
    }
}

/// The figures of a dispatcher, or of a pool, at one moment. Set `size` before asking for them.
#[repr(C)]
pub struct mcp_event_stats {
    /// `sizeof(mcp_event_stats)` as the caller knows it.
    pub size: usize,
    /// From after a poll to the next one. Recorded from `mcp_event_dispatcher_enable_stats()` on.
    pub loop_duration_us: mcp_event_histogram,
    /// How late a poll returned past its timeout. Recorded likewise.
    pub poll_delay_us: mcp_event_histogram,
    /// Iterations of the loop.
    pub iterations: u64,
    /// Callbacks of file events.
    pub events: u64,
    /// Posts run.
    pub posts_run: u64,
    /// Posts refused.
    pub posts_refused: u64,
    /// Callbacks of timers.
    pub timers_fired: u64,
    /// Objects destroyed by deferred deletion.
    pub deferred_deletes: u64,
    /// Wake-ups by other threads that cost a system call.
    pub wakes: u64,
    /// Posts waiting.
    pub queue_depth: u64,
    /// Schedulable callbacks run.
    pub scheduled_run: u64,
    /// Callbacks of signal events.
    pub signals: u64,
    /// Changes of what is watched that the system refused after the call that asked for them had returned.
    pub registration_errors: u64,
    /// How long the loop has spun instead of sleeping, in microseconds; see
    /// `mcp_event_dispatcher_set_busy_poll()`.
    pub time_spun_us: u64,
    /// How many times it has.
    pub spins: u64,
    /// How many of these were ended by work, and not by a timer or the end of the budget.
    pub spins_paid: u64,
    /// Messages that the loop's own thread sent to its actors; those of other threads are posts.
    pub mail_run: u64,
    /// Callbacks that took longer than `mcp_event_dispatcher_set_slow_callback_threshold_us()` allows.
    pub slow_callbacks: u64,
}

impl mcp_event_stats {
    fn new(size: usize, stats: &LoopStats) -> mcp_event_stats {
        mcp_event_stats {
            size,
            loop_duration_us: stats.loop_duration.into(),
            poll_delay_us: stats.poll_delay.into(),
            iterations: stats.iterations,
            events: stats.file_events,
            posts_run: stats.posts_run,
            posts_refused: stats.posts_refused,
            timers_fired: stats.timers_fired,
            deferred_deletes: stats.deferred_deletes,
            wakes: stats.wakes,
            queue_depth: stats.queue_depth,
            scheduled_run: stats.scheduled_run,
            signals: stats.signals,
            registration_errors: stats.registration_errors,
            time_spun_us: stats.time_spun.as_micros() as u64,
            spins: stats.spins,
            spins_paid: stats.spins_paid,
            mail_run: stats.mail_run,
            slow_callbacks: stats.slow_callbacks,
        }
    }
}

/// Starts to record the histograms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_enable_stats(
    dispatcher: *mut mcp_event_dispatcher,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_dispatcher::handle(dispatcher) }?.enable_stats();
        Ok(())
    })
}

/// Fills in the figures so far, without stopping the loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_stats(
    dispatcher: *const mcp_event_dispatcher,
    out: *mut mcp_event_stats,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: valid, and its size set.
        let size = unsafe { (*out).size };
        check_size::<mcp_event_stats>(size, "stats")?;
        // SAFETY: C's promise: a living handle.
        let stats = unsafe { mcp_event_dispatcher::handle(dispatcher) }?.stats();
        // SAFETY: as large as checked.
        unsafe { out.write(mcp_event_stats::new(size, &stats)) };
        Ok(())
    })
}

/// Fills in the figures of all workers of the pool together, also of those that have left it, without stopping a
/// loop: counters as sums, histograms as of all that was recorded. `mcp_event_dispatcher_stats()` has those of each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_pool_stats(
    pool: *const mcp_event_pool,
    out: *mut mcp_event_stats,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: valid, and its size set.
        let size = unsafe { (*out).size };
        check_size::<mcp_event_stats>(size, "stats")?;
        // SAFETY: C's promise: a living handle.
        let stats = unsafe { mcp_event_pool::get(pool) }?.pool.stats();
        // SAFETY: as large as checked.
        unsafe { out.write(mcp_event_stats::new(size, &stats.total)) };
        Ok(())
    })
}

/// Has callbacks that take longer than `threshold_us` counted, in `slow_callbacks`, and told to the log as a warning
/// with their kind and label. A negative threshold ends that, as at first. By the dispatcher's clock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_set_slow_callback_threshold_us(
    dispatcher: *mut mcp_event_dispatcher,
    threshold_us: i64,
) -> mcp_event_status {
    guard(|| {
        let threshold = u64::try_from(threshold_us).ok().map(Duration::from_micros);
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_dispatcher::handle(dispatcher) }?.set_slow_callback_threshold(threshold);
        Ok(())
    })
}

/// The figures of a dispatcher in the text format of Prometheus, by its name, to be served as
/// `text/plain; version=0.0.4; charset=utf-8`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_prometheus(
    dispatcher: *const mcp_event_dispatcher,
    out: *mut *mut mcp_event_text,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle.
        let dispatcher = unsafe { mcp_event_dispatcher::handle(dispatcher) }?;
        let mut page = Exposition::new();
        dispatcher.stats().write_to(&mut page, dispatcher.name());
        // SAFETY: checked above.
        unsafe { handle::put(out, mcp_event_text::give(&page.to_string())) }
    })
}
