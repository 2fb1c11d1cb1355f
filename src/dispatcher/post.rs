//! Posts: closures from any thread, run on the loop in the order they were posted.

use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit, align_of, size_of};
use std::sync::atomic::Ordering;

use super::Budget;
use super::closure::{Outcome, guarded};
use super::core::{Core, OnLoop};
use crate::error::Refusal;

/// What a post does.
pub(crate) trait Job: Send + 'static {
    fn run(self) -> Outcome;
}

/// A Rust closure as a [`Job`].
pub(crate) struct RustJob<F>(pub(crate) F);

impl<F: FnOnce() + Send + 'static> Job for RustJob<F> {
    fn run(self) -> Outcome {
        guarded(self.0)
    }
}

type Inline = MaybeUninit<[usize; 6]>;

/// A job of any type; one of up to six words lies in the queue's slot itself, a larger one in a box.
pub(crate) struct Task {
    vtable: &'static VTable,
    inline: Inline,
}

struct VTable {
    run: unsafe fn(*mut Inline) -> Outcome,
    drop: unsafe fn(*mut Inline),
}

// SAFETY: made from `Send` jobs.
unsafe impl Send for Task {}

struct Stored<T>(PhantomData<T>);

impl<T: Job> Stored<T> {
    const IN_PLACE: &'static VTable = &VTable { run: Self::run, drop: Self::drop };

    unsafe fn run(inline: *mut Inline) -> Outcome {
        // SAFETY: `Task::new` wrote a `T` there, and the task runs once.
        unsafe { inline.cast::<T>().read() }.run()
    }

    unsafe fn drop(inline: *mut Inline) {
        // SAFETY: `Task::new` wrote a `T` there, and the task did not run.
        unsafe { inline.cast::<T>().drop_in_place() };
    }
}

/// A boxed job is a job itself.
impl<T: Job> Job for Box<T> {
    fn run(self) -> Outcome {
        T::run(*self)
    }
}

impl Task {
    pub(crate) fn new<T: Job>(job: T) -> Task {
        if size_of::<T>() <= size_of::<Inline>() && align_of::<T>() <= align_of::<Inline>() {
            Self::store(job)
        } else {
            Self::store(Box::new(job))
        }
    }

    fn store<T: Job>(job: T) -> Task {
        const { assert!(size_of::<Box<T>>() <= size_of::<Inline>()) };
        let mut task = Task { vtable: Stored::<T>::IN_PLACE, inline: MaybeUninit::uninit() };
        // SAFETY: it fits, as the only caller has checked.
        unsafe { task.inline.as_mut_ptr().cast::<T>().write(job) };
        task
    }

    pub(crate) fn run(self) -> Outcome {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `self` is consumed, so once.
        unsafe { (this.vtable.run)(&mut this.inline) }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // SAFETY: `run` forgets itself, so the job is still there.
        unsafe { (self.vtable.drop)(&mut self.inline) };
    }
}

impl Core {
    /// Queues a job, or gives it back with the reason.
    pub(crate) fn post<T: Job>(&self, job: T) -> Result<(), (Refusal, T)> {
        if let Err(refusal) = self.admit() {
            self.stats.posts_refused.add(1);
            return Err((refusal, job));
        }
        self.posts.push(Task::new(job));
        self.wake();
        Ok(())
    }

    fn admit(&self) -> Result<(), Refusal> {
        if !self.accepting.load(Ordering::Acquire) {
            return Err(Refusal::Closed);
        }
        if self.is_forked() {
            return Err(Refusal::Forked);
        }
        if let Some(bound) = self.post_bound
            && self.bounded_posts.fetch_add(1, Ordering::Relaxed) >= bound
        {
            self.bounded_posts.fetch_sub(1, Ordering::Relaxed);
            return Err(Refusal::Full);
        }
        Ok(())
    }
}

impl OnLoop<'_> {
    fn take_post(self) -> Option<Task> {
        let task = self.core.next_post(self)?;
        if self.core.post_bound.is_some() {
            self.core.bounded_posts.fetch_sub(1, Ordering::Relaxed);
        }
        Some(task)
    }

    /// Runs posts in order up to the position `end`, or until the budget is spent.
    pub(crate) fn run_posts(self, end: usize, budget: &mut Budget) -> Outcome {
        while self.core.posts.begin() < end && !budget.is_spent() {
            // A producer that has its place but is not done writing delays those behind it.
            let Some(task) = self.take_post() else { break };
            self.touch_watchdog();
            self.core.stats.posts_run.add_here(1);
            self.after_callback(task.run())?;
            budget.spend();
        }
        Ok(())
    }

    /// Takes all posts out without running them, for the caller to drop.
    pub(crate) fn take_posts(self) -> Vec<Task> {
        std::iter::from_fn(|| self.take_post()).collect()
    }
}
