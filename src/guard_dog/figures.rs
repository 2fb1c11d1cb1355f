//! What a guard dog counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Event;

/// A guard dog's figures at one moment. Those of all threads go on counting what is not watched any more.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Figures {
    /// How often it looked at all that it watches.
    pub scans: u64,
    /// How often a thread stood still for longer than the threshold of a miss.
    pub misses: u64,
    /// How often for longer than that of a megamiss.
    pub megamisses: u64,
    /// How often for longer than that of a kill.
    pub kills: u64,
    /// How often so many stood still at a time that it was a multikill.
    pub multikills: u64,
    /// How often a thread got on that a report had told of.
    pub recoveries: u64,
    /// Events that nobody was told of, because an action took too long.
    pub dropped_events: u64,
    /// Actions that panicked or threw.
    pub failed_actions: u64,
    /// Those that are watched now.
    pub threads: Vec<ThreadFigures>,
}

/// The figures of one thread, over the time that it has been watched.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ThreadFigures {
    /// The dispatcher's name, or that of the touched watch.
    pub name: String,
    /// How often it stood still for longer than the threshold of a miss.
    pub misses: u64,
    /// How often for longer than that of a megamiss.
    pub megamisses: u64,
    /// For how long it has stood still, if a report has told of it since it last got on.
    pub stuck_for: Option<Duration>,
}

/// The counters behind them.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) scans: AtomicU64,
    /// By event.
    events: [AtomicU64; Event::ALL.len()],
    pub(super) dropped_events: AtomicU64,
    pub(super) failed_actions: AtomicU64,
}

impl Totals {
    pub(super) fn count(&self, event: Event) {
        self.events[event as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn figures(&self, threads: Vec<ThreadFigures>) -> Figures {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let of = |event: Event| get(&self.events[event as usize]);
        Figures {
            scans: get(&self.scans),
            misses: of(Event::Miss),
            megamisses: of(Event::Megamiss),
            kills: of(Event::Kill),
            multikills: of(Event::Multikill),
            recoveries: of(Event::Recovered),
            dropped_events: get(&self.dropped_events),
            failed_actions: get(&self.failed_actions),
            threads,
        }
    }
}
