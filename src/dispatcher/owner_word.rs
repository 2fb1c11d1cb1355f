//! Who owns a loop's state: nobody, the thread that runs it, or a thread inside one short call, a *direct section*.
//!
//! Threads are told apart by tokens: multiples of eight, and not zero. Whoever takes the loop sees all that its
//! former owners did with its state.

use crate::sync::{AtomicU64, AtomicUsize, Ordering, sequence_point};

pub(crate) struct OwnerWord {
    /// 0 for nobody, else the owner's token and, in its lowest bits, what it does.
    word: AtomicUsize,
    /// The number of the present run, or else of the next. Written by the loop's owner alone.
    run: AtomicU64,
    /// How many runs have ended: counted by those who left, in any order.
    ended: AtomicU64,
}

/// The owner may run user code...
const RUNNING: usize = 1;
/// ... though not for `run()`, but destructors of what was queued.
const DRAINING: usize = 2;
/// The owner is to receive commands once more before it leaves. Never with [`RUNNING`]: who ran the loop looks once
/// more when it has left.
const CALLED_BACK: usize = 4;

/// Whose token is in an owner word.
fn thread_in(word: usize) -> usize {
    word & !(RUNNING | DRAINING | CALLED_BACK)
}

/// What a thread takes the loop for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Run,
    /// To destroy what is queued, in the place of a run.
    Drain,
}

/// Another thread's run.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    word: usize,
    number: u64,
}

impl Run {
    pub(crate) fn is_drain(self) -> bool {
        self.word & DRAINING != 0
    }
}

/// What became of an attempt to take the loop.
pub(crate) enum Taken {
    Now,
    /// It was the caller's already.
    Before,
    /// Another thread runs it.
    ByRun(Run),
    /// Another thread is inside a direct section, which is soon over.
    Briefly,
}

/// Who receives the commands that nobody may have seen.
pub(crate) enum Receiver {
    /// The caller, who has the loop now, for a direct section.
    Caller,
    /// The owner, before it leaves.
    Owner,
}

impl OwnerWord {
    pub(crate) fn new() -> OwnerWord {
        OwnerWord { word: AtomicUsize::new(0), run: AtomicU64::new(0), ended: AtomicU64::new(0) }
    }

    #[inline]
    fn take(&self, me: usize, bits: usize) -> Taken {
        loop {
            let word = self.word.load(Ordering::SeqCst);
            if thread_in(word) == me {
                return Taken::Before;
            }
            if word & RUNNING != 0 {
                return Taken::ByRun(Run { word, number: self.run.load(Ordering::Relaxed) });
            }
            if word != 0 {
                return Taken::Briefly;
            }
            if self.word.compare_exchange(0, me | bits, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                return Taken::Now;
            }
        }
    }

    /// Takes the loop for a direct section.
    #[inline]
    pub(crate) fn take_directly(&self, me: usize) -> Taken {
        self.take(me, 0)
    }

    /// Takes the loop in order to run it.
    pub(crate) fn take_to_run(&self, me: usize, purpose: Purpose) -> Taken {
        self.take(me, if purpose == Purpose::Run { RUNNING } else { RUNNING | DRAINING })
    }

    /// Ends a direct section, unless the owner was called back: then it is to receive commands, and try again.
    pub(crate) fn leave_directly(&self, me: usize) -> bool {
        let has_left = self.word.compare_exchange(me, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if !has_left {
            self.word.swap(me, Ordering::SeqCst);
        }
        has_left
    }

    /// Ends a run. Its thread then looks for commands once more, and says [`has_ended`](OwnerWord::has_ended).
    pub(crate) fn leave_run(&self) {
        self.run.store(self.run.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        self.word.store(0, Ordering::SeqCst);
        sequence_point();
    }

    /// Counts a run that was left. Those who wait for its end look after this.
    pub(crate) fn has_ended(&self) {
        self.ended.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether that run was left, so that another may have begun. Who found it about to be left takes one that the
    /// same thread begins at once for the same.
    pub(crate) fn is_over(&self, run: Run) -> bool {
        self.word.load(Ordering::SeqCst) != run.word || self.ended.load(Ordering::SeqCst) > run.number
    }

    /// Has somebody receive the commands in the queue: who runs the loop does so anyway, and then there is no answer.
    pub(crate) fn call_receiver(&self, me: usize) -> Option<Receiver> {
        sequence_point();
        let mut word = self.word.load(Ordering::SeqCst);
        while word & RUNNING == 0 {
            let (taken, receiver) =
                if word == 0 { (me, Receiver::Caller) } else { (word | CALLED_BACK, Receiver::Owner) };
            match self.word.compare_exchange(word, taken, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return Some(receiver),
                Err(changed) => word = changed,
            }
        }
        None
    }

    /// Whether a thread runs the loop, and not only to drain it.
    pub(crate) fn is_running(&self) -> bool {
        self.word.load(Ordering::Acquire) & (RUNNING | DRAINING) == RUNNING
    }

    /// Whether this thread runs it.
    #[inline]
    pub(crate) fn is_run_by(&self, me: usize) -> bool {
        self.word.load(Ordering::Relaxed) & !DRAINING == me | RUNNING
    }
}

#[cfg(all(test, mcp_event_loom))]
mod loom_tests {
    use super::super::queue::Queue;
    use super::*;
    use crate::sync::{AtomicBool, UnsafeCell};
    use loom::sync::Arc;
    use loom::thread;

    /// A loop without a poller. Commands are numbers; what was received is the owner's alone, and loom looks after that.
    struct Loop {
        owner: OwnerWord,
        commands: Queue<u32>,
        received: UnsafeCell<u32>,
        /// Whether the run of the thread with this token, divided by eight, is over.
        has_run: [AtomicBool; 3],
    }

    const THREADS: [usize; 3] = [8, 16, 24];

    impl Loop {
        fn new() -> Arc<Loop> {
            Arc::new(Loop {
                owner: OwnerWord::new(),
                commands: Queue::new(),
                received: UnsafeCell::new(0),
                has_run: [(); 3].map(|()| AtomicBool::new(false)),
            })
        }

        fn receive(&self) {
            self.received.with_mut(|received| {
                // SAFETY: the owner alone receives.
                while let Some(command) = unsafe { self.commands.pop() } {
                    // SAFETY: as above.
                    unsafe { *received += command };
                }
            });
        }

        fn leave_directly(&self, me: usize) {
            while !self.owner.leave_directly(me) {
                self.receive();
            }
        }

        fn receive_stragglers(&self, me: usize) {
            while !self.commands.is_empty()
                && let Some(Receiver::Caller) = self.owner.call_receiver(me)
            {
                let before = self.commands.begin();
                self.receive();
                let none_came = self.commands.begin() == before;
                self.leave_directly(me);
                if none_came {
                    // Its sender has not finished writing it, and looks when it has. Loom knows no end of trying anew.
                    return;
                }
            }
        }

        /// Runs the loop, or tells what else the attempt found.
        fn run(&self, me: usize) -> Taken {
            let taken = self.owner.take_to_run(me, Purpose::Run);
            if let Taken::Now = taken {
                self.receive();
                self.has_run[me / 8 - 1].store(true, Ordering::Relaxed);
                self.owner.leave_run();
                self.receive_stragglers(me);
                self.owner.has_ended();
            }
            taken
        }

        /// As a call on a handle: adds `command` to what was received, or has the loop do so.
        fn call(&self, me: usize, command: u32) {
            loop {
                match self.owner.take_directly(me) {
                    Taken::Now => {
                        self.receive();
                        // SAFETY: the owner alone receives.
                        self.received.with_mut(|received| unsafe { *received += command });
                        return self.leave_directly(me);
                    }
                    Taken::ByRun(_) => {
                        self.commands.push(command);
                        return self.receive_stragglers(me);
                    }
                    Taken::Briefly => thread::yield_now(),
                    Taken::Before => unreachable!(),
                }
            }
        }
    }

    fn check(preemptions: usize, model: impl Fn(Arc<Loop>) + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(preemptions);
        builder.check(move || model(Loop::new()));
    }

    /// Whoever has the loop has it alone, and no command waits for a run that may never come.
    #[test]
    fn loom_no_command_is_left_behind() {
        check(3, |looped| {
            let callers = [THREADS[1], THREADS[2]].map(|me| {
                let looped = looped.clone();
                thread::spawn(move || looped.call(me, 1))
            });
            looped.run(THREADS[0]);
            callers.into_iter().for_each(|caller| caller.join().unwrap());
            looped.received.with(|received| {
                // SAFETY: all others are gone.
                assert_eq!(unsafe { *received }, 2, "a command was left behind");
            });
        });
    }

    /// Who waits for the run that was in the way gets on when it is over, not before, and not later.
    #[test]
    fn loom_a_wait_ends_with_the_run() {
        check(3, |looped| {
            let runners = [THREADS[1], THREADS[2]].map(|me| {
                let looped = looped.clone();
                thread::spawn(move || drop(looped.run(me)))
            });
            if let Taken::ByRun(run) = looped.run(THREADS[0]) {
                while !looped.owner.is_over(run) {
                    thread::yield_now();
                }
                let has_run = &looped.has_run[thread_in(run.word) / 8 - 1];
                assert!(has_run.load(Ordering::Relaxed), "that run goes on");
            }
            runners.into_iter().for_each(|runner| runner.join().unwrap());
        });
    }
}
