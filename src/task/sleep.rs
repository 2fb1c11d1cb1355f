//! Waiting for a time.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::oneshot::{self, Receiver};
use crate::dispatcher::{Handle, Timer};

/// A future that is done when its time has come; made by [`Handle::sleep`]. Dropping it disarms its timer.
///
/// It may be moved between polls, and awaited on any thread. It waits for ever if nobody runs its dispatcher.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Sleep {
    fired: Receiver<()>,
    _timer: Timer,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // The timer keeps the sender until it fires: cancelled means that this was awaited before.
        Pin::new(&mut self.fired).poll(cx).map(|_fired| ())
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").finish_non_exhaustive()
    }
}

impl Handle {
    /// Is done `delay` after this call: never earlier, by the dispatcher's clock. A delay of zero takes an
    /// iteration; one too long to count (584 years) never ends.
    pub fn sleep(&self, delay: Duration) -> Sleep {
        let (sender, fired) = oneshot::channel();
        let mut sender = Some(sender);
        let timer = self.create_timer(move || {
            // It is armed once. If the future is gone, nobody is to be told.
            let _ = sender.take().map(|sender| sender.send(()));
        });
        timer.enable(delay);
        Sleep { fired, _timer: timer }
    }
}
