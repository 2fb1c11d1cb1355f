//! What everybody may look up about the servers, at any moment and from any thread.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use super::actor::ServerMessage;
use super::log_ring::{LogLimits, LogLine, LogRing};
use super::status::ServerInfo;
use crate::actor::ActorRef;

/// One server, as others see it.
pub(crate) struct Entry {
    info: Mutex<ServerInfo>,
    log: Mutex<LogRing>,
}

impl Entry {
    pub(crate) fn new(info: ServerInfo) -> Arc<Entry> {
        Arc::new(Entry { info: Mutex::new(info), log: Mutex::new(LogRing::new(LogLimits::default())) })
    }

    pub(crate) fn with<R>(&self, look: impl FnOnce(&ServerInfo) -> R) -> R {
        look(&lock(&self.info))
    }

    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut ServerInfo) -> R) -> R {
        change(&mut lock(&self.info))
    }

    /// Takes what the server wrote for people, and gives the lines that this completed.
    pub(crate) fn write_log(&self, chunk: &[u8], mut on_line: impl FnMut(&str)) {
        let mut log = lock(&self.log);
        let first = log.next_number();
        log.write(chunk);
        let lines: Vec<_> = log.since(first).map(|line| line.text.clone()).collect();
        drop(log);
        lines.iter().for_each(|line| on_line(line));
    }

    pub(crate) fn end_log(&self) {
        lock(&self.log).end();
    }

    pub(crate) fn log_since(&self, number: u64) -> Vec<LogLine> {
        lock(&self.log).since(number).cloned().collect()
    }
}

/// All servers, by name.
#[derive(Default)]
pub(crate) struct Board(Mutex<BTreeMap<String, Place>>);

#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) actor: ActorRef<ServerMessage>,
    pub(crate) entry: Arc<Entry>,
    /// Its place in the configuration.
    pub(crate) order: usize,
}

impl Board {
    pub(crate) fn find(&self, name: &str) -> Option<Place> {
        lock(&self.0).get(name).cloned()
    }

    /// All, in the order of the configuration.
    pub(crate) fn all(&self) -> Vec<Place> {
        let mut all: Vec<_> = lock(&self.0).values().cloned().collect();
        all.sort_by_key(|place| place.order);
        all
    }

    pub(crate) fn put(&self, name: &str, place: Place) {
        lock(&self.0).insert(name.to_owned(), place);
    }

    pub(crate) fn remove(&self, name: &str) -> Option<Place> {
        lock(&self.0).remove(name)
    }

    pub(crate) fn reorder(&self, name: &str, order: usize) {
        if let Some(place) = lock(&self.0).get_mut(name) {
            place.order = order;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
