//! A pool of workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{PoolFigures, PoolStats, Worker};
use crate::dispatcher::Watchdog;
use crate::error::Error;

/// A fixed number of workers, given out round robin.
///
/// ```
/// use mcp_event::Pool;
///
/// let pool = Pool::new(4)?;
/// pool.start(None)?;
/// pool.next_worker()?.dispatcher().post(|| println!("hello")).unwrap();
/// pool.stop();
/// # Ok::<(), mcp_event::Error>(())
/// ```
pub struct Pool {
    workers: Vec<Worker>,
    next: AtomicUsize,
    figures: Arc<PoolFigures>,
}

impl Pool {
    /// A pool of `size` workers, none of them started.
    ///
    /// # Errors
    /// [`Error::Os`] when the system has no file descriptor left.
    pub fn new(size: usize) -> Result<Pool, Error> {
        Pool::with_workers((0..size).map(Worker::new))
    }

    /// A pool of the user's own workers.
    ///
    /// # Errors
    /// The first that comes instead of a worker.
    pub fn with_workers(workers: impl IntoIterator<Item = Result<Worker, Error>>) -> Result<Pool, Error> {
        let workers = workers.into_iter().collect::<Result<Vec<_>, _>>()?;
        let figures = Arc::new(PoolFigures::default());
        workers.iter().for_each(|worker| figures.join(worker.dispatcher().handle()));
        Ok(Pool { workers, next: AtomicUsize::new(0), figures })
    }

    /// Starts all workers; each touches `watchdog`. If one fails, those started are stopped again.
    ///
    /// # Errors
    /// The failure of that one.
    pub fn start(&self, watchdog: Option<Arc<dyn Watchdog>>) -> Result<(), Error> {
        for worker in &self.workers {
            if let Err(error) = worker.start(watchdog.clone()) {
                self.stop();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Asks all workers to stop, then waits for each.
    pub fn stop(&self) {
        self.workers.iter().for_each(Worker::signal_stop);
        self.workers.iter().for_each(Worker::stop);
    }

    /// How many workers there are.
    pub fn len(&self) -> usize {
        self.workers.len()
    }

    /// Whether there is no worker at all.
    pub fn is_empty(&self) -> bool {
        self.workers.is_empty()
    }

    /// The worker number `index`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`].
    pub fn worker(&self, index: usize) -> Result<&Worker, Error> {
        self.workers
            .get(index)
            .ok_or_else(|| Error::OutOfRange(format!("worker {index} of a pool of {}", self.workers.len())))
    }

    /// The next worker, round robin.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for an empty pool.
    pub fn next_worker(&self) -> Result<&Worker, Error> {
        self.worker(self.next_index()?)
    }

    /// The figures of all workers, each and together. From any thread; no loop is stopped for it.
    pub fn stats(&self) -> PoolStats {
        self.figures.stats()
    }

    /// Where they come from.
    pub(crate) fn figures(&self) -> &Arc<PoolFigures> {
        &self.figures
    }

    /// The number of the next worker.
    pub(crate) fn next_index(&self) -> Result<usize, Error> {
        if self.workers.is_empty() {
            return Err(Error::OutOfRange("the pool has no workers".into()));
        }
        Ok(self.next.fetch_add(1, Ordering::Relaxed) % self.workers.len())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.stop();
    }
}
