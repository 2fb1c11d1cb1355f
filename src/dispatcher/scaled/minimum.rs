//! What a scaled timer's minimum is computed from.

use std::time::Duration;

use super::super::clock::{Nanos, nanos};
use super::Scaling;
use crate::error::Error;

/// How long a scaled timer waits at least: a time, or a share of its maximum. Never more than the maximum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScaledTimerMinimum(Minimum);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Minimum {
    Absolute(Nanos),
    Share(f64),
}

/// Set in a word that holds an absolute minimum; in the bits of a share it never is.
const ABSOLUTE: u64 = 1 << 63;

impl ScaledTimerMinimum {
    /// A time.
    pub fn absolute(minimum: Duration) -> ScaledTimerMinimum {
        ScaledTimerMinimum(Minimum::Absolute(nanos(minimum)))
    }

    /// A share of the maximum: with 0.5, half of it; with 1, all, so that the timer is not scaled.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] unless it is a number from 0 to 1.
    pub fn share(share: f64) -> Result<ScaledTimerMinimum, Error> {
        let share = check_share(share, "a scaled timer's minimum, as a share of its maximum,")?;
        Ok(ScaledTimerMinimum(Minimum::Share(share)))
    }

    /// With maxima cut to `cap`.
    pub fn capped_at(self, cap: Duration) -> ScaledTimerRange {
        ScaledTimerRange(Source::Own { minimum: self, cap: nanos(cap) })
    }

    pub(super) fn of(self, max: Nanos) -> Nanos {
        match self.0 {
            Minimum::Absolute(minimum) => minimum.min(max),
            Minimum::Share(share) => scale(max, share),
        }
    }

    pub(super) fn to_word(self) -> u64 {
        match self.0 {
            Minimum::Absolute(minimum) => minimum | ABSOLUTE,
            Minimum::Share(share) => share.to_bits(),
        }
    }

    pub(super) fn from_word(word: u64) -> ScaledTimerMinimum {
        ScaledTimerMinimum(match word & ABSOLUTE {
            0 => Minimum::Share(f64::from_bits(word)),
            // Half of all time is as good as the whole.
            _ => Minimum::Absolute(word & !ABSOLUTE),
        })
    }
}

/// A number from 0 to 1, without a negative zero.
pub(super) fn check_share(value: f64, what: &str) -> Result<f64, Error> {
    if (0.0..=1.0).contains(&value) {
        return Ok(value.abs());
    }
    Err(Error::InvalidArgument(format!("{what} is a number from 0 to 1, not {value}")))
}

/// A share of a duration, rounded up: what is scaled is never early.
pub(super) fn scale(whole: Nanos, share: f64) -> Nanos {
    if share >= 1.0 { whole } else { ((whole as f64 * share).ceil() as Nanos).min(whole) }
}

/// Timers whose minimum is configured in one place: see
/// [`Handle::set_scaled_timer_minimum`](crate::Handle::set_scaled_timer_minimum).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScaledTimerType {
    /// How long an HTTP connection may take to decode a request's headers.
    HttpConnectionManagerDecodeDuration,
    /// How long an HTTP connection may be without a stream.
    HttpConnectionManagerNewStream,
    /// What the state of an overload action depends on.
    OverloadActionState,
}

impl ScaledTimerType {
    pub(crate) const ALL: [ScaledTimerType; 3] = [
        ScaledTimerType::HttpConnectionManagerDecodeDuration,
        ScaledTimerType::HttpConnectionManagerNewStream,
        ScaledTimerType::OverloadActionState,
    ];
}

/// Where a scaled timer's range comes from: the configuration of its type, or a minimum of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScaledTimerRange(Source);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Source {
    Type(ScaledTimerType),
    Own { minimum: ScaledTimerMinimum, cap: Nanos },
}

impl From<ScaledTimerType> for ScaledTimerRange {
    fn from(of: ScaledTimerType) -> ScaledTimerRange {
        ScaledTimerRange(Source::Type(of))
    }
}

impl From<ScaledTimerMinimum> for ScaledTimerRange {
    fn from(minimum: ScaledTimerMinimum) -> ScaledTimerRange {
        ScaledTimerRange(Source::Own { minimum, cap: Nanos::MAX })
    }
}

impl ScaledTimerRange {
    /// The minimum of a timer that is enabled for `max`, and how far its maximum is from that.
    pub(super) fn resolve(&self, max: Nanos, scaling: &Scaling) -> (Nanos, Nanos) {
        let (minimum, max) = match self.0 {
            Source::Type(of) => (scaling.minimum(of), max),
            Source::Own { minimum, cap } => (minimum, max.min(cap)),
        };
        let minimum = minimum.of(max);
        (minimum, max - minimum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: Duration = Duration::from_secs(1);

    fn resolved(range: impl Into<ScaledTimerRange>, max: Duration) -> (Duration, Duration) {
        let (minimum, distance) = range.into().resolve(nanos(max), &Scaling::new());
        (Duration::from_nanos(minimum), Duration::from_nanos(distance))
    }

    #[test]
    fn a_minimum_is_capped_at_the_maximum() {
        let minimum = ScaledTimerMinimum::absolute(5 * S);
        assert_eq!(resolved(minimum, 8 * S), (5 * S, 3 * S));
        assert_eq!(resolved(minimum, 5 * S), (5 * S, Duration::ZERO));
        assert_eq!(resolved(minimum, 2 * S), (2 * S, Duration::ZERO));
        assert_eq!(resolved(minimum, Duration::ZERO), (Duration::ZERO, Duration::ZERO));
    }

    #[test]
    fn a_maximum_is_cut_to_the_cap() {
        let range = ScaledTimerMinimum::absolute(2 * S).capped_at(6 * S);
        assert_eq!(resolved(range, 10 * S), (2 * S, 4 * S));
        assert_eq!(resolved(range, 3 * S), (2 * S, S));
        assert_eq!(resolved(range, S), (S, Duration::ZERO));
        assert_eq!(
            resolved(ScaledTimerMinimum::absolute(7 * S).capped_at(6 * S), 9 * S),
            (6 * S, Duration::ZERO)
        );
    }

    #[test]
    fn a_share_is_of_the_maximum() {
        let quarter = ScaledTimerMinimum::share(0.25).unwrap();
        assert_eq!(resolved(quarter, 8 * S), (2 * S, 6 * S));
        assert_eq!(resolved(quarter.capped_at(4 * S), 8 * S), (S, 3 * S));
        assert_eq!(resolved(ScaledTimerMinimum::share(0.0).unwrap(), 8 * S), (Duration::ZERO, 8 * S));
        let forever = Duration::from_nanos(u64::MAX);
        assert_eq!(resolved(ScaledTimerMinimum::share(1.0).unwrap(), forever), (forever, Duration::ZERO));
        // Rounded up.
        assert_eq!(
            resolved(quarter, Duration::from_nanos(5)),
            (Duration::from_nanos(2), Duration::from_nanos(3))
        );
    }

    #[test]
    fn types_are_not_scaled_at_first() {
        for of in ScaledTimerType::ALL {
            assert_eq!(resolved(of, 3 * S), (3 * S, Duration::ZERO));
        }
    }

    #[test]
    fn a_share_is_a_number_from_0_to_1() {
        for share in [-0.1, 1.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            match ScaledTimerMinimum::share(share) {
                Err(Error::InvalidArgument(text)) => assert!(text.contains(&share.to_string()), "{text}"),
                other => panic!("{other:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn a_word_holds_a_minimum(share in 0.0..=1.0f64, absolute in 0..u64::MAX / 2) {
            for minimum in [Minimum::Share(share), Minimum::Share(-0.0), Minimum::Absolute(absolute)] {
                let Ok(minimum) = (match minimum {
                    Minimum::Share(share) => ScaledTimerMinimum::share(share),
                    absolute => Ok(ScaledTimerMinimum(absolute)),
                }) else { panic!() };
                prop_assert_eq!(ScaledTimerMinimum::from_word(minimum.to_word()), minimum);
            }
        }

        #[test]
        fn scaling_never_leaves_the_range(whole in any::<u64>(), share in 0.0..=1.0f64) {
            let scaled = scale(whole, share);
            prop_assert!(scaled <= whole);
            prop_assert!(scaled as f64 >= whole as f64 * share * (1.0 - 1e-15));
            prop_assert_eq!(scale(whole, 0.0), 0);
            prop_assert_eq!(scale(whole, 1.0), whole);
        }
    }
}
