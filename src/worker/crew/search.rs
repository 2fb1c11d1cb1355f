//! Who looks for tasks and who rests, so that a submit calls a member only if none would look by itself.
//!
//! Who submits first makes the task visible, then asks [`Search::needs_help`]. A member that found nothing first
//! says that it rests, then that it searches no more, then looks once more. The steps are sequentially
//! consistent, so either the member sees the task, or the submitter sees that nobody searches and calls one.
//!
//! Who finds a task as the last one that searched may have been relied upon for another; so if there are more, it
//! calls somebody in its place.

use crossbeam_utils::CachePadded;

use crate::sync::{AtomicBool, AtomicUsize, Ordering, fence};

/// What the members of a crew share.
pub(crate) struct Search {
    /// How many members look for a task right now.
    searching: CachePadded<AtomicUsize>,
    /// How many rest, so that nobody looks for them in vain.
    resting: CachePadded<AtomicUsize>,
}

/// Whether a member rests: it looks for nothing until it is called.
pub(crate) struct Rest(AtomicBool);

impl Rest {
    pub(crate) fn new() -> Rest {
        Rest(AtomicBool::new(false))
    }

    pub(crate) fn is_on(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Search {
    pub(crate) fn new() -> Search {
        let none = || CachePadded::new(AtomicUsize::new(0));
        Search { searching: none(), resting: none() }
    }

    /// For who has made a task visible: whether a member at rest must be called for it.
    pub(crate) fn needs_help(&self) -> bool {
        fence(Ordering::SeqCst);
        self.searching.load(Ordering::SeqCst) == 0 && self.resting.load(Ordering::SeqCst) != 0
    }

    /// A member begins to look.
    pub(crate) fn begin(&self) {
        self.searching.fetch_add(1, Ordering::SeqCst);
    }

    /// It found a task. Whether nobody else searches: others may have relied on it.
    pub(crate) fn found(&self) -> bool {
        self.searching.fetch_sub(1, Ordering::SeqCst) == 1
    }

    /// It found nothing, and rests. False if it must search on: there is work after all.
    pub(crate) fn rest(&self, rest: &Rest, has_work: impl FnOnce() -> bool) -> bool {
        self.resting.fetch_add(1, Ordering::SeqCst);
        rest.0.swap(true, Ordering::SeqCst);
        self.searching.fetch_sub(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let goes_on = has_work() && self.call(rest);
        if goes_on {
            self.begin();
        }
        !goes_on
    }

    /// Ends a member's rest. Whether the caller, of all who ask, is the one that must make it look.
    pub(crate) fn call(&self, rest: &Rest) -> bool {
        // Nothing is written by who comes too late: it could hide the next rest.
        let end = || rest.0.compare_exchange(true, false, Ordering::SeqCst, Ordering::SeqCst);
        let called = rest.is_on() && end().is_ok();
        if called {
            self.resting.fetch_sub(1, Ordering::SeqCst);
        }
        called
    }
}

#[cfg(all(test, mcp_event_loom))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc;

    /// A crew whose tasks are a number, and whose members are called by being counted.
    struct Crew {
        tasks: AtomicUsize,
        search: Search,
        rests: Vec<Rest>,
        calls: AtomicUsize,
        done: AtomicUsize,
    }

    impl Crew {
        fn new(members: usize) -> Arc<Crew> {
            Arc::new(Crew {
                tasks: AtomicUsize::new(0),
                search: Search::new(),
                rests: (0..members).map(|_| Rest::new()).collect(),
                calls: AtomicUsize::new(0),
                done: AtomicUsize::new(0),
            })
        }

        fn call_one(&self) {
            if self.rests.iter().any(|rest| self.search.call(rest)) {
                self.calls.fetch_add(1, Ordering::SeqCst);
            }
        }

        fn submit(&self) {
            // As weak as a queue may be.
            self.tasks.fetch_add(1, Ordering::Release);
            if self.search.needs_help() {
                self.call_one();
            }
        }

        fn has_work(&self) -> bool {
            self.tasks.load(Ordering::Acquire) != 0
        }

        fn take(&self) -> bool {
            let less = |tasks: usize| tasks.checked_sub(1);
            self.tasks.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).is_ok()
        }

        /// A member's turn: works until it rests.
        fn turn(&self, member: usize) {
            self.search.begin();
            loop {
                if self.take() {
                    if self.search.found() && self.has_work() {
                        self.call_one();
                    }
                    self.done.fetch_add(1, Ordering::SeqCst);
                    self.search.begin();
                } else if self.search.rest(&self.rests[member], || self.has_work()) {
                    return;
                }
            }
        }
    }

    fn check(model: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(model);
    }

    /// After all have rested, each task was done, or somebody was called who will do it.
    fn assert_nothing_forgotten(crew: &Crew, submitted: usize) {
        let (done, calls) = (crew.done.load(Ordering::SeqCst), crew.calls.load(Ordering::SeqCst));
        assert!(done == submitted || calls > 0, "{done} of {submitted} done, and nobody was called");
        let called = crew.rests.iter().filter(|rest| !rest.is_on()).count();
        assert_eq!(crew.search.resting.load(Ordering::SeqCst), crew.rests.len() - called);
        assert_eq!(crew.search.searching.load(Ordering::SeqCst), 0);
        assert!(!crew.has_work() || called > 0, "all rest, and a task is left");
    }

    #[test]
    fn loom_no_member_rests_over_a_task() {
        check(|| {
            let crew = Crew::new(1);
            let submitters: Vec<_> = (0..2)
                .map(|_| {
                    let crew = crew.clone();
                    loom::thread::spawn(move || crew.submit())
                })
                .collect();
            crew.turn(0);
            submitters.into_iter().for_each(|submitter| submitter.join().unwrap());
            assert_nothing_forgotten(&crew, 2);
        });
    }

    #[test]
    fn loom_of_two_members_one_sees_a_task() {
        check(|| {
            let crew = Crew::new(2);
            let members: Vec<_> = (0..2)
                .map(|member| {
                    let crew = crew.clone();
                    loom::thread::spawn(move || crew.turn(member))
                })
                .collect();
            crew.submit();
            members.into_iter().for_each(|member| member.join().unwrap());
            assert_nothing_forgotten(&crew, 1);
        });
    }
}
