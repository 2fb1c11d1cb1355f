//! Workers and pools for C.

use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::sync::{Arc, Mutex, PoisonError};

use super::closure::{CClosure, mcp_event_closure};
use super::dispatcher::mcp_event_dispatcher;
use super::duration::duration;
use super::handle;
use super::pool_options::{mcp_event_pool_options, policy, slice};
use super::pool_report::mcp_event_pool_report;
use super::status::{Result, guard, mcp_event_status};
use super::watchdog::{CWatchdog, touch_interval};
use crate::dispatcher::Handle;
use crate::dispatcher::watchdog::Touch;
use crate::worker::{Pool, Worker};

/// Workers: dispatchers named `worker_<index>`, each run by a thread of that name. Their number is fixed, or follows
/// the load.
pub struct mcp_event_pool {
    pub(crate) pool: Pool,
    /// Lent to C, by the address of what they share with the worker's; they live as long as the pool.
    dispatchers: Mutex<HashMap<usize, *mut mcp_event_dispatcher>>,
}

impl mcp_event_pool {
    /// # Safety
    /// `pool` is null or a living handle.
    pub(crate) unsafe fn get<'a>(pool: *const mcp_event_pool) -> Result<&'a mcp_event_pool> {
        handle::check(pool, "the pool")?;
        // SAFETY: made by `mcp_event_pool_create`.
        Ok(unsafe { &*pool })
    }

    /// # Safety
    /// `pool` is null or a living handle.
    pub(crate) unsafe fn pool<'a>(pool: *const mcp_event_pool) -> Result<&'a Pool> {
        // SAFETY: the caller's promise.
        Ok(&unsafe { Self::get(pool) }?.pool)
    }

    fn give(pool: Pool) -> *mut mcp_event_pool {
        let pool = Box::into_raw(Box::new(mcp_event_pool { pool, dispatchers: Mutex::default() }));
        handle::give(pool);
        pool
    }

    /// The worker's dispatcher, as C knows it.
    fn lend(&self, worker: &Worker) -> *mut mcp_event_dispatcher {
        let handle = worker.dispatcher().handle();
        let mut dispatchers = self.dispatchers.lock().unwrap_or_else(PoisonError::into_inner);
        // What is lent keeps its address from being another's.
        let address = Arc::as_ptr(handle.core()) as usize;
        *dispatchers.entry(address).or_insert_with(|| mcp_event_dispatcher::lend(handle))
    }
}

impl Drop for mcp_event_pool {
    fn drop(&mut self) {
        self.pool.stop();
        let dispatchers = self.dispatchers.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (_, dispatcher) in dispatchers.drain() {
            // SAFETY: made by `lend`; C may not use them after the pool. It cannot fail.
            let _ = unsafe { mcp_event_dispatcher::take(dispatcher) };
        }
    }
}

/// Makes a pool of `size` workers, none of them started; 0 is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_pool_create(
    size: usize,
    out: *mut *mut mcp_event_pool,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        let pool = Pool::new(size)?;
        // SAFETY: checked above.
        unsafe { handle::put(out, mcp_event_pool::give(pool)) }
    })
}

/// Makes a pool with other than the default settings, none of whose workers is started. `options` may be null.
/// `MCP_EVENT_INVALID_ARGUMENT`, with the reason, for a minimum above the maximum, CPUs that are not ours, marks out
/// of order, a stack that is too small.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_pool_create_with(
    options: *const mcp_event_pool_options,
    out: *mut *mut mcp_event_pool,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: null or valid.
        let pool = match unsafe { options.as_ref() } {
            // SAFETY: C's promise: its pointers are null or valid.
            Some(options) => unsafe { options.builder() }?,
            None => Pool::builder(),
        };
        // SAFETY: checked above.
        unsafe { handle::put(out, mcp_event_pool::give(pool.build()?)) }
    })
}

/// Starts all workers, and returns once each owns its loop. If one fails, those started are stopped again.
/// Nothing for those that are started already; on the thread of one that is about to end, `MCP_EVENT_INVALID_STATE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_pool_start(pool: *mut mcp_event_pool) -> mcp_event_status {
    // SAFETY: C's promise: a living handle.
    guard(|| Ok(unsafe { mcp_event_pool::get(pool) }?.pool.start(None)?))
}

/// Waits until what was executed before has begun, but not on the thread of a worker; then asks all workers to stop,
/// after what was posted before, and waits for each. The pool can be started again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_pool_stop(pool: *mut mcp_event_pool) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_pool::get(pool) }?.pool.stop();
        Ok(())
    })
}

/// Lets all workers finish, what is posted meanwhile included, but no longer than `limit_us`. What they did not get
/// done is dropped, and counted in `report`, unless that is null; set `report->size` first. A callback that does not
/// return within a second more is left behind. The pool can be started again, unless a worker is stuck.
/// `MCP_EVENT_INVALID_STATE` on the thread of one of its workers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_pool_shutdown(
    pool: *mut mcp_event_pool,
    limit_us: i64,
    report: *mut mcp_event_pool_report,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and a report that is null or valid.
        let (pool, report) = unsafe { (mcp_event_pool::get(pool)?, report.as_mut()) };
        let limit = duration(limit_us, "the limit")?;
        if let Some(report) = &report {
            report.check()?;
        }
        let outcome = pool.pool.shutdown(limit)?;
        if let Some(report) = report {
            report.fill(&outcome);
        }
        Ok(())
    })
}

/// How many workers there are, those that retire not counted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_pool_size(
    pool: *const mcp_event_pool,
    out: *mut usize,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe { handle::put(out, mcp_event_pool::get(pool)?.pool.len()) }
    })
}

/// The dispatcher of worker `index`; it stays the pool's. `MCP_EVENT_OUT_OF_RANGE` for an index too large.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_pool_dispatcher(
    pool: *const mcp_event_pool,
    index: usize,
    out: *mut *mut mcp_event_dispatcher,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let pool = unsafe { mcp_event_pool::get(pool) }?;
        let worker = pool.pool.worker(index)?;
        // SAFETY: C's promise: null or valid.
        unsafe { handle::put(out, pool.lend(&worker)) }
    })
}

/// The dispatcher of the next worker, by the pool's policy; it stays the pool's, and valid as long as that, also when
/// its worker retires: then it refuses posts. `MCP_EVENT_OUT_OF_RANGE` for an empty pool.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_pool_next(
    pool: *const mcp_event_pool,
    out: *mut *mut mcp_event_dispatcher,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let pool = unsafe { mcp_event_pool::get(pool) }?;
        let worker = pool.pool.next_worker()?;
        // SAFETY: C's promise: null or valid.
        unsafe { handle::put(out, pool.lend(&worker)) }
    })
}

/// The dispatcher of the worker for all that has this key, of `length` bytes, which may be none. A worker that retires
/// or joins moves only the keys that are its own. `MCP_EVENT_OUT_OF_RANGE` for an empty pool.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_pool_for_key(
    pool: *const mcp_event_pool,
    key: *const c_void,
    length: usize,
    out: *mut *mut mcp_event_dispatcher,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let pool = unsafe { mcp_event_pool::get(pool) }?;
        // SAFETY: C's promise: that many bytes.
        let key = unsafe { slice(key.cast::<u8>(), length, "the key") }?;
        let worker = pool.pool.worker_for(key)?;
        // SAFETY: C's promise: null or valid.
        unsafe { handle::put(out, pool.lend(&worker)) }
    })
}

/// Chooses the next worker otherwise from now on: `MCP_EVENT_POOL_ROUND_ROBIN` and so on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_pool_set_policy(
    pool: *mut mcp_event_pool,
    policy: c_int,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let pool = unsafe { mcp_event_pool::get(pool) }?;
        pool.pool.set_policy(self::policy(policy)?);
        Ok(())
    })
}

/// Has one of the workers run `closure`, whichever is free first; none is bound to it, so one that is held up loses
/// it to the others. Those that are executed before a stop still run. What it throws goes where it goes from a post.
/// `MCP_EVENT_INVALID_STATE` unless the pool is started; `MCP_EVENT_OUT_OF_RANGE` if it has no workers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_pool_execute(
    pool: *mut mcp_event_pool,
    closure: mcp_event_closure,
) -> mcp_event_status {
    guard(|| {
        let closure = CClosure::plain(closure)?;
        // SAFETY: C's promise: a living handle.
        let pool = match unsafe { mcp_event_pool::get(pool) } {
            Ok(pool) => pool,
            Err(failed) => {
                closure.give_back();
                return Err(failed);
            }
        };
        pool.pool.execute_job(closure).map_err(|(error, closure)| {
            closure.give_back();
            error.into()
        })
    })
}

/// How many of the closures that `mcp_event_pool_execute()` took no worker has begun.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_pool_tasks_waiting(
    pool: *const mcp_event_pool,
    out: *mut usize,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe { handle::put(out, mcp_event_pool::get(pool)?.pool.tasks_waiting()) }
    })
}

/// As `mcp_event_dispatcher_register_watchdog()`, for all workers, also those that start or join later: `touch(data)`
/// is called on all their threads. `drop(data)` is called once, when the last one lets go of it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_pool_register_watchdog(
    pool: *mut mcp_event_pool,
    touch: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
    data: *mut c_void,
    drop: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
    min_touch_interval_us: i64,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let pool = unsafe { mcp_event_pool::get(pool) }?;
        match touch {
            Some(touch) => {
                let watchdog = CWatchdog::new(touch, data, drop);
                let make = Arc::new(move |_: &Handle| watchdog.clone() as Arc<dyn Touch>);
                pool.pool.guard(make, touch_interval(min_touch_interval_us));
            }
            None => pool.pool.unregister_watchdogs(),
        }
        Ok(())
    })
}

/// Stops the pool and destroys it and its dispatchers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_pool_destroy(pool: *mut mcp_event_pool) -> mcp_event_status {
    guard(|| {
        handle::take(pool, "the pool")?;
        // SAFETY: made by `mcp_event_pool_create`, and destroyed once.
        drop(unsafe { Box::from_raw(pool) });
        Ok(())
    })
}
