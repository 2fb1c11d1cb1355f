//! Figures for the crate `metrics`: whatever recorder the program has installed.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, TryLockError};
use std::time::Duration;

use ::metrics::{
    Label, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use super::Registry;
use super::loops::{COUNTERS, HISTOGRAMS, POOL_WORKERS, PREFIXES, QUEUE_DEPTH, Series, TIME_SPUN};
use super::registry::Source;
use crate::dispatcher::latency::Latencies;
use crate::dispatcher::{Handle, PeriodicTimer};
use crate::error::Error;

/// Hands the figures of the dispatchers and pools in a [`Registry`] to the recorder that is installed for the crate
/// `metrics`, by the names that they have for Prometheus. The program's own sources in the registry are left out:
/// they can use that crate themselves.
///
/// Counters are handed over as they stand; of histograms, what was recorded since the last time. So have one
/// publisher for a registry, and install the recorder before it publishes first.
///
/// ```
/// use mcp_event::Dispatcher;
/// use mcp_event::metrics::{Publisher, Registry};
/// use std::time::Duration;
///
/// let dispatcher = Dispatcher::new("main")?;
/// let registry = Registry::new();
/// registry.add_dispatcher(&dispatcher)?;
/// let publisher = Publisher::new(&registry);
/// publisher.publish();
/// let publication = publisher.publish_every(&dispatcher, Duration::from_secs(10))?;
/// # drop(publication);
/// # Ok::<(), mcp_event::Error>(())
/// ```
pub struct Publisher {
    registry: Registry,
    published: Mutex<Published>,
}

/// What the recorder knows.
#[derive(Default)]
struct Published {
    is_described: bool,
    /// The histograms of each series, by its prefix and its labels.
    latencies: HashMap<(&'static str, Vec<Label>), [Latencies; HISTOGRAMS.len()]>,
}

impl Publisher {
    /// A publisher of what `registry` shows.
    pub fn new(registry: &Registry) -> Publisher {
        Publisher { registry: registry.clone(), published: Mutex::default() }
    }

    /// Hands over all figures of this moment. From any thread; nothing while another thread is at it, or when called
    /// by the recorder.
    pub fn publish(&self) {
        // The recorder is not ours, so nobody waits for it.
        let mut published = match self.published.try_lock() {
            Ok(published) => published,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if !std::mem::replace(&mut published.is_described, true) {
            describe();
        }
        for (name, source) in self.registry.sources() {
            match source {
                Source::Dispatcher(dispatcher) => {
                    published.hand_over(&Series::of_dispatcher(&name, &dispatcher.stats()));
                }
                Source::Pool(pool) => {
                    let stats = pool.stats();
                    Series::of_pool(&name, &stats).for_each(|series| published.hand_over(&series));
                    let labels = vec![Label::new("pool", name)];
                    gauge!(POOL_WORKERS.0, labels).set(stats.workers.len() as f64);
                }
                Source::Own(_) => {}
            }
        }
    }

    /// Publishes every `interval`, on the loop and by the clock of `dispatcher`, until the result is dropped.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for an interval of zero.
    pub fn publish_every(self, dispatcher: &Handle, interval: Duration) -> Result<Publication, Error> {
        if interval.is_zero() {
            return Err(Error::InvalidArgument("the interval at which to publish figures is zero".into()));
        }
        let timer = dispatcher.create_periodic_timer(move || self.publish());
        timer.enable(interval);
        Ok(Publication { _timer: timer })
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("registry", &self.registry).finish_non_exhaustive()
    }
}

impl Published {
    fn hand_over(&mut self, series: &Series<'_>) {
        let Series { prefix, labels, stats } = series;
        let labels: Vec<_> =
            labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned())).collect();
        for (name, _, value) in COUNTERS {
            counter!(format!("{prefix}{name}"), labels.clone()).absolute(value(stats));
        }
        gauge!(format!("{prefix}{}", QUEUE_DEPTH.0), labels.clone()).set(stats.queue_depth as f64);
        // The counters of that crate are whole numbers.
        gauge!(format!("{prefix}{}", TIME_SPUN.0), labels.clone()).set(stats.time_spun.as_secs_f64());
        let known = self.latencies.entry((*prefix, labels.clone())).or_default();
        for ((name, _, latencies), known) in HISTOGRAMS.into_iter().zip(known) {
            let recorder = histogram!(format!("{prefix}{name}"), labels.clone());
            for (value, count) in latencies(stats).since(known) {
                recorder.record_many(value.as_secs_f64(), usize::try_from(count).unwrap_or(usize::MAX));
            }
            *known = latencies(stats).clone();
        }
    }
}

fn describe() {
    for prefix in PREFIXES {
        for (name, help, _) in COUNTERS {
            describe_counter!(format!("{prefix}{name}"), Unit::Count, help);
        }
        let (name, help) = QUEUE_DEPTH;
        describe_gauge!(format!("{prefix}{name}"), Unit::Count, help);
        let (name, help) = TIME_SPUN;
        describe_gauge!(format!("{prefix}{name}"), Unit::Seconds, help);
        for (name, help, _) in HISTOGRAMS {
            describe_histogram!(format!("{prefix}{name}"), Unit::Seconds, help);
        }
    }
    describe_gauge!(POOL_WORKERS.0, Unit::Count, POOL_WORKERS.1);
}

/// Publishes figures again and again; made by [`Publisher::publish_every`]. Dropping it ends that.
#[must_use = "dropped, it publishes nothing"]
pub struct Publication {
    _timer: PeriodicTimer,
}

impl fmt::Debug for Publication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Publication")
    }
}
