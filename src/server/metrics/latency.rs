//! How long something takes: quantiles for people, fixed buckets for Prometheus.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::{LatencyHistogram, LatencySummary};

/// The upper bounds of the buckets, in microseconds. Fixed: figures of different times and servers can be added.
const BOUNDS: [u64; 17] = [
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
];

/// Longer times are recorded as an hour.
const LONGEST: u64 = 3_600_000_000;

/// A histogram of whole microseconds, with two significant digits.
pub(super) struct Latency {
    /// Grows to what it must hold; `None` until something is recorded, as most methods are never called.
    histogram: Option<Histogram<u64>>,
    /// How many went into each bucket, and into no lower one.
    buckets: [u64; BOUNDS.len()],
    sum: u64,
}

impl Default for Latency {
    fn default() -> Latency {
        Latency { histogram: None, buckets: [0; BOUNDS.len()], sum: 0 }
    }
}

impl fmt::Debug for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.histogram().summary.fmt(f)
    }
}

impl Latency {
    pub(super) fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).map_or(LONGEST, |micros| micros.min(LONGEST));
        self.sum = self.sum.saturating_add(micros);
        let bucket = BOUNDS.partition_point(|bound| *bound < micros);
        if let Some(count) = self.buckets.get_mut(bucket) {
            *count += 1;
        }
        if self.histogram.is_none() {
            self.histogram = Histogram::new(2).ok();
        }
        if let Some(histogram) = &mut self.histogram {
            // It resizes itself, and so has room for every value.
            let _ = histogram.record(micros);
        }
    }

    pub(super) fn histogram(&self) -> LatencyHistogram {
        let mut below = 0;
        let cumulative = BOUNDS.iter().zip(self.buckets).map(|(bound, count)| {
            below += count;
            (Duration::from_micros(*bound), below)
        });
        let buckets = cumulative.collect();
        let Some(histogram) = &self.histogram else {
            return LatencyHistogram { summary: LatencySummary::default(), buckets };
        };
        let quantile = |quantile| Duration::from_micros(histogram.value_at_quantile(quantile));
        let summary = LatencySummary {
            count: histogram.len(),
            sum: Duration::from_micros(self.sum),
            p50: quantile(0.50),
            p90: quantile(0.90),
            p99: quantile(0.99),
            max: Duration::from_micros(histogram.max()),
        };
        LatencyHistogram { summary, buckets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_recorded_at_first() {
        let histogram = Latency::default().histogram();
        assert_eq!(histogram.summary, LatencySummary::default());
        assert_eq!(histogram.buckets.len(), BOUNDS.len());
        assert!(histogram.buckets.iter().all(|(_, count)| *count == 0));
    }

    #[test]
    fn buckets_are_cumulative_and_exact_at_their_bounds() {
        let mut latency = Latency::default();
        for micros in [0, 500, 501, 1_000, 300_000_000, 300_000_001] {
            latency.record(Duration::from_micros(micros));
        }
        let histogram = latency.histogram();
        assert_eq!(histogram.summary.count, 6);
        assert_eq!(histogram.summary.sum, Duration::from_micros(600_002_002));
        let counts: Vec<_> = histogram.buckets.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts[..3], [2, 4, 4]);
        assert_eq!(counts[BOUNDS.len() - 2..], [4, 5]);
    }

    #[test]
    fn quantiles_are_near() {
        let mut latency = Latency::default();
        (1..=1_000).for_each(|millis| latency.record(Duration::from_millis(millis)));
        let summary = latency.histogram().summary;
        for (found, exact) in
            [(summary.p50, 500), (summary.p90, 900), (summary.p99, 990), (summary.max, 1_000)]
        {
            let exact = Duration::from_millis(exact);
            assert!(found.abs_diff(exact) <= exact / 100, "{found:?} is not {exact:?}");
        }
    }

    #[test]
    fn what_takes_longer_than_an_hour_takes_an_hour() {
        let mut latency = Latency::default();
        latency.record(Duration::MAX);
        latency.record(Duration::from_secs(3_601));
        let summary = latency.histogram().summary;
        assert_eq!((summary.count, summary.sum), (2, Duration::from_secs(7_200)));
    }
}
