//! Slow callbacks: those that keep the loop for longer than a threshold are counted and told to the log.
//!
//! The time is read once a callback: the end of one is the beginning of the next, unless the loop did work of its
//! own in between that takes time. While no threshold is set, this costs a relaxed load.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::clock::{Nanos, nanos};
use super::core::OnLoop;
use super::{Activity, Label};

/// How long a callback may take. From any thread.
pub(crate) struct SlowThreshold(AtomicU64);

/// Nothing takes longer.
const OFF: Nanos = Nanos::MAX;

impl SlowThreshold {
    pub(crate) fn new() -> SlowThreshold {
        SlowThreshold(AtomicU64::new(OFF))
    }

    pub(crate) fn set(&self, threshold: Option<Duration>) {
        self.0.store(threshold.map_or(OFF, nanos), Ordering::Relaxed);
    }

    fn get(&self) -> Option<Nanos> {
        let threshold = self.0.load(Ordering::Relaxed);
        (threshold != OFF).then_some(threshold)
    }
}

impl OnLoop<'_> {
    /// When a callback begins, which is now; none while no threshold is set.
    #[inline]
    pub(crate) fn callback_begins(self) -> Option<Nanos> {
        self.core.slow_threshold.get()?;
        Some(self.callback_ended_at.take().unwrap_or_else(|| self.core.clock.now()))
    }

    /// The callback that began then, and of which the activity still tells, has returned.
    #[inline]
    pub(crate) fn callback_ends(self, began: Option<Nanos>) {
        if let Some(began) = began {
            self.check_duration(began);
        }
    }

    /// Time passes that is no callback's.
    #[inline]
    pub(crate) fn forget_callback_end(self) {
        self.callback_ended_at.set(None);
    }

    #[cold]
    fn check_duration(self, began: Nanos) {
        let now = self.core.clock.now();
        self.callback_ended_at.set(Some(now));
        let elapsed = now.saturating_sub(began);
        // In a forked child, whatever takes the log may be frozen.
        let is_slow = self.core.slow_threshold.get().is_some_and(|threshold| elapsed > threshold);
        if is_slow && !self.core.is_forked() {
            self.report_slow(Duration::from_nanos(elapsed));
            self.forget_callback_end();
        }
    }

    /// A span after the fact, so that the log can be searched by its fields, and in it a message that says it all.
    fn report_slow(self, elapsed: Duration) {
        self.core.stats.slow_callbacks.add_here(1);
        let doing = self.core.doing();
        let fd = match doing.activity {
            Activity::FileEvent { fd } => Some(fd),
            _ => None,
        };
        let dispatcher = self.core.name.as_str();
        let span = tracing::warn_span!(
            "slow_callback",
            dispatcher,
            kind = doing.activity.kind(),
            label = doing.label.map(Label::text),
            fd,
            ?elapsed
        );
        span.in_scope(|| tracing::warn!("{dispatcher}: {doing} took {elapsed:?}"));
    }
}
