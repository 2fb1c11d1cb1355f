//! A channel for one value: from any thread, to a future or to a blocked thread.
//!
//! One allocation, no lock. The state word says who owns what lies beside it:
//!
//! | State | Value | Waker |
//! |---|---|---|
//! | `EMPTY` | the sender's to write | the receiver's to write |
//! | `WAITING` | the sender's to write | in place, for who leaves this state |
//! | `WAKING` | written, or never to come | the sender's to take |
//! | `FULL` | the receiver's to take | the receiver's |
//! | `CLOSED` | none comes, or it was taken | the receiver's |
//! | `ABANDONED` | the sender's | the sender's |
//!
//! The sender leaves with its step to `FULL` or `CLOSED`, the receiver with its step to `ABANDONED`. Whoever finds
//! that the other has left frees the allocation.

use std::future::Future;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::pin::{Pin, pin};
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::sync::{AtomicUsize, Ordering, UnsafeCell};

const EMPTY: usize = 0;
const WAITING: usize = 1;
const WAKING: usize = 2;
const FULL: usize = 3;
const CLOSED: usize = 4;
const ABANDONED: usize = 5;

struct Shared<T> {
    state: AtomicUsize,
    value: UnsafeCell<MaybeUninit<T>>,
    waker: UnsafeCell<Option<Waker>>,
}

impl<T> Shared<T> {
    /// Takes a step from one state to another; else says which state it found.
    fn step(&self, from: usize, to: usize) -> Result<(), usize> {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).map(drop)
    }

    /// # Safety
    /// The caller owns the waker, by the table above.
    unsafe fn replace_waker(&self, waker: Option<Waker>) -> Option<Waker> {
        // SAFETY: the caller's promise.
        self.waker.with_mut(|place| std::mem::replace(unsafe { &mut *place }, waker))
    }

    /// # Safety
    /// The caller owns the value, which was written and is read once.
    unsafe fn read_value(&self) -> T {
        // SAFETY: the caller's promise.
        self.value.with(|place| unsafe { (*place).assume_init_read() })
    }

    /// # Safety
    /// Both sides have left, and a value that was written has been read.
    unsafe fn free(this: NonNull<Shared<T>>) {
        // SAFETY: made by `Box::into_raw` in `channel`; the caller's promise.
        drop(unsafe { Box::from_raw(this.as_ptr()) });
    }
}

/// A new channel.
pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Box::new(Shared {
        state: AtomicUsize::new(EMPTY),
        value: UnsafeCell::new(MaybeUninit::uninit()),
        waker: UnsafeCell::new(None),
    });
    let shared = NonNull::from(Box::leak(shared));
    (Sender(shared), Receiver(shared))
}

/// The sending side. Dropped without a value, it cancels the receiver.
pub(crate) struct Sender<T>(NonNull<Shared<T>>);

// SAFETY: the state word hands the value from one thread to the other.
unsafe impl<T: Send> Send for Sender<T> {}
// SAFETY: a shared sender does nothing.
unsafe impl<T: Send> Sync for Sender<T> {}

impl<T> Sender<T> {
    /// Sends the value and wakes the receiver, on this thread; gives the value back if the receiver is gone.
    pub(crate) fn send(self, value: T) -> Result<(), T> {
        let this = ManuallyDrop::new(self);
        // SAFETY: we have not left, so it lives.
        let shared = unsafe { this.0.as_ref() };
        shared.value.with_mut(|place| {
            // SAFETY: until the step to `FULL` the value is ours.
            unsafe { (*place).write(value) };
        });
        if this.leave(FULL) {
            return Ok(());
        }
        // SAFETY: the receiver is gone, so value and allocation are ours; the value was written above.
        unsafe {
            let value = shared.read_value();
            Shared::free(this.0);
            Err(value)
        }
    }

    /// Ends in `last`. False when the receiver is gone: then all is ours, else nothing any more.
    fn leave(&self, last: usize) -> bool {
        // SAFETY: we leave only below, and then touch nothing.
        let shared = unsafe { self.0.as_ref() };
        loop {
            match shared.step(EMPTY, last) {
                Ok(()) => return true,
                Err(WAITING) => {
                    if shared.step(WAITING, WAKING).is_err() {
                        // The receiver took its waker back, to change it or to go.
                        continue;
                    }
                    // SAFETY: we made the step to `WAKING`.
                    let waker = unsafe { shared.replace_waker(None) };
                    let left = shared.step(WAKING, last).is_ok();
                    // It may be user code, and comes last: whom it wakes may look for the value at once.
                    if let Some(waker) = waker
                        && left
                    {
                        waker.wake();
                    }
                    return left;
                }
                Err(_) => return false,
            }
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if !self.leave(CLOSED) {
            // SAFETY: the receiver is gone, and no value was written.
            unsafe { Shared::free(self.0) };
        }
    }
}

/// The sender went away without a value, or the value was taken already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cancelled;

/// The receiving side: a future of the value.
pub(crate) struct Receiver<T>(NonNull<Shared<T>>);

// SAFETY: as for the sender.
unsafe impl<T: Send> Send for Receiver<T> {}
// SAFETY: a shared receiver does nothing.
unsafe impl<T: Send> Sync for Receiver<T> {}

impl<T> Unpin for Receiver<T> {}

impl<T> Future for Receiver<T> {
    type Output = Result<T, Cancelled>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, Cancelled>> {
        // SAFETY: we have not left, so it lives.
        let shared = unsafe { self.0.as_ref() };
        let mut state = shared.state.load(Ordering::Acquire);
        loop {
            state = match state {
                FULL => {
                    // The sender has left: nobody else looks at the state.
                    shared.state.store(CLOSED, Ordering::Relaxed);
                    // SAFETY: in `FULL` the value is ours, and there.
                    return Poll::Ready(Ok(unsafe { shared.read_value() }));
                }
                CLOSED => return Poll::Ready(Err(Cancelled)),
                WAKING => {
                    // About to be full. The waker that the sender has may be an older one.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                WAITING => match shared.step(WAITING, EMPTY) {
                    Ok(()) => EMPTY,
                    Err(found) => found,
                },
                _ => {
                    let known = shared.waker.with(|place| {
                        // SAFETY: in `EMPTY` the waker is ours.
                        unsafe { &*place }.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()))
                    });
                    if !known {
                        // SAFETY: as above.
                        drop(unsafe { shared.replace_waker(Some(cx.waker().clone())) });
                    }
                    match shared.step(EMPTY, WAITING) {
                        Ok(()) => return Poll::Pending,
                        Err(found) => found,
                    }
                }
            }
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

impl<T> Receiver<T> {
    /// Blocks this thread until the value is there.
    pub(crate) fn wait(&mut self) -> Result<T, Cancelled> {
        match self.wait_until(None) {
            Some(result) => result,
            // Without a deadline it does not end early.
            None => Err(Cancelled),
        }
    }

    /// Likewise, but no longer than `limit`; `None` when that is over. One too long to count never is.
    pub(crate) fn wait_timeout(&mut self, limit: Duration) -> Option<Result<T, Cancelled>> {
        self.wait_until(Instant::now().checked_add(limit))
    }

    fn wait_until(&mut self, deadline: Option<Instant>) -> Option<Result<T, Cancelled>> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut value = pin!(self);
        loop {
            if let Poll::Ready(result) = value.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Some(result);
            }
            match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => thread::park(),
                Some(Duration::ZERO) => return None,
                Some(left) => thread::park_timeout(left),
            }
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // SAFETY: we leave only below, and then touch nothing.
        let shared = unsafe { self.0.as_ref() };
        if shared.step(WAITING, EMPTY).is_ok() {
            // SAFETY: in `EMPTY` the waker is ours.
            drop(unsafe { shared.replace_waker(None) });
        }
        match shared.state.swap(ABANDONED, Ordering::AcqRel) {
            FULL => {
                /// Frees the allocation also when the value's destructor panics.
                struct Free<T>(NonNull<Shared<T>>);
                impl<T> Drop for Free<T> {
                    fn drop(&mut self) {
                        // SAFETY: the sender has left, and the value was read.
                        unsafe { Shared::free(self.0) };
                    }
                }
                let _free = Free(self.0);
                // SAFETY: in `FULL` the value is ours, and there.
                drop(unsafe { shared.read_value() });
            }
            // SAFETY: the sender has left, and there is no value.
            CLOSED => unsafe { Shared::free(self.0) },
            // The sender finds out, and frees it.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Weak;

    #[test]
    fn a_value_arrives_once() {
        let (sender, mut receiver) = channel();
        assert_eq!(sender.send(7), Ok(()));
        assert_eq!(receiver.wait(), Ok(7));
        assert_eq!(receiver.wait(), Err(Cancelled));
    }

    #[test]
    fn a_dropped_sender_cancels_and_a_dropped_receiver_gives_the_value_back() {
        let (sender, mut receiver) = channel::<i32>();
        drop(sender);
        assert_eq!(receiver.wait(), Err(Cancelled));
        let (sender, receiver) = channel();
        drop(receiver);
        assert_eq!(sender.send(7), Err(7));
    }

    #[test]
    fn what_is_sent_and_never_taken_is_destroyed() {
        let (sender, receiver) = channel();
        let value = Arc::new(());
        let seen = Arc::downgrade(&value);
        assert!(sender.send(value).is_ok());
        assert_eq!(Weak::strong_count(&seen), 1);
        drop(receiver);
        assert_eq!(Weak::strong_count(&seen), 0);
    }

    #[test]
    fn a_wait_ends_with_its_limit() {
        let (sender, mut receiver) = channel();
        assert_eq!(receiver.wait_timeout(Duration::ZERO), None);
        assert_eq!(receiver.wait_timeout(Duration::from_micros(1)), None);
        let waiter = thread::spawn(move || receiver.wait_timeout(Duration::MAX));
        sender.send(7).unwrap();
        assert_eq!(waiter.join().unwrap(), Some(Ok(7)));
    }
}

#[cfg(all(test, mcp_event_loom))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc as LoomArc;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize as Counter, Ordering};

    #[derive(Default)]
    struct Wakes(Counter);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn check(model: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(model);
    }

    fn poll<T>(receiver: &mut Receiver<T>, wakes: &Arc<Wakes>) -> Poll<Result<T, Cancelled>> {
        let waker = Waker::from(wakes.clone());
        Pin::new(receiver).poll(&mut Context::from_waker(&waker))
    }

    /// A receiver that polls with one waker, then with another, and finds nothing, has the later one woken.
    #[test]
    fn loom_a_value_wakes_the_last_waker() {
        check(|| {
            let (sender, mut receiver) = channel();
            // Loom notices if it is leaked, or destroyed twice.
            let value = LoomArc::new(7);
            let thread = loom::thread::spawn(move || assert!(sender.send(value).is_ok()));
            let (first, last) = (Arc::new(Wakes::default()), Arc::new(Wakes::default()));
            let mut result = poll(&mut receiver, &first);
            if result.is_pending() {
                result = poll(&mut receiver, &last);
            }
            thread.join().unwrap();
            if result.is_pending() {
                assert_eq!(last.0.load(Ordering::SeqCst), 1, "the value came, and nobody was told");
                result = poll(&mut receiver, &last);
            }
            assert_eq!(result.map(|value| value.map(|value| *value)), Poll::Ready(Ok(7)));
        });
    }

    #[test]
    fn loom_a_dropped_sender_wakes() {
        check(|| {
            let (sender, mut receiver) = channel::<LoomArc<i32>>();
            let thread = loom::thread::spawn(move || drop(sender));
            let wakes = Arc::new(Wakes::default());
            let cancelled = poll(&mut receiver, &wakes).is_ready();
            thread.join().unwrap();
            assert!(cancelled || wakes.0.load(Ordering::SeqCst) == 1);
            assert!(matches!(poll(&mut receiver, &wakes), Poll::Ready(Err(Cancelled))));
        });
    }

    /// The value is either destroyed with the receiver or given back.
    #[test]
    fn loom_a_receiver_may_go_at_any_moment() {
        check(|| {
            let (sender, mut receiver) = channel();
            let value = LoomArc::new(7);
            let thread = loom::thread::spawn(move || drop(sender.send(value)));
            let _ = poll(&mut receiver, &Arc::new(Wakes::default()));
            drop(receiver);
            thread.join().unwrap();
        });
    }
}
