//! Whether, and when, a server that ended of itself is started again: what its policy says, and what it did in
//! the recent past.

use std::collections::VecDeque;
use std::time::Duration;

use super::config::{RestartPolicy, RestartSettings};
use crate::actor::Backoff;
use crate::dispatcher::{Nanos, nanos};

/// The restarts of one server.
#[derive(Default)]
pub(crate) struct Restarts {
    /// Those that may still count, the oldest first.
    recent: VecDeque<Nanos>,
    /// Those since it last served for long, for the wait before the next.
    attempt: u32,
}

/// What is to become of a server.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It is started again after this time.
    Again(Duration),
    /// Its policy wants no restart.
    Over,
    /// It was restarted so often within the window of its policy that it is given up.
    GivenUp(usize),
}

impl Restarts {
    /// Somebody starts it by hand: nothing of the past counts any more.
    pub(crate) fn forget(&mut self) {
        *self = Restarts::default();
    }

    /// Decides after the end of a life that served for `served`, if it got so far. `random` is between 0 and 1.
    pub(crate) fn decide(
        &mut self,
        settings: &RestartSettings,
        failed: bool,
        served: Option<Duration>,
        now: Nanos,
        random: f64,
    ) -> Verdict {
        let is_over = match settings.policy {
            RestartPolicy::Always => false,
            RestartPolicy::OnFailure => !failed,
            RestartPolicy::Never => true,
        };
        if is_over {
            return Verdict::Over;
        }
        let window = nanos(settings.window);
        self.recent.retain(|at| now.saturating_sub(*at) <= window);
        if let Some(max) = settings.max_restarts {
            if self.recent.len() >= max as usize {
                return Verdict::GivenUp(self.recent.len());
            }
            self.recent.push_back(now);
        }
        let backoff = Backoff {
            initial: settings.backoff.initial,
            max: settings.backoff.max,
            factor: settings.backoff.factor,
            jitter: settings.backoff.jitter,
            reset_after: settings.backoff.max,
        };
        if served.is_some_and(|served| served > backoff.reset_after) {
            self.attempt = 0;
        }
        let delay = backoff.delay(self.attempt, random);
        self.attempt = self.attempt.saturating_add(1);
        Verdict::Again(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Nanos = 1_000_000_000;

    fn settings(policy: RestartPolicy, max_restarts: Option<u32>) -> RestartSettings {
        let mut settings = RestartSettings { policy, max_restarts, ..RestartSettings::default() };
        settings.window = Duration::from_secs(10);
        settings.backoff.initial = Duration::from_secs(1);
        settings.backoff.max = Duration::from_secs(4);
        settings.backoff.factor = 2.0;
        settings
    }

    fn after_failure(restarts: &mut Restarts, settings: &RestartSettings, now: Nanos) -> Verdict {
        restarts.decide(settings, true, None, now, 0.5)
    }

    #[test]
    fn the_policy_decides_first() {
        let decide = |policy, failed| {
            let mut restarts = Restarts::default();
            restarts.decide(&settings(policy, None), failed, None, 0, 0.5) != Verdict::Over
        };
        assert!(decide(RestartPolicy::Always, true) && decide(RestartPolicy::Always, false));
        assert!(decide(RestartPolicy::OnFailure, true) && !decide(RestartPolicy::OnFailure, false));
        assert!(!decide(RestartPolicy::Never, true) && !decide(RestartPolicy::Never, false));
    }

    #[test]
    fn too_many_restarts_within_the_window_are_the_end() {
        let (mut restarts, settings) = (Restarts::default(), settings(RestartPolicy::Always, Some(2)));
        assert!(matches!(after_failure(&mut restarts, &settings, 0), Verdict::Again(_)));
        assert!(matches!(after_failure(&mut restarts, &settings, 9 * SECOND), Verdict::Again(_)));
        assert_eq!(after_failure(&mut restarts, &settings, 10 * SECOND), Verdict::GivenUp(2));
        // The first is out of the window.
        assert!(matches!(after_failure(&mut restarts, &settings, 11 * SECOND), Verdict::Again(_)));
        restarts.forget();
        assert!(matches!(after_failure(&mut restarts, &settings, 11 * SECOND), Verdict::Again(_)));
    }

    #[test]
    fn the_wait_grows_until_a_life_has_served_for_long() {
        let (mut restarts, settings) = (Restarts::default(), settings(RestartPolicy::Always, None));
        let waits: Vec<_> = (0..4).map(|_| after_failure(&mut restarts, &settings, 0)).collect();
        assert_eq!(waits, [1, 2, 4, 4].map(|wait| Verdict::Again(Duration::from_secs(wait))));
        let served = |restarts: &mut Restarts, seconds| {
            restarts.decide(&settings, true, Some(Duration::from_secs(seconds)), 0, 0.5)
        };
        assert_eq!(served(&mut restarts, 4), Verdict::Again(Duration::from_secs(4)));
        assert_eq!(served(&mut restarts, 5), Verdict::Again(Duration::from_secs(1)));
    }
}
