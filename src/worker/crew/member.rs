//! A member of a crew: a worker's loop that takes tasks in turns.
//!
//! A turn is a schedulable callback. It does a bounded number of tasks, for a bounded time, and comes back in the
//! next iteration if there may be more; so tasks starve neither file descriptors nor timers nor posts. Each task is
//! followed by what each callback is followed by.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Weak};

use crossbeam_deque::{Steal, Stealer, Worker as Queue};

use super::search::Rest;
use super::{Crew, until_settled};
use crate::dispatcher::activity::Activity;
use crate::dispatcher::cell::Owner;
use crate::dispatcher::closure::{Closure, Outcome};
use crate::dispatcher::core::{Core, OnLoop};
use crate::dispatcher::post::Task;
use crate::dispatcher::schedulable::{self, SchedulableKind};
use crate::dispatcher::{Handle, Nanos};
use crate::worker::panics::report_failure;

/// How many tasks a turn does at most: enough that the poll in between is lost among the smallest.
const TASKS: u32 = 64;

/// How long a turn begins new tasks: not long, for a socket that waits.
const TURN: Nanos = 100_000;

/// A member, as the crew knows it.
pub(crate) struct Member {
    core: Arc<Core>,
    queued: Stealer<Task>,
    rest: Rest,
    crew: Arc<Crew>,
    /// It does no tasks, and its queue is to stay empty.
    dismissed: AtomicBool,
    turn: Owner<SchedulableKind>,
}

impl Member {
    fn new(crew: &Arc<Crew>, dispatcher: &Handle, queued: Stealer<Task>) -> Arc<Member> {
        let core = dispatcher.core().clone();
        Arc::new_cyclic(|member| {
            let turn = schedulable::new(&core, Turn(member.clone()));
            // It is the loop's own.
            core.uncount_handle();
            let (rest, crew, dismissed) = (Rest::new(), crew.clone(), AtomicBool::new(false));
            Member { core, queued, rest, crew, dismissed, turn }
        })
    }

    pub(super) fn is_of(&self, dispatcher: &Handle) -> bool {
        Arc::ptr_eq(&self.core, dispatcher.core())
    }

    /// Whether it rests, and its loop too, with nothing to do first.
    pub(super) fn is_asleep(&self) -> bool {
        self.rest.is_on() && self.core.backlog() == 0
    }

    /// Ends its rest; whether the caller is the one to [`schedule`](Member::schedule) it.
    pub(super) fn call(&self) -> bool {
        self.crew.search.call(&self.rest)
    }

    /// Has it look for tasks.
    pub(super) fn schedule(&self) {
        self.turn.cell().schedule_current();
    }

    pub(super) fn has_queued(&self) -> bool {
        !self.queued.is_empty()
    }

    pub(super) fn steal(&self) -> Steal<Task> {
        self.queued.steal()
    }

    pub(super) fn is_dismissed(&self) -> bool {
        self.dismissed.load(Ordering::SeqCst)
    }

    /// It does no more tasks, but ends the one that it has begun. From any thread.
    pub(super) fn dismiss(&self) {
        if !self.dismissed.swap(true, Ordering::SeqCst) {
            self.call();
            self.hand_over();
            self.crew.note_quiet();
        }
    }

    /// It does tasks again.
    pub(super) fn recall(&self) {
        if self.dismissed.swap(false, Ordering::SeqCst) {
            self.schedule();
        }
    }

    /// Moves what waits in its queue to the injector. Also for what it may have been called for, and would look for
    /// no more, another one is called.
    fn hand_over(&self) {
        fence(Ordering::SeqCst);
        while let Some(task) = until_settled(|| self.queued.steal()) {
            self.crew.injector.push(task);
        }
        if self.crew.has_work() {
            self.crew.call_somebody();
        }
        if let Some(closing) = self.crew.gate.shut_by() {
            // It was shut while they were in our hands.
            self.crew.discard(closing);
        }
    }

    /// Does tasks until there are none or the turn is over.
    fn take_turn(&self, on_loop: OnLoop<'_>) -> Outcome {
        // Not only a call ends a rest: it may have been dismissed and recalled.
        self.call();
        let begun = on_loop.core.clock.now();
        for number in 0..TASKS {
            let Some(task) = self.next_task(number == 0) else { return Ok(()) };
            if number != 0 {
                // For the first one the turn itself was touched for.
                on_loop.touch_watchdog();
            }
            on_loop.core.activity.begin(Activity::Task);
            on_loop.core.stats.submitted_run.add_here(1);
            self.crew.note_begun();
            let outcome = on_loop.after_callback(task.call());
            if outcome.is_err() {
                self.come_back();
                return outcome;
            }
            if on_loop.core.clock.now().saturating_sub(begun) >= TURN {
                break;
            }
        }
        self.come_back();
        Ok(())
    }

    fn come_back(&self) {
        self.turn.cell().schedule_next();
    }

    /// The next task to do; if there is none, the member rests. The first of a turn comes from the injector, so that
    /// an endless chain of its own tasks does not keep the member from those of others.
    fn next_task(&self, is_first: bool) -> Option<Task> {
        if self.is_dismissed() {
            self.hand_over();
            return None;
        }
        let queue = Seat::queue_of(self);
        let queue = queue.as_deref();
        let at_hand = || queue.and_then(Queue::pop).or_else(|| self.crew.take_injected());
        // Only a search calls others to what is left; one in each turn is enough for that.
        let at_hand = if is_first { None } else { at_hand() };
        at_hand.or_else(|| self.search(queue))
    }

    fn search(&self, queue: Option<&Queue<Task>>) -> Option<Task> {
        let search = &self.crew.search;
        search.begin();
        loop {
            if let Some(task) = self.look_around(queue) {
                if search.found() && self.crew.has_work() {
                    self.crew.call_somebody();
                }
                return Some(task);
            }
            if search.rest(&self.rest, || self.crew.has_work()) {
                if self.is_dismissed() {
                    // Meanwhile: it is called no more, and must not be counted among those that rest.
                    self.call();
                }
                return None;
            }
        }
    }

    /// A task from the injector, from the own queue, or from another member; of the last, with some more for the own
    /// queue.
    fn look_around(&self, queue: Option<&Queue<Task>>) -> Option<Task> {
        let Some(queue) = queue else { return self.crew.take_any() };
        let from_others = || {
            let members = self.crew.members();
            // Each begins behind itself, so that not all go to the same one.
            let own = members.iter().position(|member| std::ptr::eq(&**member, self)).unwrap_or(0);
            let (before, behind) = members.split_at(own);
            let mut others = behind.iter().chain(before);
            others.find_map(|other| until_settled(|| other.queued.steal_batch_and_pop(queue)))
        };
        self.crew.take_injected().or_else(|| queue.pop()).or_else(from_others)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.core.count_handle();
    }
}

/// The turn's closure.
struct Turn(Weak<Member>);

impl Closure for Turn {
    fn call(&mut self, _: u32) -> Outcome {
        let Some(member) = self.0.upgrade() else { return Ok(()) };
        match member.core.running_here() {
            Some(on_loop) => member.take_turn(on_loop),
            None => Ok(()),
        }
    }
}

thread_local! {
    static SEAT: RefCell<Option<Seat>> = const { RefCell::new(None) };
}

/// What a member's own thread has of it.
pub(super) struct Seat {
    member: Arc<Member>,
    queue: Rc<Queue<Task>>,
}

impl Seat {
    /// Whether this thread is a member's of `crew`.
    pub(super) fn is_of(crew: &Crew) -> bool {
        Seat::with(|seat| seat.serves(crew)).unwrap_or(false)
    }

    /// Puts a task into the queue of the member of `crew` whose thread this is; gives it back if there is none.
    pub(super) fn push(crew: &Crew, task: Task) -> Option<Task> {
        let mut task = Some(task);
        Seat::with(|seat| {
            if seat.serves(crew)
                && !seat.member.is_dismissed()
                && let Some(task) = task.take()
            {
                seat.queue.push(task);
                fence(Ordering::SeqCst);
                if seat.member.is_dismissed() {
                    seat.member.hand_over();
                }
            }
        });
        task
    }

    /// The queue of `member`, if this is its thread; it may not be: anybody may run a worker's loop while the worker
    /// waits for that.
    fn queue_of(member: &Member) -> Option<Rc<Queue<Task>>> {
        Seat::with(|seat| std::ptr::eq(&*seat.member, member).then(|| seat.queue.clone())).flatten()
    }

    fn serves(&self, crew: &Crew) -> bool {
        std::ptr::eq(&*self.member.crew, crew)
    }

    /// Calls `work` with this thread's seat, if it has one; a thread that is about to end has none.
    fn with<R>(work: impl FnOnce(&Seat) -> R) -> Option<R> {
        SEAT.try_with(|seat| seat.borrow().as_ref().map(work)).ok().flatten()
    }
}

impl Crew {
    /// The loop of `dispatcher`, which this thread is about to run, does the crew's tasks until [`Crew::leave`].
    pub(crate) fn join(self: &Arc<Self>, dispatcher: &Handle) {
        let queue = Queue::new_fifo();
        let member = Member::new(self, dispatcher, queue.stealer());
        SEAT.set(Some(Seat { member: member.clone(), queue: Rc::new(queue) }));
        self.search.begin();
        self.search.rest(&member.rest, || false);
        self.members_mut().push(member);
        // There may be tasks already.
        if self.has_work() {
            self.call_somebody();
        }
    }

    /// This thread has left its loop for good, and what it has not done is the others'. If the crew drains, this thread
    /// does all that is left with them; and the last one that leaves destroys what came too late.
    pub(crate) fn leave(&self) {
        let take_seat = || SEAT.try_with(|seat| seat.borrow_mut().take_if(|seat| seat.serves(self))).ok()?;
        if self.is_forked() {
            // The others, and what they hold, stayed in the parent.
            std::mem::forget(take_seat());
            return;
        }
        let Some(member) = Seat::with(|seat| seat.serves(self).then(|| seat.member.clone())).flatten() else {
            return;
        };
        member.dismiss();
        // What it does now still runs on a member's thread, and must not wait for the others.
        while self.gate.draining().is_some()
            && let Some(task) = self.take_any()
        {
            self.note_begun();
            if let Err(failure) = task.call() {
                report_failure(&member.core.name, *failure);
            }
        }
        drop(take_seat());
        let was_last = {
            let mut members = self.members_mut();
            members.retain(|other| !Arc::ptr_eq(other, &member));
            members.is_empty()
        };
        if was_last && let Some(closing) = self.gate.draining() {
            self.discard(closing);
        }
        self.note_quiet();
    }
}
