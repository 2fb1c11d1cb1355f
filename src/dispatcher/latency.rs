//! How long something takes: recorded by one thread, read by any, neither of which waits for the other.
//!
//! A recorder counts in atomics, one a bucket, which its only writer stores to and readers load from. So a reader,
//! even one that loses its processor in the middle, never keeps the loop. What it reads, it adds to a histogram of
//! its own, where quantiles are found and those of several loops are added.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;

use super::clock::Nanos;

/// Longer times are recorded as an hour.
const LONGEST: u64 = 3_600_000_000;

/// Values below this have a bucket each; above it, each doubling is divided by half as many.
const EXACT: u64 = 256;
const STEPS: u64 = EXACT / 2;

const BUCKETS: usize = bucket_of(LONGEST) + 1;

/// The bounds of the buckets that are shown, in microseconds. Fixed: figures of different times and loops can be
/// added.
const BOUNDS: [u64; 18] = [
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 10_000_000,
];

/// The bucket of a value: its eight leading bits, and how many follow. That is two significant digits.
const fn bucket_of(micros: u64) -> usize {
    let dropped = (u64::BITS - EXACT.ilog2()).saturating_sub(micros.leading_zeros());
    (dropped as u64 * STEPS + (micros >> dropped)) as usize
}

/// The least value of a bucket.
const fn least_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let dropped = (bucket / STEPS).saturating_sub(1);
    (bucket - dropped * STEPS) << dropped
}

/// A histogram of whole microseconds, with two significant digits, that one thread at a time writes.
pub(crate) struct Recorder {
    buckets: [AtomicU64; BUCKETS],
    sum: AtomicU64,
}

impl Recorder {
    pub(crate) fn new() -> Recorder {
        Recorder { buckets: [const { AtomicU64::new(0) }; BUCKETS], sum: AtomicU64::new(0) }
    }

    /// By one thread at a time, so without a read-modify-write.
    pub(crate) fn record(&self, nanos: Nanos) {
        let micros = (nanos / 1_000).min(LONGEST);
        let add = |word: &AtomicU64, n| word.store(word.load(Ordering::Relaxed) + n, Ordering::Relaxed);
        add(&self.buckets[bucket_of(micros)], 1);
        add(&self.sum, micros);
    }

    /// What was recorded until about now.
    pub(crate) fn read(&self) -> Latencies {
        let mut latencies = Latencies { histogram: None, sum: self.sum.load(Ordering::Relaxed) };
        for (bucket, count) in self.buckets.iter().enumerate() {
            let count = count.load(Ordering::Relaxed);
            if count != 0 {
                // It resizes itself, and so has room for every value.
                let _ = latencies.histogram().map(|histogram| histogram.record_n(least_of(bucket), count));
            }
        }
        latencies
    }
}

/// What one recorder, or several, held.
#[derive(Clone, Default)]
pub(crate) struct Latencies {
    /// None while nothing was recorded.
    histogram: Option<Histogram<u64>>,
    /// In microseconds.
    sum: u64,
}

impl Latencies {
    fn histogram(&mut self) -> Option<&mut Histogram<u64>> {
        if self.histogram.is_none() {
            self.histogram = Histogram::new(2).ok();
        }
        self.histogram.as_mut()
    }

    /// Adds those of another loop: value by value, so that quantiles stay true.
    pub(crate) fn add(&mut self, other: &Latencies) {
        self.sum = self.sum.saturating_add(other.sum);
        if let Some(added) = &other.histogram {
            let _ = self.histogram().map(|histogram| histogram.add(added));
        }
    }

    pub(crate) fn summary(&self) -> LatencySummary {
        let micros = Duration::from_micros;
        let Some(histogram) = &self.histogram else { return LatencySummary::default() };
        LatencySummary {
            count: histogram.len(),
            sum: micros(self.sum),
            p50: micros(histogram.value_at_quantile(0.50)),
            p90: micros(histogram.value_at_quantile(0.90)),
            p99: micros(histogram.value_at_quantile(0.99)),
            max: micros(histogram.max()),
        }
    }

    /// In buckets of fixed bounds.
    pub(crate) fn in_buckets(&self) -> LatencyHistogram {
        let mut counts = [0; BOUNDS.len()];
        for (value, count) in self.recorded() {
            let bucket = BOUNDS.partition_point(|bound| Duration::from_micros(*bound) < value);
            if let Some(sum) = counts.get_mut(bucket) {
                *sum += count;
            }
        }
        let mut below = 0;
        let cumulative = BOUNDS.iter().zip(counts).map(|(bound, count)| {
            below += count;
            (Duration::from_micros(*bound), below)
        });
        LatencyHistogram { buckets: cumulative.collect(), summary: self.summary() }
    }

    /// What was recorded since `earlier`, which it held then; all, if it has begun anew since.
    #[cfg(feature = "metrics")]
    pub(crate) fn since(&self, earlier: &Latencies) -> impl Iterator<Item = (Duration, u64)> {
        let earlier = earlier.histogram.as_ref().filter(|earlier| earlier.len() <= self.summary().count);
        self.recorded().filter_map(move |(value, count)| {
            let before = earlier.map_or(0, |histogram| histogram.count_at(value.as_micros() as u64));
            count.checked_sub(before).filter(|count| *count != 0).map(|count| (value, count))
        })
    }

    /// Each value that was recorded, to two significant digits downwards, and how often.
    pub(crate) fn recorded(&self) -> impl Iterator<Item = (Duration, u64)> {
        self.histogram.iter().flat_map(|histogram| {
            histogram.iter_recorded().map(|step| {
                let least = histogram.lowest_equivalent(step.value_iterated_to());
                (Duration::from_micros(least), step.count_at_value())
            })
        })
    }
}

impl fmt::Debug for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.summary().fmt(f)
    }
}

/// A histogram in short, of whole microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LatencySummary {
    /// How many were recorded.
    pub count: u64,
    /// All of them together.
    pub sum: Duration,
    /// The median.
    pub p50: Duration,
    /// The 90th percentile.
    pub p90: Duration,
    /// The 99th percentile.
    pub p99: Duration,
    /// The largest.
    pub max: Duration,
}

impl fmt::Display for LatencySummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "count={} sum={}us p50={}us p90={}us p99={}us max={}us",
            self.count,
            self.sum.as_micros(),
            self.p50.as_micros(),
            self.p90.as_micros(),
            self.p99.as_micros(),
            self.max.as_micros()
        )
    }
}

/// How long something took, at one moment: in short, and in buckets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LatencyHistogram {
    /// Count, sum and quantiles; exact to two digits, the sum and the counts wholly.
    pub summary: LatencySummary,
    /// How many took no longer than each bound; what took longer than the last is in the summary's count only.
    pub buckets: Vec<(Duration, u64)>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_follow_one_another_without_a_gap() {
        assert_eq!((least_of(0), bucket_of(0)), (0, 0));
        for bucket in 1..BUCKETS {
            let least = least_of(bucket);
            assert_eq!((bucket_of(least - 1), bucket_of(least)), (bucket - 1, bucket), "from {least}");
        }
    }

    #[test]
    fn what_takes_longer_than_an_hour_takes_an_hour() {
        let recorder = Recorder::new();
        recorder.record(Nanos::MAX);
        let summary = recorder.read().summary();
        assert_eq!((summary.count, summary.sum), (1, Duration::from_secs(3_600)));
        assert_eq!(recorder.read().in_buckets().buckets.last().unwrap().1, 0);
    }

    #[test]
    fn of_nothing_there_is_nothing() {
        assert_eq!(Recorder::new().read().summary(), LatencySummary::default());
        let mut sum = Latencies::default();
        sum.add(&Latencies::default());
        assert_eq!((sum.summary().count, sum.recorded().count()), (0, 0));
    }

    fn near(found: Duration, exact: u64) -> bool {
        let exact = Duration::from_micros(exact);
        found >= exact && found <= exact + exact / 100
    }

    proptest! {
        #[test]
        fn a_sum_of_two_is_as_if_all_had_been_recorded_by_one(
            first in prop::collection::vec(0u64..20_000_000, 1..50),
            second in prop::collection::vec(0u64..2_000, 0..50),
        ) {
            let (one, other) = (Recorder::new(), Recorder::new());
            first.iter().for_each(|micros| one.record(micros * 1_000));
            second.iter().for_each(|micros| other.record(micros * 1_000));
            let mut sum = one.read();
            sum.add(&other.read());

            let mut all = [first, second].concat();
            all.sort_unstable();
            let summary = sum.summary();
            prop_assert_eq!(summary.count, all.len() as u64);
            prop_assert_eq!(summary.sum, Duration::from_micros(all.iter().sum()));
            prop_assert!(near(summary.max, *all.last().unwrap()));
            let rank = |quantile: f64| all[((quantile * all.len() as f64).ceil() as usize).max(1) - 1];
            prop_assert!(near(summary.p50, rank(0.5)) && near(summary.p90, rank(0.9)));
            for (bound, count) in sum.in_buckets().buckets {
                let bound = bound.as_micros() as u64;
                let at_most = |limit: u64| all.iter().filter(|micros| **micros <= limit).count() as u64;
                prop_assert!(at_most(bound) <= count && count <= at_most(bound + bound / 100), "{}", bound);
            }
        }
    }
}
