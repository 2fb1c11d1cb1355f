//! Posts: closures from any thread, run on the loop in the order they were posted.

use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::sync::atomic::Ordering;

use super::Budget;
use super::activity::Activity;
use super::closure::{Outcome, guarded};
use super::core::{Core, OnLoop, label_current};
use super::label::Label;
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

/// A job that says what it is about.
pub(crate) struct LabelledJob<J>(pub(crate) Label, pub(crate) J);

impl<J: Job> Job for LabelledJob<J> {
    fn run(self) -> Outcome {
        label_current(self.0);
        self.1.run()
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
    /// A task for a job of any size.
    pub(crate) fn new<T: Job>(job: T) -> Task {
        let mut place = MaybeUninit::uninit();
        // SAFETY: valid for writing, and written before it is read.
        unsafe {
            Task::write(place.as_mut_ptr(), job);
            place.assume_init()
        }
    }

    /// Runs it.
    pub(crate) fn call(self) -> Outcome {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: it holds a task, and is forgotten.
        unsafe { Task::run(&mut *this) }
    }

    const fn fits<T>() -> bool {
        size_of::<T>() <= size_of::<Inline>() && align_of::<T>() <= align_of::<Inline>()
    }

    /// Writes a task for a job of any size to `place`.
    ///
    /// # Safety
    /// `place` is valid for writing.
    #[inline]
    unsafe fn write<T: Job>(place: *mut Task, job: T) {
        if Self::fits::<T>() {
            // SAFETY: the caller's promise, and it fits.
            unsafe { Task::store(place, job) };
        } else {
            // SAFETY: as above; a box fits.
            unsafe { Task::store(place, Box::new(job)) };
        }
    }

    /// Writes a task for `job` to `place`.
    ///
    /// # Safety
    /// `place` is valid for writing, and `T` fits inline.
    unsafe fn store<T: Job>(place: *mut Task, job: T) {
        // SAFETY: the caller's promise.
        unsafe {
            (&raw mut (*place).vtable).write(Stored::<T>::IN_PLACE);
            (&raw mut (*place).inline).cast::<T>().write(job);
        }
    }

    /// Moves the job out of its task, and runs it.
    ///
    /// # Safety
    /// `place` holds a task, and does not from now on.
    unsafe fn run(place: *mut Task) -> Outcome {
        // SAFETY: the caller's promise.
        unsafe { ((*place).vtable.run)(&raw mut (*place).inline) }
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
        match self.admit() {
            Ok(()) => self.enqueue(job),
            Err(refusal) => {
                self.stats.posts_refused.add(1);
                return Err((refusal, job));
            }
        }
        Ok(())
    }

    /// Queues a job that the bound of the queue is not meant for: what keeps count of its own, as mailboxes do.
    /// From the loop's own thread it goes to the mail, else to the posts. Mail comes behind all mail that this
    /// thread queued before, and behind what it posted before the run; but not behind what it posts in the run.
    pub(crate) fn mail<T: Job>(&self, job: T) -> Result<(), (Refusal, T)> {
        if let Err(refusal) = self.check_open() {
            return Err((refusal, job));
        }
        if let Some(on_loop) = self.running_here() {
            on_loop.queue_mail(job);
            return Ok(());
        }
        if self.post_bound.is_some() {
            self.bounded_posts.fetch_add(1, Ordering::Relaxed);
        }
        self.enqueue(job);
        Ok(())
    }

    fn enqueue<T: Job>(&self, job: T) {
        if Task::fits::<T>() {
            // SAFETY: the queue gives a place to write to, and it fits.
            self.posts.push_with(|place| unsafe { Task::store(place, job) });
        } else {
            // Boxed first: between taking a place and filling it there must be no delay.
            let job = Box::new(job);
            // SAFETY: as above; a box fits.
            self.posts.push_with(|place| unsafe { Task::store(place, job) });
        }
        self.wake();
        if !self.accepting.load(Ordering::SeqCst) {
            self.drop_late_posts();
        }
    }

    /// Whether anything may be queued at all.
    #[inline]
    pub(crate) fn check_open(&self) -> Result<(), Refusal> {
        if !self.accepting.load(Ordering::SeqCst) {
            return Err(Refusal::Closed);
        }
        if self.is_forked() {
            return Err(Refusal::Forked);
        }
        Ok(())
    }

    fn admit(&self) -> Result<(), Refusal> {
        self.check_open()?;
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
    /// Takes the next post out with `take`; `None` also when its producer is not done writing it.
    fn next_post<R>(self, take: impl FnOnce(*mut Task) -> R) -> Option<R> {
        let counted = |place| {
            if self.core.post_bound.is_some() {
                self.core.bounded_posts.fetch_sub(1, Ordering::Relaxed);
            }
            take(place)
        };
        // SAFETY: the loop's owner alone pops.
        unsafe { self.core.posts.pop_with(counted) }
    }

    /// Runs posts in order up to the position `end`, or until the budget is spent.
    pub(crate) fn run_posts(self, end: usize, budget: &mut Budget) -> Outcome {
        while self.core.posts.begin() < end && !budget.is_spent() {
            self.core.activity.begin(Activity::Post);
            self.touch_watchdog();
            let began = self.callback_begins();
            // SAFETY: the place holds a task, which `run` moves out first.
            let Some(outcome) = self.next_post(|place| unsafe { Task::run(place) }) else { break };
            self.callback_ends(began);
            self.core.stats.posts_run.add_here(1);
            self.after_callback(outcome)?;
            budget.spend();
        }
        Ok(())
    }

    /// Queues a job of the loop's own thread, behind its mail.
    #[inline]
    pub(crate) fn queue_mail<T: Job>(self, job: T) {
        // SAFETY: the ring gives a place to write to.
        self.mail.push_with(|place| unsafe { Task::write(place, job) });
    }

    /// Runs the mail that is there now, or until the budget is spent.
    pub(crate) fn run_mail(self, budget: &mut Budget) -> Outcome {
        for _ in 0..self.mail.len() {
            if budget.is_spent() {
                break;
            }
            self.core.activity.begin(Activity::Message);
            self.touch_watchdog();
            let began = self.callback_begins();
            // SAFETY: the place holds a task, which `run` moves out first.
            let Some(outcome) = self.mail.pop_with(|place| unsafe { Task::run(place) }) else { break };
            self.callback_ends(began);
            self.core.stats.mail_run.add_here(1);
            self.after_callback(outcome)?;
            budget.spend();
        }
        Ok(())
    }

    /// The run ends: its mail joins the posts, so that the next run finds all in the order it was queued.
    pub(crate) fn mail_to_posts(self) {
        while let Some(task) = self.mail.pop() {
            if self.core.post_bound.is_some() {
                self.core.bounded_posts.fetch_add(1, Ordering::Relaxed);
            }
            self.core.posts.push(task);
        }
    }

    /// Takes all posts and mail out without running them, for the caller to drop.
    pub(crate) fn take_posts(self) -> Vec<Task> {
        let end = self.core.posts.end();
        let mut taken: Vec<_> = std::iter::from_fn(|| self.mail.pop()).collect();
        while self.core.posts.begin() < end {
            // SAFETY: the place holds a task, and is read once.
            match self.next_post(|place| unsafe { place.read() }) {
                Some(task) => taken.push(task),
                // Its producer has not finished writing it.
                None => std::thread::yield_now(),
            }
        }
        taken
    }
}
