//! When a pool grows and when it shrinks: a machine that knows no thread and no clock.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::error::Error;
use crate::pressure::PressureConfig;

/// How a pool follows its load.
///
/// The pressure of the pool is the mean of its workers', each from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScalingConfig {
    /// Above this pressure the pool is too small.
    pub high: f64,
    /// Below this one it is too large. Not above `high`.
    pub low: f64,
    /// How long it must be too small before a worker is added.
    pub grow_after: Duration,
    /// How long it must be too large before a worker retires.
    pub retire_after: Duration,
    /// How long after a step the next one may come.
    pub cool_down: Duration,
    /// How long a retiring worker may keep what it has; then it is dropped.
    pub drain_limit: Duration,
    /// What counts as a worker's pressure, and how often it is measured.
    pub pressure: PressureConfig,
}

impl Default for ScalingConfig {
    /// Grows above 0.7 for a second, shrinks below 0.2 for thirty, with five seconds between steps; a retiring worker
    /// has a minute.
    fn default() -> ScalingConfig {
        ScalingConfig {
            high: 0.7,
            low: 0.2,
            grow_after: Duration::from_secs(1),
            retire_after: Duration::from_secs(30),
            cool_down: Duration::from_secs(5),
            drain_limit: Duration::from_secs(60),
            pressure: PressureConfig::default(),
        }
    }
}

impl ScalingConfig {
    /// Whether it makes sense.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for marks that are not between 0 and 1 or in the wrong order, for times to grow and
    /// to retire of zero, and as [`PressureConfig::check`].
    pub fn check(&self) -> Result<(), Error> {
        let refuse = |text: String| Err(Error::InvalidArgument(text));
        for (mark, name) in [(self.low, "low"), (self.high, "high")] {
            if !(0.0..=1.0).contains(&mark) {
                return refuse(format!("the {name} mark of the pressure, {mark}, is not between 0 and 1"));
            }
        }
        if self.low >= self.high {
            return refuse(format!("the low mark, {}, is not below the high one, {}", self.low, self.high));
        }
        for (time, name) in [(self.grow_after, "grow"), (self.retire_after, "retire")] {
            if time.is_zero() {
                return refuse(format!("the time after which workers {name} is zero"));
            }
        }
        self.pressure.check()
    }
}

/// A worker, as far as the decision needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) number: usize,
    /// Handles and posts: what keeps it from ending.
    pub(super) ties: usize,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Keep,
    /// One worker more.
    Grow,
    /// The worker of this number takes no new work.
    Retire(usize),
}

/// Decides, from the pressure at one time after the other.
#[derive(Debug)]
pub(super) struct Scaling {
    config: ScalingConfig,
    bounds: RangeInclusive<usize>,
    /// Since when the pressure has been above the high mark, or below the low one, without a break.
    high_since: Option<Duration>,
    low_since: Option<Duration>,
    rests_until: Duration,
}

impl Scaling {
    /// A machine that keeps the number of workers within `bounds`.
    pub(super) fn new(bounds: RangeInclusive<usize>, config: ScalingConfig) -> Result<Scaling, Error> {
        config.check()?;
        let (min, max) = (*bounds.start(), *bounds.end());
        if min > max {
            return Err(Error::InvalidArgument(format!(
                "at least {min} workers are more than at most {max}"
            )));
        }
        if min == 0 {
            return Err(Error::InvalidArgument("a pool that scales needs at least one worker".into()));
        }
        let rests_until = Duration::ZERO;
        Ok(Scaling { config, bounds, high_since: None, low_since: None, rests_until })
    }

    pub(super) fn config(&self) -> &ScalingConfig {
        &self.config
    }

    /// What to do at the time `now`, which never goes back.
    pub(super) fn step(&mut self, pressure: f64, workers: &[Candidate], now: Duration) -> Step {
        note(&mut self.high_since, pressure > self.config.high, now);
        note(&mut self.low_since, pressure < self.config.low, now);
        let step = if workers.len() < *self.bounds.start() {
            Step::Grow
        } else if now < self.rests_until {
            Step::Keep
        } else if lasted(self.high_since, self.config.grow_after, now) && workers.len() < *self.bounds.end() {
            Step::Grow
        } else if lasted(self.low_since, self.config.retire_after, now)
            && workers.len() > *self.bounds.start()
        {
            least_tied(workers).map_or(Step::Keep, Step::Retire)
        } else {
            Step::Keep
        };
        if step != Step::Keep {
            self.rests_until = now.saturating_add(self.config.cool_down);
            // What was seen before was seen of a pool of another size.
            (self.high_since, self.low_since) = (None, None);
        }
        step
    }
}

fn note(since: &mut Option<Duration>, holds: bool, now: Duration) {
    *since = if holds { since.or(Some(now)) } else { None };
}

fn lasted(since: Option<Duration>, time: Duration, now: Duration) -> bool {
    since.is_some_and(|since| now.saturating_sub(since) >= time)
}

/// The one that will end the soonest; of several, the youngest.
fn least_tied(workers: &[Candidate]) -> Option<usize> {
    let key = |worker: &&Candidate| (worker.ties, std::cmp::Reverse(worker.number));
    workers.iter().min_by_key(key).map(|worker| worker.number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Grows after two seconds, retires after four, rests three.
    fn config() -> ScalingConfig {
        ScalingConfig {
            high: 0.8,
            low: 0.2,
            grow_after: 2 * SECOND,
            retire_after: 4 * SECOND,
            cool_down: 3 * SECOND,
            ..ScalingConfig::default()
        }
    }

    fn scaling(min: usize, max: usize) -> Scaling {
        Scaling::new(min..=max, config()).unwrap()
    }

    fn workers(count: usize) -> Vec<Candidate> {
        (0..count).map(|number| Candidate { number, ties: 0 }).collect()
    }

    /// The steps at one second after the other, from 0.
    fn steps(scaling: &mut Scaling, count: usize, pressures: &[f64]) -> Vec<Step> {
        let at = |(second, pressure): (usize, &f64)| {
            scaling.step(*pressure, &workers(count), SECOND * second as u32)
        };
        pressures.iter().enumerate().map(at).collect()
    }

    fn refused(change: impl FnOnce(&mut ScalingConfig)) -> String {
        let mut config = config();
        change(&mut config);
        match Scaling::new(1..=2, config) {
            Err(Error::InvalidArgument(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn bad_settings_are_refused_by_name() {
        assert!(refused(|config| config.low = 0.9).contains("0.9, is not below the high one, 0.8"));
        assert!(refused(|config| config.low = config.high).contains("not below"));
        assert!(refused(|config| config.high = 1.5).contains("the high mark of the pressure, 1.5"));
        assert!(refused(|config| config.low = f64::NAN).contains("the low mark of the pressure, NaN"));
        assert!(refused(|config| config.grow_after = Duration::ZERO).contains("grow is zero"));
        assert!(refused(|config| config.retire_after = Duration::ZERO).contains("retire is zero"));
        assert!(refused(|config| config.pressure.interval = Duration::ZERO).contains("interval"));
        #[expect(clippy::reversed_empty_ranges, reason = "it is what is refused")]
        let reversed = Scaling::new(3..=2, config());
        assert!(matches!(reversed, Err(Error::InvalidArgument(text)) if text.contains("at least 3")));
        let none = Scaling::new(0..=2, config());
        assert!(matches!(none, Err(Error::InvalidArgument(text)) if text.contains("at least one")));
    }

    #[test]
    fn it_grows_when_the_pressure_lasts() {
        use Step::{Grow, Keep};
        assert_eq!(steps(&mut scaling(1, 3), 1, &[0.9, 0.9, 0.9]), [Keep, Keep, Grow]);
        // Interrupted, it counts anew; the mark itself is not above it.
        assert_eq!(steps(&mut scaling(1, 3), 1, &[0.9, 0.9, 0.8, 0.9, 0.9, 0.9])[..5], [Keep; 5]);
        assert_eq!(steps(&mut scaling(1, 3), 3, &[1.0; 9]), [Keep; 9]);
    }

    #[test]
    fn it_rests_after_a_step_and_then_counts_anew() {
        use Step::{Grow, Keep};
        let expected = [Keep, Keep, Grow, Keep, Keep, Grow, Keep, Keep, Grow];
        assert_eq!(steps(&mut scaling(1, 9), 1, &[1.0; 9]), expected);
    }

    #[test]
    fn it_shrinks_when_the_pressure_stays_away() {
        use Step::{Keep, Retire};
        assert_eq!(steps(&mut scaling(1, 3), 3, &[0.1; 5]), [Keep, Keep, Keep, Keep, Retire(2)]);
        assert_eq!(steps(&mut scaling(1, 3), 3, &[0.1, 0.1, 0.1, 0.2, 0.1, 0.1, 0.1]), [Keep; 7]);
        assert_eq!(steps(&mut scaling(3, 3), 3, &[0.0; 9]), [Keep; 9]);
    }

    #[test]
    fn the_worker_with_the_fewest_ties_retires() {
        let mut scaling = scaling(1, 3);
        let tied = |number, ties| Candidate { number, ties };
        let workers = [tied(0, 4), tied(1, 0), tied(2, 0), tied(3, 1)];
        scaling.step(0.0, &workers, Duration::ZERO);
        assert_eq!(scaling.step(0.0, &workers, 4 * SECOND), Step::Retire(2));
    }

    #[test]
    fn too_few_are_made_up_for_at_once() {
        assert_eq!(scaling(2, 3).step(0.0, &workers(1), Duration::ZERO), Step::Grow);
    }

    proptest! {
        #[test]
        fn never_outside_the_bounds_and_never_two_steps_within_the_cool_down(
            (min, max) in (1usize..5).prop_flat_map(|min| (Just(min), min..8)),
            ticks in vec((prop_oneof![Just(0.0), Just(1.0), 0.0..1.0], 1u64..3000), 1..200),
        ) {
            let mut scaling = scaling(min, max);
            let (mut count, mut now, mut last) = (min, Duration::ZERO, None);
            for (pressure, milliseconds) in ticks {
                now += Duration::from_millis(milliseconds);
                let step = scaling.step(pressure, &workers(count), now);
                match step {
                    Step::Keep => continue,
                    Step::Grow => {
                        prop_assert!(pressure > 0.8);
                        count += 1;
                    }
                    Step::Retire(number) => {
                        prop_assert!(pressure < 0.2 && number < count);
                        count -= 1;
                    }
                }
                prop_assert!((min..=max).contains(&count));
                prop_assert!(last.is_none_or(|last| now - last >= config().cool_down));
                last = Some(now);
            }
        }

        #[test]
        fn pressure_that_lasts_fills_the_pool_and_none_empties_it(min in 1usize..4, more in 0usize..5) {
            let (max, mut count) = (min + more, min);
            let mut scaling = scaling(min, max);
            for (pressure, end) in [(1.0, max), (0.0, min)] {
                let from = if pressure == 1.0 { 0 } else { 1000 };
                for second in from..from + 60 {
                    match scaling.step(pressure, &workers(count), SECOND * second) {
                        Step::Keep => {}
                        Step::Grow => count += 1,
                        Step::Retire(_) => count -= 1,
                    }
                }
                prop_assert_eq!(count, end);
            }
        }
    }
}
