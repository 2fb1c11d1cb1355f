//! What counts as pressure, and how fast it may change.

use std::fmt;
use std::time::Duration;

use crate::error::Error;

/// Where a measurement begins to be pressure, and where it is all of it; linear in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds<T> {
    /// Up to here there is no pressure.
    pub low: T,
    /// From here on the pressure is 1. Above `low`.
    pub high: T,
}

impl<T> Thresholds<T> {
    /// From no pressure at `low` to a pressure of 1 at `high`.
    pub const fn new(low: T, high: T) -> Thresholds<T> {
        Thresholds { low, high }
    }
}

impl<T: PartialOrd + fmt::Debug> Thresholds<T> {
    fn check(&self, what: &str) -> Result<(), Error> {
        if self.low < self.high {
            return Ok(());
        }
        Err(Error::InvalidArgument(format!(
            "the low threshold of the {what}, {:?}, is not below the high one, {:?}",
            self.low, self.high
        )))
    }
}

/// How a pressure is computed. A source with thresholds that it never reaches does not count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PressureConfig {
    /// Of [`Load::loop_lag`](super::Load::loop_lag).
    pub loop_lag: Thresholds<Duration>,
    /// Of [`Load::poll_delay`](super::Load::poll_delay).
    pub poll_delay: Thresholds<Duration>,
    /// Of [`Load::queue_depth`](super::Load::queue_depth).
    pub queue_depth: Thresholds<usize>,
    /// The time constant of the exponential smoothing: after a jump, the pressure has gone 63 % of the way when this
    /// long has passed, and 95 % after three times as long. Zero: no smoothing.
    pub smoothing: Duration,
    /// By how much the smoothed pressure must turn back before the reported one follows: from 0, always at once, to
    /// below 1.
    pub hysteresis: f64,
    /// How often the load is measured. Not zero.
    pub interval: Duration,
}

impl Default for PressureConfig {
    /// Lateness from 10 ms to 200 ms, a queue of 1,000 to 20,000 posts, smoothed over half a second, with a
    /// hysteresis of 0.05, every 100 ms.
    fn default() -> PressureConfig {
        let lateness = Thresholds::new(Duration::from_millis(10), Duration::from_millis(200));
        PressureConfig {
            loop_lag: lateness,
            poll_delay: lateness,
            queue_depth: Thresholds::new(1_000, 20_000),
            smoothing: Duration::from_millis(500),
            hysteresis: 0.05,
            interval: Duration::from_millis(100),
        }
    }
}

impl PressureConfig {
    /// Whether it makes sense.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a low threshold that is not below its high one, a hysteresis that is not a
    /// number from 0 to below 1, and an interval of zero.
    pub fn check(&self) -> Result<(), Error> {
        self.loop_lag.check("loop lag")?;
        self.poll_delay.check("poll delay")?;
        self.queue_depth.check("queue depth")?;
        if !(0.0..1.0).contains(&self.hysteresis) {
            return Err(Error::InvalidArgument(format!(
                "a hysteresis of {} is not between 0 and 1, 1 excluded",
                self.hysteresis
            )));
        }
        if self.interval.is_zero() {
            return Err(Error::InvalidArgument("the interval between two measurements is zero".into()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut PressureConfig)) -> String {
        let mut config = PressureConfig::default();
        change(&mut config);
        match config.check() {
            Err(Error::InvalidArgument(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_default_makes_sense() {
        PressureConfig::default().check().unwrap();
    }

    #[test]
    fn thresholds_out_of_order_are_refused_by_name() {
        let (short, long) = (Duration::from_millis(5), Duration::from_millis(6));
        let text = refused(|config| config.loop_lag = Thresholds::new(long, short));
        assert!(text.contains("loop lag") && text.contains("6ms") && text.contains("5ms"), "{text}");
        assert!(refused(|config| config.poll_delay = Thresholds::new(short, short)).contains("poll delay"));
        assert!(refused(|config| config.queue_depth = Thresholds::new(7, 7)).contains("queue depth"));
    }

    #[test]
    fn a_hysteresis_outside_its_range_is_refused() {
        for hysteresis in [-0.1, 1.0, f64::NAN, f64::INFINITY] {
            assert!(refused(|config| config.hysteresis = hysteresis).contains(&hysteresis.to_string()));
        }
    }

    #[test]
    fn an_interval_of_zero_is_refused() {
        assert!(refused(|config| config.interval = Duration::ZERO).contains("interval"));
    }
}
