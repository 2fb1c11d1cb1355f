//! Posts: closures from any thread, run on the loop in the order they were posted.

use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::sync::atomic::Ordering;

use super::Budget;
use super::activity::Activity;
use super::closure::{Failure, Outcome, guarded};
use super::core::{Core, OnLoop, label_current};
use super::label::Label;
use super::own_posts::{Origin, OwnRoom};
use crate::error::Refusal;

/// What a post does.
pub(crate) trait Job: Send + 'static {
    fn run(self) -> Outcome;

    /// Runs the one at `place`, which it moves out of there before it does anything else.
    ///
    /// # Safety
    /// `place` holds a job, and does not from now on.
    unsafe fn run_from(place: *mut Self) -> Outcome
    where
        Self: Sized,
    {
        // SAFETY: the caller's promise.
        unsafe { place.read() }.run()
    }
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
        // SAFETY: `Task::make` put a `T` there, and the task runs once.
        unsafe { T::run_from(inline.cast()) }
    }

    unsafe fn drop(inline: *mut Inline) {
        // SAFETY: `Task::make` put a `T` there, and the task did not run.
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
            unsafe { Task::make(place, |inline: *mut T| inline.write(job)) };
        } else {
            // SAFETY: as above; a box fits.
            unsafe { Task::make(place, |inline: *mut Box<T>| inline.write(Box::new(job))) };
        }
    }

    /// Writes a task to `place`, for the job that `make` makes in its place.
    ///
    /// # Safety
    /// `place` is valid for writing, `make` writes to what it is given, and `T` fits inline.
    #[inline]
    unsafe fn make<T: Job>(place: *mut Task, make: impl FnOnce(*mut T)) {
        // SAFETY: the caller's promise.
        unsafe {
            make((&raw mut (*place).inline).cast());
            (&raw mut (*place).vtable).write(Stored::<T>::IN_PLACE);
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
            Ok(()) => self.enqueue(Origin::Post, job),
            Err(refusal) => return Err((refusal, job)),
        }
        Ok(())
    }

    /// Queues the job that `make` makes in its place; one that is refused is not made.
    ///
    /// # Safety
    /// `make` writes to what it is given. It does not panic, nor come back to this dispatcher.
    #[cfg(feature = "ffi")]
    pub(crate) unsafe fn post_with<T: Job>(&self, make: impl FnOnce(*mut T)) -> Result<(), Refusal> {
        const { assert!(Task::fits::<T>()) };
        self.admit()?;
        // SAFETY: the caller's promise.
        unsafe { self.enqueue_with(Origin::Post, make) };
        Ok(())
    }

    /// Queues a job that the bound of the queue is not meant for: what keeps count of its own, as mailboxes do.
    pub(crate) fn mail<T: Job>(&self, job: T) -> Result<(), (Refusal, T)> {
        if let Err(refusal) = self.check_open() {
            return Err((refusal, job));
        }
        if self.post_bound.is_some() && !self.is_running_here() {
            self.bounded_posts.fetch_add(1, Ordering::Relaxed);
        }
        self.enqueue(Origin::Mail, job);
        Ok(())
    }

    fn enqueue<T: Job>(&self, origin: Origin, job: T) {
        if Task::fits::<T>() {
            // SAFETY: it fits, and is written.
            unsafe { self.enqueue_with(origin, |place: *mut T| place.write(job)) };
        } else {
            // Boxed first: between taking a place and filling it there must be no delay.
            let job = Box::new(job);
            // SAFETY: as above; a box fits.
            unsafe { self.enqueue_with(origin, |place: *mut Box<T>| place.write(job)) };
        }
    }

    /// Queues the job that `make` makes in its place.
    ///
    /// # Safety
    /// As for `post_with`, and `T` fits.
    #[inline]
    unsafe fn enqueue_with<T: Job>(&self, origin: Origin, make: impl FnOnce(*mut T)) {
        if let Some(on_loop) = self.running_here() {
            // SAFETY: the caller's promise, and a place to write to.
            on_loop.push_own(on_loop.own_room(), origin, |place| unsafe { Task::make(place, make) });
            return;
        }
        // SAFETY: as above.
        self.posts.push_with(|place| unsafe { Task::make(place, make) });
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
        let admitted = self.check_open().and_then(|()| match self.post_bound {
            Some(bound) if self.bounded_posts.fetch_add(1, Ordering::Relaxed) >= bound => {
                self.bounded_posts.fetch_sub(1, Ordering::Relaxed);
                Err(Refusal::Full)
            }
            _ => Ok(()),
        });
        if admitted.is_err() {
            self.stats.posts_refused.add(1);
        }
        admitted
    }

    /// How many posts wait, mail among them. From any thread.
    pub(crate) fn queued_posts(&self) -> usize {
        self.posts.len() + self.own_posts_waiting()
    }
}

/// Up to where a batch of posts goes: the end of each queue when the batch began.
#[derive(Clone, Copy)]
pub(crate) struct BatchEnd {
    pub(crate) shared: usize,
    pub(crate) own: u64,
}

/// Whose turn it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Shared,
    Own(Origin),
}

impl<'a> OnLoop<'a> {
    /// Room for a job of the loop's own thread, behind all that it queued before.
    #[inline]
    pub(crate) fn own_room(self) -> OwnRoom<'a> {
        self.local().own_posts.room(self.core.posts.end())
    }

    #[inline]
    pub(crate) fn queue_mail<T: Job>(self, room: OwnRoom<'_>, job: T) {
        // SAFETY: a place to write to.
        self.push_own(room, Origin::Mail, |place| unsafe { Task::write(place, job) });
    }

    #[inline]
    fn push_own(self, room: OwnRoom<'_>, origin: Origin, write: impl FnOnce(*mut Task)) {
        room.fill(origin, write);
        // A handler of a foreign loop in which ours waits is on this thread too.
        self.core.wake();
    }

    /// The end of all that is queued now.
    pub(crate) fn batch_end(self) -> BatchEnd {
        BatchEnd { shared: self.core.posts.end(), own: self.own_posts.pushed() }
    }

    /// Runs posts in order up to `end`, or until the budget is spent. False if some of them are left. With `goes_on`
    /// later batches follow at once while the tail would do nothing in between.
    pub(crate) fn run_posts(
        self,
        mut end: BatchEnd,
        goes_on: bool,
        budget: &mut Budget,
    ) -> Result<bool, Box<Failure>> {
        loop {
            let outcome = match self.next_post(end) {
                Some(_) if budget.is_spent() => return Ok(false),
                Some(next) => self.run_post(next),
                None if goes_on && self.only_posts_wait() => {
                    end = self.batch_end();
                    continue;
                }
                None => return Ok(true),
            };
            // Its producer is not done writing it.
            let Some(outcome) = outcome else { return Ok(false) };
            self.after_callback(outcome)?;
            budget.spend();
        }
    }

    #[inline(always)]
    fn run_post(self, next: Next) -> Option<Outcome> {
        let stats = &self.core.stats;
        let (activity, counter) = match next {
            Next::Own(Origin::Mail) => (Activity::Message, &stats.mail_run),
            Next::Own(Origin::Post) | Next::Shared => (Activity::Post, &stats.posts_run),
        };
        self.core.activity.begin(activity);
        self.touch_watchdog();
        let began = self.callback_begins();
        // SAFETY: the place holds a task, which `run` moves out first.
        let outcome = self.take(next, |place| unsafe { Task::run(place) })?;
        self.callback_ends(began);
        counter.add_here(1);
        Some(outcome)
    }

    #[inline(always)]
    fn next_post(self, end: BatchEnd) -> Option<Next> {
        let begin = self.core.posts.begin();
        match self.own_posts.first_before(end.own, begin) {
            Some(origin) => Some(Next::Own(origin)),
            None => (begin < end.shared).then_some(Next::Shared),
        }
    }

    /// `None` also when its producer is not done writing it.
    #[inline(always)]
    fn take<R>(self, next: Next, take: impl FnOnce(*mut Task) -> R) -> Option<R> {
        let counted = |place| {
            if next != Next::Own(Origin::Mail) {
                self.uncount_bounded();
            }
            take(place)
        };
        match next {
            Next::Own(_) => self.own_posts.pop_with(counted),
            // SAFETY: the loop's owner alone pops.
            Next::Shared => unsafe { self.core.posts.pop_with(counted) },
        }
    }

    #[inline]
    fn uncount_bounded(self) {
        if self.core.post_bound.is_some() {
            self.core.bounded_posts.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Takes all posts and mail out without running them, for the caller to drop.
    pub(crate) fn take_posts(self) -> Vec<Task> {
        let end = self.batch_end();
        let mut taken = Vec::new();
        while let Some(next) = self.next_post(end) {
            // SAFETY: the place holds a task, and is read once.
            let read = |place: *mut Task| unsafe { place.read() };
            match self.take(next, read) {
                Some(task) => taken.push(task),
                // Its producer has not finished writing it.
                None => std::thread::yield_now(),
            }
        }
        taken
    }
}
