//! From measurements to a pressure.

use std::time::Duration;

use super::{Load, PressureConfig, Thresholds};
use crate::error::Error;

/// Turns measurements of a loop's load into its pressure: the largest of all sources counts, smoothed over time,
/// with a hysteresis.
///
/// ```
/// use mcp_event::pressure::{Gauge, Load, PressureConfig};
/// use std::time::Duration;
///
/// let mut gauge = Gauge::new(PressureConfig::default())?;
/// let late = Load { loop_lag: Duration::from_secs(1), ..Load::default() };
/// let once = gauge.update(&late, [], Duration::from_millis(100));
/// assert!(once > 0.0 && once < 0.2);
/// for _ in 0..100 {
///     gauge.update(&late, [], Duration::from_millis(100));
/// }
/// assert_eq!(gauge.pressure(), 1.0);
/// # Ok::<(), mcp_event::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Gauge {
    config: PressureConfig,
    smoothed: f64,
    /// Follows the smoothed pressure as a plate with so much play follows a pin: within half a hysteresis of it.
    lagging: f64,
}

/// Smoothing comes close for ever; so close counts as there.
const ARRIVED: f64 = 0.001;

impl Gauge {
    /// A gauge that shows no pressure.
    ///
    /// # Errors
    /// As [`PressureConfig::check`].
    pub fn new(config: PressureConfig) -> Result<Gauge, Error> {
        config.check()?;
        Ok(Gauge { config, smoothed: 0.0, lagging: config.hysteresis / 2.0 })
    }

    /// Takes a measurement, `elapsed` after the one before, and tells the pressure. `extra` are pressures of other
    /// sources, each from 0 to 1; what is outside counts as the nearer end, and what is not a number does not count.
    pub fn update(&mut self, load: &Load, extra: impl IntoIterator<Item = f64>, elapsed: Duration) -> f64 {
        let config = &self.config;
        let built_in = [
            share(load.loop_lag, config.loop_lag, Duration::as_secs_f64),
            share(load.poll_delay, config.poll_delay, Duration::as_secs_f64),
            share(load.queue_depth, config.queue_depth, |depth| *depth as f64),
        ];
        // Of a number and what is none, `max` takes the number.
        let target = built_in.into_iter().chain(extra).fold(0.0, f64::max).min(1.0);
        self.smoothed += (target - self.smoothed) * weight(elapsed, config.smoothing);
        if (target - self.smoothed).abs() < ARRIVED {
            self.smoothed = target;
        }
        let play = config.hysteresis / 2.0;
        self.lagging = self.lagging.clamp(self.smoothed - play, self.smoothed + play);
        self.pressure()
    }

    /// The pressure at the last measurement, from 0 to 1.
    pub fn pressure(&self) -> f64 {
        // The play takes half a hysteresis from either end; what is left is stretched over the whole.
        let hysteresis = self.config.hysteresis;
        ((self.lagging - hysteresis / 2.0) / (1.0 - hysteresis)).clamp(0.0, 1.0)
    }

    /// The settings it was made with.
    pub fn config(&self) -> &PressureConfig {
        &self.config
    }
}

/// Where `value` is between the thresholds; outside them, below 0 or above 1.
fn share<T>(value: T, thresholds: Thresholds<T>, number: impl Fn(&T) -> f64) -> f64 {
    let (low, high) = (number(&thresholds.low), number(&thresholds.high));
    // Thresholds that differ by less than their numbers can tell make a step.
    if low < high { (number(&value) - low) / (high - low) } else { f64::from(number(&value) > low) }
}

/// How much of the way to a new value is gone after `elapsed`.
fn weight(elapsed: Duration, time_constant: Duration) -> f64 {
    if time_constant.is_zero() {
        return 1.0;
    }
    -(-elapsed.as_secs_f64() / time_constant.as_secs_f64()).exp_m1()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    fn at_once() -> PressureConfig {
        PressureConfig {
            loop_lag: Thresholds::new(10 * MS, 110 * MS),
            poll_delay: Thresholds::new(10 * MS, 60 * MS),
            queue_depth: Thresholds::new(100, 200),
            smoothing: Duration::ZERO,
            hysteresis: 0.0,
            interval: 100 * MS,
        }
    }

    fn lag(loop_lag: Duration) -> Load {
        Load { loop_lag, ..Load::default() }
    }

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-9
    }

    #[test]
    fn each_source_is_linear_between_its_thresholds() {
        let mut gauge = Gauge::new(at_once()).unwrap();
        for (load, expected) in [
            (Load::default(), 0.0),
            (lag(10 * MS), 0.0),
            (lag(35 * MS), 0.25),
            (lag(110 * MS), 1.0),
            (lag(Duration::MAX), 1.0),
            (Load { poll_delay: 35 * MS, ..Load::default() }, 0.5),
            (Load { queue_depth: 175, ..Load::default() }, 0.75),
            (Load { queue_depth: usize::MAX, ..Load::default() }, 1.0),
        ] {
            let pressure = gauge.update(&load, [], MS);
            assert!(close(pressure, expected), "{load:?}: {pressure}");
        }
    }

    #[test]
    fn the_largest_source_counts() {
        let mut gauge = Gauge::new(at_once()).unwrap();
        let load = Load { loop_lag: 60 * MS, poll_delay: 20 * MS, queue_depth: 130 };
        assert!(close(gauge.update(&load, [], MS), 0.5));
        assert!(close(gauge.update(&load, [0.4, 0.9, 0.1], MS), 0.9));
    }

    #[test]
    fn senseless_values_of_others_do_no_harm() {
        let mut gauge = Gauge::new(at_once()).unwrap();
        assert_eq!(gauge.update(&Load::default(), [f64::NAN, -3.0, f64::NEG_INFINITY], MS), 0.0);
        assert_eq!(gauge.update(&Load::default(), [f64::NAN, 0.5], MS), 0.5);
        assert_eq!(gauge.update(&Load::default(), [f64::INFINITY, f64::NAN], MS), 1.0);
    }

    #[test]
    fn smoothing_goes_63_percent_of_the_way_in_its_time_constant() {
        let config = PressureConfig { smoothing: 100 * MS, ..at_once() };
        let (mut at_once, mut in_steps) = (Gauge::new(config).unwrap(), Gauge::new(config).unwrap());
        let expected = 1.0 - (-1.0f64).exp();
        assert!(close(at_once.update(&lag(Duration::MAX), [], 100 * MS), expected));
        for _ in 0..10 {
            in_steps.update(&lag(Duration::MAX), [], 10 * MS);
        }
        assert!(close(in_steps.pressure(), expected), "the number of steps makes no difference");
    }

    #[test]
    fn a_hysteresis_takes_no_notice_of_small_swings() {
        let mut gauge = Gauge::new(PressureConfig { hysteresis: 0.2, ..at_once() }).unwrap();
        let risen = gauge.update(&Load::default(), [0.7], MS);
        assert!(risen > 0.0 && risen < 0.9, "{risen}");
        for swing in [0.6, 0.7, 0.51, 0.69] {
            assert_eq!(gauge.update(&Load::default(), [swing], MS), risen);
        }
        assert!(gauge.update(&Load::default(), [0.4], MS) < risen);
    }

    #[test]
    fn thresholds_too_close_for_a_number_make_a_step() {
        let depth = Thresholds::new(usize::MAX - 1, usize::MAX);
        let mut gauge = Gauge::new(PressureConfig { queue_depth: depth, ..at_once() }).unwrap();
        assert_eq!(gauge.update(&Load { queue_depth: 10, ..Load::default() }, [], MS), 0.0);
        assert!(gauge.update(&Load { queue_depth: usize::MAX, ..Load::default() }, [], MS).is_finite());
    }

    proptest! {
        #[test]
        fn stays_within_0_and_1_and_arrives_at_either_end(
            hysteresis in 0.0..0.99f64,
            smoothing in 0u64..2_000,
            steps in proptest::collection::vec((any::<f64>(), 0u64..5_000), 0..60),
            end in prop_oneof![Just(0.0), Just(1.0)],
        ) {
            let config = PressureConfig { hysteresis, smoothing: Duration::from_millis(smoothing), ..at_once() };
            let mut gauge = Gauge::new(config).unwrap();
            prop_assert_eq!(gauge.pressure(), 0.0);
            for (extra, elapsed) in steps {
                let pressure = gauge.update(&Load::default(), [extra], Duration::from_millis(elapsed));
                prop_assert!((0.0..=1.0).contains(&pressure));
                prop_assert_eq!(pressure, gauge.pressure());
            }
            gauge.update(&Load::default(), [end], 60_000 * MS);
            prop_assert!(close(gauge.pressure(), end), "{} is not {}", gauge.pressure(), end);
        }

        #[test]
        fn no_swing_below_the_hysteresis_shows(
            hysteresis in 0.01..0.9f64,
            base in 0.0..1.0f64,
            swings in proptest::collection::vec(0.0..0.98f64, 1..40),
        ) {
            let mut gauge = Gauge::new(PressureConfig { hysteresis, ..at_once() }).unwrap();
            // Rises to the base and further; from its first fall on it stands, until a swing is larger than the play.
            let top = (base + hysteresis).min(1.0);
            let shown = gauge.update(&Load::default(), [top], MS);
            for swing in swings {
                let value = top - swing * hysteresis;
                prop_assert_eq!(gauge.update(&Load::default(), [value], MS), shown);
            }
        }

        #[test]
        fn more_load_is_never_less_pressure(
            hysteresis in 0.0..0.9f64,
            loads in proptest::collection::vec((0.0..1.0f64, 0.0..1.0f64), 1..40),
        ) {
            let config = PressureConfig { hysteresis, smoothing: 50 * MS, ..at_once() };
            let (mut less, mut more) = (Gauge::new(config).unwrap(), Gauge::new(config).unwrap());
            for (load, surplus) in loads {
                let left = less.update(&Load::default(), [load], 10 * MS);
                let right = more.update(&Load::default(), [load + surplus], 10 * MS);
                prop_assert!(left <= right + 1e-12);
            }
        }
    }
}
