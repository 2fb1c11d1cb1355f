//! The end: `shutdown()`, which a later `run()` revives, and destruction, which nothing does.

use std::sync::atomic::Ordering;

use super::Budget;
use super::activity::Activity;
use super::closure::{Failure, guarded};
use super::core::{Core, Entered, OnLoop};
use super::owner_word::{Purpose, Run};
use crate::task::Evicted;

/// Destructors may post and defer anew; this many rounds of that are followed.
const ROUNDS: usize = 1000;

impl Core {
    /// Refuses posts from now on and drops what is queued, without running it (P10). A run on another thread ends first.
    pub(crate) fn shut_down(&self) -> Dropped {
        let mut dropped = Dropped::default();
        if self.is_forked() {
            return dropped;
        }
        loop {
            self.accepting.store(false, Ordering::SeqCst);
            let Err(run) = self.shut_down_idle(&mut dropped) else { return dropped };
            self.exit();
            self.wait_until_left(run);
        }
    }

    /// Likewise, while no other thread runs the loop; else, gives that run.
    pub(crate) fn shut_down_idle(&self, dropped: &mut Dropped) -> Result<(), Run> {
        loop {
            match self.enter(Purpose::Drain) {
                Entered::Running(running) => {
                    // Here, as a run in between may have opened it again.
                    self.accepting.store(false, Ordering::SeqCst);
                    let on_loop = running.on_loop();
                    self.exit_at.store(0, Ordering::SeqCst);
                    on_loop.before_exit.set(None);
                    on_loop.drop_everything(dropped);
                    if self.closed.load(Ordering::SeqCst) {
                        // SAFETY: this thread has the loop, and closed loops are not run again.
                        unsafe { self.poller.release() };
                    }
                }
                Entered::Nested(on_loop) => {
                    self.accepting.store(false, Ordering::SeqCst);
                    on_loop.drop_everything(dropped);
                    return Ok(());
                }
                Entered::Elsewhere(run) => return Err(run),
            }
            // A post that was admitted before may have come since.
            if self.posts.is_empty() || self.accepting.load(Ordering::SeqCst) {
                return Ok(());
            }
        }
    }

    /// After a post that a shutdown overtook: drops it, unless somebody who owns the loop will.
    pub(crate) fn drop_late_posts(&self) {
        if let Entered::Running(running) = self.enter(Purpose::Drain)
            && !self.accepting.load(Ordering::SeqCst)
        {
            running.on_loop().drop_everything(&mut Dropped::default());
        }
    }

    /// Deletes now what was deferred; for a loop that another thread runs, that thread does so in its next
    /// tail, since the objects die there (D5, D8).
    pub(crate) fn clear_deferred(&self) {
        match self.enter(Purpose::Drain) {
            Entered::Running(running) => {
                if let Err(failure) = running.on_loop().flush_deferred(&mut Budget::unlimited()) {
                    tracing::error!(dispatcher = %self.name, "a deferred delete: {}", failure.describe());
                }
            }
            Entered::Nested(on_loop) => {
                if let Err(failure) = on_loop.flush_deferred(&mut Budget::unlimited()) {
                    on_loop.failure.set(Some(failure));
                }
            }
            Entered::Elsewhere(_) => self.wake(),
        }
    }

    /// The dispatcher object goes: everything queued dies, while that object is still there for destructors to
    /// use, and handles become inert. In one of its own callbacks, `run()` then ends after that callback.
    pub(crate) fn destroy(&self) {
        let running = self.running_here();
        self.closed.store(true, Ordering::SeqCst);
        self.shut_down();
        if let Some(on_loop) = running {
            on_loop.destroyed.set(true);
            on_loop.failure.set(Some(Box::new(Failure::Destroyed)));
        }
    }
}

/// How much a shutdown dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    /// Posts and the actors' mail.
    pub(crate) posts: usize,
    pub(crate) deferred: usize,
    pub(crate) tasks: usize,
}

/// What a dispatcher held for later.
pub(crate) struct Doomed {
    posts: Vec<super::post::Task>,
    deferred: Vec<super::deferred::Deferred>,
    watchdog: Option<super::watchdog::Registration>,
    tasks: Vec<Evicted>,
}

impl Doomed {
    fn is_empty(&self) -> bool {
        self.posts.is_empty() && self.deferred.is_empty() && self.watchdog.is_none() && self.tasks.is_empty()
    }

    /// Each destructor by itself, so that one that panics costs only itself. `on_loop` is where it was taken.
    fn destroy(self, on_loop: OnLoop<'_>) {
        let dispatcher = on_loop.core.name.as_str();
        let report = |outcome: super::closure::Outcome| {
            if let Err(failure) = outcome {
                tracing::error!(dispatcher, "during shutdown: {}", failure.describe());
            }
        };
        self.deferred.into_iter().for_each(|object| report(object.destroy()));
        self.posts.into_iter().for_each(|post| report(guarded(|| drop(post))));
        // SAFETY: `on_loop` proves it.
        self.tasks.into_iter().for_each(|task| unsafe { task.destroy() });
        report(guarded(|| drop(self.watchdog)));
    }

    fn leak(self, dispatcher: &str) {
        if !self.is_empty() {
            tracing::error!(
                dispatcher,
                posts = self.posts.len(),
                deferred = self.deferred.len(),
                "destructors keep posting or deferring during shutdown; the rest is leaked"
            );
            std::mem::forget(self);
        }
    }
}

impl OnLoop<'_> {
    fn take_everything(self) -> Doomed {
        self.receive_commands();
        Doomed {
            posts: self.take_posts(),
            deferred: std::iter::from_fn(|| self.deferred.pop()).collect(),
            watchdog: self.replace_watchdog(None),
            tasks: self.take_tasks(),
        }
    }

    fn drop_everything(self, dropped: &mut Dropped) {
        let doing = self.core.activity.begin(Activity::Destructor);
        self.drop_in_rounds(dropped);
        self.core.activity.begin_word(doing);
    }

    fn drop_in_rounds(self, dropped: &mut Dropped) {
        for _ in 0..ROUNDS {
            let doomed = self.take_everything();
            if doomed.is_empty() {
                return;
            }
            dropped.posts += doomed.posts.len();
            dropped.deferred += doomed.deferred.len();
            dropped.tasks += doomed.tasks.len();
            doomed.destroy(self);
        }
        self.take_everything().leak(&self.core.name);
    }

    /// The end of a `run()` in which the dispatcher was destroyed.
    pub(crate) fn close(self) {
        self.core.accepting.store(false, Ordering::Release);
        self.drop_everything(&mut Dropped::default());
        // SAFETY: the run that this thread is leaving was the last.
        unsafe { self.core.poller.release() };
    }
}
