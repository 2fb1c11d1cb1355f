//! Workers and pools for C.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::dispatcher::mcp_event_dispatcher;
use super::handle;
use super::status::{Result, guard, mcp_event_status};
use crate::worker::{Pool, Worker};

/// A fixed number of workers: dispatchers named `worker_<index>`, each run by a thread of that name.
pub struct mcp_event_pool {
    pool: Pool,
    /// Lent to C, by the address of what they share with the worker's; they live as long as the pool.
    dispatchers: Mutex<HashMap<usize, *mut mcp_event_dispatcher>>,
}

impl mcp_event_pool {
    /// # Safety
    /// `pool` is null or a living handle.
    unsafe fn get<'a>(pool: *const mcp_event_pool) -> Result<&'a mcp_event_pool> {
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
        let pool = Box::into_raw(Box::new(mcp_event_pool { pool, dispatchers: Mutex::default() }));
        handle::give(pool);
        // SAFETY: checked above.
        unsafe { handle::put(out, pool) }
    })
}

/// Starts all workers, and returns once each owns its loop. If one fails, those started are stopped again.
/// Nothing for those that are started already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_pool_start(pool: *mut mcp_event_pool) -> mcp_event_status {
    // SAFETY: C's promise: a living handle.
    guard(|| Ok(unsafe { mcp_event_pool::get(pool) }?.pool.start(None)?))
}

/// Asks all workers to stop, after what was posted before, then waits for each. The pool can be started again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_pool_stop(pool: *mut mcp_event_pool) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_pool::get(pool) }?.pool.stop();
        Ok(())
    })
}

/// How many workers there are.
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

/// The dispatcher of the next worker, round robin; it stays the pool's. `MCP_EVENT_OUT_OF_RANGE` for an empty
/// pool.
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
