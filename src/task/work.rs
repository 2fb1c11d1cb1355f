//! What a task polls: a future that may go where its loop goes, or one that stays with its thread.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::TaskError;
use crate::dispatcher::core::thread_number;

/// The work of a task.
pub(crate) trait Work: Send + 'static {
    type Output: Send + 'static;

    /// As [`Future::poll`].
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Self::Output, TaskError>>;
}

impl<F> Work for F
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<F::Output, TaskError>> {
        Future::poll(self, cx).map(Ok)
    }
}

/// A future that is not `Send`, made by the thread that polls it first. No other thread polls it; one that is to
/// destroy it leaks it instead, since it may share what is not synchronised with others on its thread.
pub(crate) enum Local<M, F> {
    Unmade(Option<M>),
    Made { home: u64, future: ManuallyDrop<F> },
}

// SAFETY: `M` is `Send`; the future is touched by the thread of the number `home` alone, and numbers are never
// given out twice.
unsafe impl<M: Send, F> Send for Local<M, F> {}

impl<M: FnOnce() -> F, F: Future> Local<M, F> {
    /// A future that `make` makes.
    pub(crate) fn unmade(make: M) -> Local<M, F> {
        Local::Unmade(Some(make))
    }
}

impl<F: Future> Local<fn() -> F, F> {
    /// A future of the calling thread.
    pub(crate) fn made(future: F) -> Local<fn() -> F, F> {
        Local::Made { home: thread_number(), future: ManuallyDrop::new(future) }
    }
}

impl<M, F> Work for Local<M, F>
where
    M: FnOnce() -> F + Send + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<F::Output, TaskError>> {
        // SAFETY: the future is not moved: it is overwritten never, and dropped in place.
        let this = unsafe { self.get_unchecked_mut() };
        if let Local::Unmade(make) = this {
            // Taken first: should it panic, it is gone.
            let Some(make) = make.take() else { return Poll::Ready(Err(TaskError::Taken)) };
            *this = Local::Made { home: thread_number(), future: ManuallyDrop::new(make()) };
        }
        match this {
            Local::Made { home, future } if *home == thread_number() => {
                // SAFETY: pinned with the whole.
                unsafe { Pin::new_unchecked(&mut **future) }.poll(cx).map(Ok)
            }
            _ => Poll::Ready(Err(TaskError::WrongThread)),
        }
    }
}

impl<M, F> Drop for Local<M, F> {
    fn drop(&mut self) {
        match self {
            Local::Made { home, future } if *home == thread_number() => {
                // SAFETY: dropped once, here.
                unsafe { ManuallyDrop::drop(future) };
            }
            Local::Made { .. } => {
                tracing::error!("a future that is not Send is destroyed by a foreign thread, and so leaked");
            }
            Local::Unmade(_) => {}
        }
    }
}
