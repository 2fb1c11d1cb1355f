//! A message on its way into a mailbox that may be full.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};

use super::{ActorRef, TellError, Why};

/// Sends a message as soon as there is room; see [`ActorRef::send`]. Does nothing until it is polled or waited
/// for. Waiting senders are not served in any order.
#[must_use = "it sends when it is awaited, or waited for"]
pub struct Send<M> {
    actor: ActorRef<M>,
    message: Option<M>,
}

impl<M> fmt::Debug for Send<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Send").field("to", &self.actor).finish_non_exhaustive()
    }
}

// The message is moved out, never pinned.
impl<M> Unpin for Send<M> {}

impl<M: std::marker::Send + 'static> Send<M> {
    pub(crate) fn new(actor: ActorRef<M>, message: M) -> Send<M> {
        Send { actor, message: Some(message) }
    }

    /// Waits, on a thread that runs no loop, until the message is queued.
    ///
    /// # Errors
    /// Gives the message back when the actor has stopped; with [`Why::Full`] on a loop's own thread, which must
    /// not wait.
    pub fn wait(mut self) -> Result<(), TellError<M>> {
        if crate::dispatcher::core::inside_callback() {
            return self.message.take().map_or(Ok(()), |message| self.actor.tell(message));
        }
        let waker = Arc::new(Unpark(thread::current())).into();
        let mut context = Context::from_waker(&waker);
        loop {
            match Pin::new(&mut self).poll(&mut context) {
                Poll::Ready(result) => return result,
                Poll::Pending => thread::park(),
            }
        }
    }
}

impl<M: std::marker::Send + 'static> Future for Send<M> {
    type Output = Result<(), TellError<M>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // A future that is polled after its end has nothing to send.
        let Some(message) = self.message.take() else { return Poll::Ready(Ok(())) };
        match self.actor.tell_or_wait(message, context.waker()) {
            Err(TellError { why: Why::Full, message }) => {
                self.message = Some(message);
                Poll::Pending
            }
            result => Poll::Ready(result),
        }
    }
}

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
