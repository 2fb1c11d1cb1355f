//! How long one direction of a stream may stand still.

use std::sync::Arc;
use std::time::Duration;

use crate::dispatcher::Timer;

#[derive(Default)]
pub(super) struct TimeLimit {
    pub(super) limit: Option<Duration>,
    pub(super) timer: Option<Arc<Timer>>,
    /// Something has moved, or begun to wait, since the timer was set.
    pub(super) moved: bool,
}

impl TimeLimit {
    /// The timer, if it is to be set anew, and to what.
    pub(super) fn update(&mut self, is_waiting: bool) -> Option<(Arc<Timer>, Option<Duration>)> {
        let timer = self.timer.as_ref()?;
        let limit = self.limit.filter(|_| is_waiting);
        let is_stale = std::mem::take(&mut self.moved) || timer.is_enabled() != limit.is_some();
        is_stale.then(|| (timer.clone(), limit))
    }
}
