//! Who may touch the loop's state.
//!
//! The loop's state has one owner at a time, named by an [atomic word](crate::dispatcher::owner_word): the thread inside
//! `run()`, or, while nobody runs, a thread inside one short call ([`Access::Direct`]). No lock is held by the running
//! loop, and no user code runs in a direct section. A thread that finds the loop running elsewhere sends a [`Command`].
//!
//! | | takes it | gives it back | meanwhile, others |
//! |---|---|---|---|
//! | a run | [`Core::enter`] | dropping [`Running`] | send commands |
//! | a direct section | [`Core::access`] | dropping [`Direct`] | wait for its few instructions |
//!
//! Nothing is left behind in the command queue: a sender that finds the loop not running any more takes
//! ownership and receives the commands itself, and a leaving owner looks once more after it has left.
//!
//! The proof that this thread is the owner is an [`OnLoop`], by which alone the state is reached; only this file makes one.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::atomic::Ordering;

use super::thread::{INNERMOST, thread_token};
use super::{Command, Core};
use crate::crash_dump;
use crate::dispatcher::activity::Activity;
use crate::dispatcher::local::Local;
use crate::dispatcher::owner_word::{Purpose, Receiver, Run, Taken};
use crate::thread_id::thread_id;

/// How the calling thread may reach the loop's state.
pub(crate) enum Access<'a> {
    /// It runs the loop.
    Running(OnLoop<'a>),
    /// Nobody does; it owns the state until this is dropped.
    Direct(Direct<'a>),
    /// Another thread runs the loop.
    Remote,
}

/// Proof that this thread owns the loop's state.
#[derive(Clone, Copy)]
pub(crate) struct OnLoop<'a> {
    pub(crate) core: &'a Core,
    not_send: PhantomData<*const ()>,
}

impl<'a> OnLoop<'a> {
    /// For as long as it is owned, where `deref` goes no farther than this proof of it.
    pub(crate) fn local(self) -> &'a Local {
        &self.core.local
    }
}

impl Deref for OnLoop<'_> {
    type Target = Local;

    fn deref(&self) -> &Local {
        self.local()
    }
}

/// A short section in which the caller owns the state of a loop that nobody runs. No user code in it.
pub(crate) struct Direct<'a>(OnLoop<'a>);

impl<'a> Direct<'a> {
    pub(crate) fn on_loop(&self) -> OnLoop<'a> {
        self.0
    }
}

impl Drop for Direct<'_> {
    fn drop(&mut self) {
        self.0.leave_direct();
    }
}

impl OnLoop<'_> {
    /// Ends a direct section. What it brings about may destroy the dispatcher as soon as another thread can run the loop:
    /// after that, nothing of the core is touched that no reference keeps.
    fn leave_direct(self) {
        let me = thread_token();
        loop {
            self.settle();
            if self.wake_on_release.take() {
                self.core.wake();
            }
            let waste = self.take_waste().map(|waste| (self.core.me.upgrade(), waste));
            if self.core.owner.leave_directly(me) {
                if let Some((Some(core), waste)) = waste {
                    core.destroy_waste(waste);
                }
                return;
            }
            waste.into_iter().flat_map(|(_, waste)| waste).for_each(|item| self.discard(item));
            self.receive_commands();
        }
    }
}

/// Ownership of a loop for the length of one `run()`.
pub(crate) struct Running<'a> {
    on_loop: OnLoop<'a>,
}

impl<'a> Running<'a> {
    pub(crate) fn on_loop(&self) -> OnLoop<'a> {
        self.on_loop
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let core = self.on_loop.core;
        if self.on_loop.destroyed.get() {
            self.on_loop.close();
        }
        self.on_loop.drop_waste();
        // What passes until the next run is not the loop's.
        self.on_loop.end_loop_duration();
        self.on_loop.forget_callback_end();
        self.on_loop.settle();
        if !core.is_forked() && core.has_requests() {
            // What the kernel refuses now, the next run asks for again.
            self.on_loop.tell_ring();
        }
        if !core.is_forked() {
            self.on_loop.end_accepts();
        }
        self.on_loop.wake_on_release.set(false);
        let pending = self.on_loop.has_injected_work() || core.has_requests();
        INNERMOST.set(self.on_loop.outer.get());
        core.activity.begin(Activity::NotRunning);
        core.runner.store(0, Ordering::Relaxed);
        core.load.fall_asleep(None);
        core.sleep.announce();
        if !core.is_forked() {
            core.poller.leave();
        }
        core.end_own_shares();
        core.owner.leave_run();
        core.receive_stragglers();
        core.hang_up_stragglers();
        // Work that waits for the next run shows on the poll fd, for a foreign loop.
        if pending || !core.posts.is_empty() {
            core.wake();
        }
        let quiet = core.lock_quiet();
        core.owner.has_ended();
        drop(quiet);
        core.quiet_changed.notify_all();
    }
}

/// What came of [`Core::enter`].
pub(crate) enum Entered<'a> {
    Running(Running<'a>),
    /// This thread runs the loop already.
    Nested(OnLoop<'a>),
    /// Another thread does.
    Elsewhere(Run),
}

impl Core {
    fn on_loop(&self) -> OnLoop<'_> {
        OnLoop { core: self, not_send: PhantomData }
    }

    /// Finds out how this thread may reach the loop's state; waits only for another thread's direct section.
    #[inline]
    pub(crate) fn access(&self) -> Access<'_> {
        let me = thread_token();
        if self.owner.is_run_by(me) { Access::Running(self.on_loop()) } else { self.access_from_outside(me) }
    }

    /// Apart from the way that callbacks go, which is short.
    #[inline(never)]
    fn access_from_outside(&self, me: usize) -> Access<'_> {
        loop {
            match self.owner.take_directly(me) {
                Taken::Now => {
                    let on_loop = self.on_loop();
                    on_loop.receive_commands();
                    return Access::Direct(Direct(on_loop));
                }
                Taken::Before => return Access::Running(self.on_loop()),
                Taken::ByRun(_) => return Access::Remote,
                // The thread in that section stayed in the parent.
                Taken::Briefly if self.is_forked() => return Access::Remote,
                Taken::Briefly => std::thread::yield_now(),
            }
        }
    }

    /// Takes the loop in order to run it, or to run destructors in its place.
    pub(crate) fn enter(&self, purpose: Purpose) -> Entered<'_> {
        let me = thread_token();
        loop {
            match self.owner.take_to_run(me, purpose) {
                Taken::Now => break,
                Taken::Before => return Entered::Nested(self.on_loop()),
                // Not a run to give way to, only a thread in the way.
                Taken::ByRun(run) if run.is_drain() && purpose == Purpose::Run => self.wait_until_left(run),
                Taken::ByRun(run) => return Entered::Elsewhere(run),
                Taken::Briefly => std::thread::yield_now(),
            }
        }
        self.begin_own_shares();
        crash_dump::enter_loop();
        self.local.outer.set(INNERMOST.replace(self));
        self.activity.begin(Activity::Dispatching);
        self.runner.store(thread_id(), Ordering::Relaxed);
        self.sleep.end();
        if !self.is_forked() {
            self.poller.enter();
        }
        Entered::Running(Running { on_loop: self.on_loop() })
    }

    /// Receives commands that came after the last owner's last look, which would otherwise wait for a run that
    /// may never come. Whoever owns the loop meanwhile does the same when it leaves.
    fn receive_stragglers(&self) {
        while !self.commands.is_empty()
            && !self.is_forked()
            && let Some(Receiver::Caller) = self.owner.call_receiver(thread_token())
        {
            let before = self.commands.begin();
            self.on_loop().receive_commands();
            let none_came = self.commands.begin() == before;
            self.on_loop().leave_direct();
            if none_came {
                // Its sender has not finished writing it.
                std::thread::yield_now();
            }
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.owner.is_running()
    }

    /// The loop, if this thread is the one inside `run()`.
    pub(crate) fn running_here(&self) -> Option<OnLoop<'_>> {
        self.is_running_here().then(|| self.on_loop())
    }

    pub(crate) fn is_running_here(&self) -> bool {
        self.owner.is_run_by(thread_token())
    }

    /// Sends a command to a loop that another thread runs.
    pub(crate) fn send(&self, command: Command) {
        // What comes of it may drop all other references before this has returned.
        let _core = self.me.upgrade();
        self.commands.push(command);
        self.wake();
        self.receive_stragglers();
    }
}
