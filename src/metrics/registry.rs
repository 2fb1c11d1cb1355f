//! Whose figures are shown.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::exposition::Exposition;
use crate::dispatcher::Handle;
use crate::error::Error;
use crate::worker::{Pool, PoolFigures};

/// Knows whose figures are shown: dispatchers, pools, and sources of the program's own. A clone is the same registry.
///
/// From any thread. Each has a name of its own, by which it is shown and removed.
///
/// ```
/// use mcp_event::metrics::Registry;
/// use mcp_event::{Dispatcher, Pool};
///
/// let (dispatcher, pool) = (Dispatcher::new("main")?, Pool::new(2)?);
/// let registry = Registry::new();
/// registry.add_dispatcher(&dispatcher)?;
/// registry.add_pool("io", &pool)?;
/// registry.add_source("program", |page| {
///     // The names are known to be good.
///     let _ = page.gauge("program_users", "Who is there.", &[], 3.0);
/// })?;
/// assert!(registry.prometheus().contains("mcp_event_loop_iterations_total{dispatcher=\"main\"} 0\n"));
/// # Ok::<(), mcp_event::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Registry {
    entries: Arc<Mutex<Vec<(String, Source)>>>,
}

/// Who has figures to show.
#[derive(Clone)]
pub(super) enum Source {
    Dispatcher(Handle),
    Pool(Arc<PoolFigures>),
    Own(Arc<dyn Fn(&mut Exposition) + Send + Sync>),
}

impl Registry {
    /// An empty registry.
    pub fn new() -> Registry {
        Registry::default()
    }

    /// Shows the figures of a dispatcher, under its name. They stay, as they were, when the dispatcher is gone.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if something has this name already.
    pub fn add_dispatcher(&self, dispatcher: &Handle) -> Result<(), Error> {
        self.add(dispatcher.name(), Source::Dispatcher(dispatcher.clone()))
    }

    /// Shows the figures of a pool, and of each of its workers.
    ///
    /// # Errors
    /// As for [`add_dispatcher`](Registry::add_dispatcher).
    pub fn add_pool(&self, name: &str, pool: &Pool) -> Result<(), Error> {
        self.add(name, Source::Pool(pool.figures().clone()))
    }

    /// Has `write` add to each page. It may be called on any thread, by several at a time, and must not wait.
    ///
    /// # Errors
    /// As for [`add_dispatcher`](Registry::add_dispatcher).
    pub fn add_source(
        &self,
        name: &str,
        write: impl Fn(&mut Exposition) + Send + Sync + 'static,
    ) -> Result<(), Error> {
        self.add(name, Source::Own(Arc::new(write)))
    }

    /// Shows what has this name no more. False if nothing has.
    pub fn remove(&self, name: &str) -> bool {
        let removed = {
            let mut entries = self.lock();
            let index = entries.iter().position(|(known, _)| known == name);
            index.map(|index| entries.remove(index))
        };
        // What a source owns is dropped outside the lock.
        removed.is_some()
    }

    /// Writes all figures of this moment to a page, in the order in which their sources were added.
    pub fn write_to(&self, page: &mut Exposition) {
        for (name, source) in self.sources() {
            match source {
                Source::Dispatcher(dispatcher) => dispatcher.stats().write_to(page, &name),
                Source::Pool(pool) => pool.stats().write_to(page, &name),
                Source::Own(write) => write(page),
            }
        }
    }

    /// All figures of this moment in Prometheus' text format, to be served as [`Exposition::CONTENT_TYPE`].
    pub fn prometheus(&self) -> String {
        let mut page = Exposition::new();
        self.write_to(&mut page);
        page.to_string()
    }

    /// All that were added, to be used outside the lock.
    pub(super) fn sources(&self) -> Vec<(String, Source)> {
        self.lock().clone()
    }

    fn add(&self, name: &str, source: Source) -> Result<(), Error> {
        let mut entries = self.lock();
        if entries.iter().any(|(known, _)| known == name) {
            return Err(Error::InvalidArgument(format!("figures are shown under the name {name:?} already")));
        }
        entries.push((name.to_owned(), source));
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(String, Source)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lock().iter().map(|(name, _)| name)).finish()
    }
}
