//! What is counted and measured about servers, readable from any thread.

mod exposition;
mod latency;
mod methods;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use crate::LatencyHistogram;
pub use methods::{MethodMetrics, RequestOutcome};

use latency::Latency;
use methods::Methods;

/// The figures of all servers.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    servers: Mutex<BTreeMap<String, Arc<ServerFigures>>>,
}

impl Metrics {
    /// The figures of the server `name`, which begin at zero with the first call.
    pub(crate) fn server(&self, name: &str) -> Arc<ServerFigures> {
        let mut servers = lock(&self.servers);
        if let Some(figures) = servers.get(name) {
            return figures.clone();
        }
        servers.entry(name.to_owned()).or_default().clone()
    }

    /// Shows the figures of that server no more.
    pub(crate) fn forget(&self, name: &str) {
        lock(&self.servers).remove(name);
    }

    /// All figures now, by name.
    pub(crate) fn snapshot(&self) -> MetricsSnapshot {
        let servers: Vec<_> =
            lock(&self.servers).iter().map(|(name, figures)| (name.clone(), figures.clone())).collect();
        let servers = servers.into_iter().map(|(name, figures)| figures.snapshot(name)).collect();
        MetricsSnapshot { servers }
    }
}

/// Something that a server did, or that was done to it.
#[derive(Debug, Clone)]
pub(crate) enum Measured {
    /// It is ready, so long after its process began.
    Started(Duration),
    /// It did not get ready.
    StartFailed,
    /// It has ended, in whatever way.
    Stopped,
    /// It is being started again.
    Restarted,
    /// It answered a ping, after so long.
    Healthy(Duration),
    /// It did not.
    Unhealthy,
    /// A request came to its end, after so long.
    Request(String, RequestOutcome, Duration),
    /// It sent a notification.
    Notification,
    /// It sent a line that is no message.
    Malformed,
    /// It sent a line that is too long.
    Oversized,
    /// It answered what nobody asked.
    Unsolicited,
}

/// The figures of one server. One thread records and others read.
#[derive(Debug, Default)]
pub(crate) struct ServerFigures(Mutex<Figures>);

#[derive(Debug, Default)]
struct Figures {
    counts: ServerCounts,
    start: Latency,
    ping: Latency,
    methods: Methods,
}

impl ServerFigures {
    pub(crate) fn record(&self, measured: &Measured) {
        let figures = &mut *lock(&self.0);
        let counts = &mut figures.counts;
        match *measured {
            Measured::Started(duration) => {
                counts.starts += 1;
                figures.start.record(duration);
            }
            Measured::StartFailed => counts.failed_starts += 1,
            Measured::Stopped => counts.stops += 1,
            Measured::Restarted => counts.restarts += 1,
            Measured::Healthy(latency) => {
                counts.health_checks_ok += 1;
                figures.ping.record(latency);
            }
            Measured::Unhealthy => counts.health_checks_failed += 1,
            Measured::Request(ref method, outcome, latency) => {
                figures.methods.record(method, outcome, latency)
            }
            Measured::Notification => counts.notifications += 1,
            Measured::Malformed => counts.malformed += 1,
            Measured::Oversized => counts.oversized += 1,
            Measured::Unsolicited => counts.unsolicited += 1,
        }
    }

    fn snapshot(&self, name: String) -> ServerMetrics {
        let figures = lock(&self.0);
        ServerMetrics {
            name,
            counts: figures.counts,
            start_duration: figures.start.histogram(),
            ping_latency: figures.ping.histogram(),
            methods: figures.methods.snapshot(),
        }
    }
}

/// Figures are whole between any two statements that change them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The figures of all servers at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetricsSnapshot {
    /// By name.
    pub servers: Vec<ServerMetrics>,
}

/// The figures of one server at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerMetrics {
    /// Its name.
    pub name: String,
    /// What is counted.
    pub counts: ServerCounts,
    /// From the start of the process to the end of the handshake, of starts that succeeded.
    pub start_duration: LatencyHistogram,
    /// How long health checks took that succeeded.
    pub ping_latency: LatencyHistogram,
    /// Requests to the server, by method.
    pub methods: Vec<MethodMetrics>,
}

/// What is counted about a server, from the beginning of the manager on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerCounts {
    /// How often it got ready.
    pub starts: u64,
    /// How often it did not.
    pub failed_starts: u64,
    /// How often it ended, in whatever way.
    pub stops: u64,
    /// How often it was started again after it had ended by itself.
    pub restarts: u64,
    /// Health checks that it answered in time.
    pub health_checks_ok: u64,
    /// Health checks that it did not.
    pub health_checks_failed: u64,
    /// Notifications from it.
    pub notifications: u64,
    /// Lines from it that were no messages.
    pub malformed: u64,
    /// Lines from it that were too long.
    pub oversized: u64,
    /// Answers from it to what nobody had asked.
    pub unsolicited: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_servers_are_apart_and_shown_by_name() {
        let metrics = Metrics::default();
        metrics.server("b").record(&Measured::Restarted);
        metrics.server("a").record(&Measured::Stopped);
        metrics.server("a").record(&Measured::Stopped);
        let servers = metrics.snapshot().servers;
        let stops: Vec<_> =
            servers.iter().map(|server| (server.name.as_str(), server.counts.stops)).collect();
        assert_eq!(stops, [("a", 2), ("b", 0)]);
        metrics.forget("a");
        assert_eq!(metrics.snapshot().servers.len(), 1);
    }

    #[test]
    fn everything_is_counted_once() {
        let metrics = Metrics::default();
        let server = metrics.server("a");
        let measured = [
            Measured::Started(Duration::from_millis(1)),
            Measured::StartFailed,
            Measured::Stopped,
            Measured::Restarted,
            Measured::Healthy(Duration::from_millis(2)),
            Measured::Unhealthy,
            Measured::Notification,
            Measured::Malformed,
            Measured::Oversized,
            Measured::Unsolicited,
        ];
        measured.into_iter().for_each(|measured| server.record(&measured));
        let snapshot = metrics.snapshot().servers.remove(0);
        let once = ServerCounts {
            starts: 1,
            failed_starts: 1,
            stops: 1,
            restarts: 1,
            health_checks_ok: 1,
            health_checks_failed: 1,
            notifications: 1,
            malformed: 1,
            oversized: 1,
            unsolicited: 1,
        };
        assert_eq!(snapshot.counts, once);
        let (start, ping) = (snapshot.start_duration.summary, snapshot.ping_latency.summary);
        assert_eq!((start.count, start.sum), (1, Duration::from_millis(1)));
        assert_eq!((ping.count, ping.sum), (1, Duration::from_millis(2)));
        assert_eq!(snapshot.methods, []);
    }

    #[test]
    fn threads_may_record_together() {
        let metrics = Metrics::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let record = |_| metrics.server("a").record(&Measured::Notification);
                    (0..1_000).for_each(record);
                });
            }
        });
        assert_eq!(metrics.snapshot().servers[0].counts.notifications, 4_000);
    }
}
