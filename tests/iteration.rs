//! The order of an iteration, against a model: random scripts of callbacks that start and cancel each other.

mod common;

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::*;
use mcp_event::{FileReady, Handle, Trigger};
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
enum Kind {
    Post,
    DeferredDelete,
    CurrentIteration,
    NextIteration,
    Activation,
    Timer { delay: u32 },
}

/// A callback, and what it does in turn.
#[derive(Debug, Clone)]
struct Work {
    kind: Kind,
    then: Vec<Action>,
}

#[derive(Debug, Clone)]
enum Action {
    Start(Work),
    /// Destroys the handle of the work started as the n-th, modulo their number.
    Cancel(usize),
}

#[derive(Debug, Clone)]
enum Step {
    Do(Action),
    Advance(u32),
    Run,
}

/// Who ran, by the number of its start, and in which iteration.
type Trace = Vec<(usize, u64)>;

/// The dispatcher at work.
struct Real {
    handle: Handle,
    reader: PipeReader,
    state: Mutex<RealState>,
}

#[derive(Default)]
struct RealState {
    handles: Vec<Option<Box<dyn Send>>>,
    trace: Trace,
}

impl Real {
    fn act(self: &Arc<Real>, action: &Action) {
        match action {
            Action::Start(work) => self.start(work),
            Action::Cancel(n) => {
                let mut state = self.state.lock().unwrap();
                let started = state.handles.len().max(1);
                let cancelled = state.handles.get_mut(n % started).map(Option::take);
                drop(state);
                drop(cancelled);
            }
        }
    }

    fn start(self: &Arc<Real>, work: &Work) {
        let number = {
            let mut state = self.state.lock().unwrap();
            state.handles.push(None);
            state.handles.len() - 1
        };
        let (me, then) = (self.clone(), work.then.clone());
        let run = move || {
            me.state.lock().unwrap().trace.push((number, me.handle.stats().iterations));
            then.iter().for_each(|action| me.act(action));
        };
        let handle: Option<Box<dyn Send>> = match work.kind {
            Kind::Post => {
                self.handle.post(run).unwrap();
                None
            }
            Kind::DeferredDelete => {
                self.handle.deferred_delete(OnDrop::boxed(run));
                None
            }
            Kind::CurrentIteration => {
                let callback = self.handle.create_schedulable_callback(run);
                callback.schedule_current_iteration();
                Some(Box::new(callback))
            }
            Kind::NextIteration => {
                let callback = self.handle.create_schedulable_callback(run);
                callback.schedule_next_iteration();
                Some(Box::new(callback))
            }
            Kind::Activation => {
                let fd = self.reader.os_fd();
                let event = self
                    .handle
                    .create_file_event(fd, Trigger::Edge, FileReady::NONE, move |_| run())
                    .unwrap();
                event.activate(FileReady::READ).unwrap();
                Some(Box::new(event))
            }
            Kind::Timer { delay } => {
                let timer = self.handle.create_timer(run);
                timer.enable(MS * delay);
                Some(Box::new(timer))
            }
        };
        self.state.lock().unwrap().handles[number] = handle;
    }
}

/// Work that waits: its number, and what it does then.
type Queue = VecDeque<(usize, Vec<Action>)>;

/// The same, as the order of an iteration is documented.
#[derive(Default)]
struct Model {
    now: u32,
    started: usize,
    iteration: u64,
    posts: Queue,
    deferred: Queue,
    current: Queue,
    current_due: Queue,
    next: Queue,
    next_due: Queue,
    activated: Queue,
    activations_due: Queue,
    /// By deadline, then in the order of arming.
    timers: Vec<(u32, (usize, Vec<Action>))>,
    expired: Queue,
    trace: Trace,
}

impl Model {
    fn act(&mut self, action: &Action) {
        match action {
            Action::Start(work) => self.start(work),
            Action::Cancel(n) => {
                let cancelled = n % self.started.max(1);
                let handles = [
                    &mut self.current,
                    &mut self.current_due,
                    &mut self.next,
                    &mut self.next_due,
                    &mut self.activated,
                    &mut self.activations_due,
                    &mut self.expired,
                ];
                handles.into_iter().for_each(|queue| queue.retain(|work| work.0 != cancelled));
                self.timers.retain(|timer| timer.1.0 != cancelled);
            }
        }
    }

    fn start(&mut self, work: &Work) {
        let item = (self.started, work.then.clone());
        self.started += 1;
        match work.kind {
            Kind::Post => self.posts.push_back(item),
            Kind::DeferredDelete => self.deferred.push_back(item),
            Kind::CurrentIteration => self.current.push_back(item),
            Kind::NextIteration => self.next.push_back(item),
            Kind::Activation => self.activated.push_back(item),
            Kind::Timer { delay } => {
                self.timers.push((self.now + delay, item));
                self.timers.sort_by_key(|timer| timer.0);
            }
        }
    }

    fn run_one(&mut self, (number, then): (usize, Vec<Action>)) {
        self.trace.push((number, self.iteration));
        then.iter().for_each(|action| self.act(action));
    }

    /// Runs what is in a queue, also while it shrinks.
    fn drain(&mut self, queue: fn(&mut Model) -> &mut Queue) {
        while let Some(work) = queue(self).pop_front() {
            self.run_one(work);
        }
    }

    fn flush_deferred(&mut self) {
        mem::take(&mut self.deferred).into_iter().for_each(|work| self.run_one(work));
    }

    fn tail(&mut self) {
        while !(self.posts.is_empty() && self.deferred.is_empty() && self.current.is_empty()) {
            let batch = self.posts.len();
            self.flush_deferred();
            for _ in 0..batch {
                let post = self.posts.pop_front().expect("nobody takes posts back");
                self.run_one(post);
            }
            self.flush_deferred();
            self.current_due = mem::take(&mut self.current);
            self.drain(|model| &mut model.current_due);
        }
    }

    fn iterate(&mut self) {
        self.iteration += 1;
        let due = self.timers.partition_point(|timer| timer.0 <= self.now);
        self.expired = self.timers.drain(..due).map(|timer| timer.1).collect();
        self.activations_due = mem::take(&mut self.activated);
        self.next_due = mem::take(&mut self.next);
        self.drain(|model| &mut model.expired);
        self.drain(|model| &mut model.activations_due);
        self.drain(|model| &mut model.next_due);
    }

    fn run(&mut self) {
        self.tail();
        loop {
            self.iterate();
            self.tail();
            let is_due = self.timers.first().is_some_and(|timer| timer.0 <= self.now);
            if self.next.is_empty() && self.activated.is_empty() && !is_due {
                return;
            }
        }
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Post),
        Just(Kind::DeferredDelete),
        Just(Kind::CurrentIteration),
        Just(Kind::NextIteration),
        Just(Kind::Activation),
        (0u32..3).prop_map(|delay| Kind::Timer { delay }),
    ]
}

fn action(work: impl Strategy<Value = Work>) -> impl Strategy<Value = Action> {
    prop_oneof![5 => work.prop_map(Action::Start), 1 => (0usize..64).prop_map(Action::Cancel)]
}

/// At most five deep, so that one non-blocking run sees the end of each chain.
fn work() -> impl Strategy<Value = Work> {
    kind().prop_map(|kind| Work { kind, then: Vec::new() }).prop_recursive(5, 24, 4, |inner| {
        (kind(), proptest::collection::vec(action(inner), 0..4)).prop_map(|(kind, then)| Work { kind, then })
    })
}

fn script() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => action(work()).prop_map(Step::Do),
        1 => (0u32..3).prop_map(Step::Advance),
        2 => Just(Step::Run),
    ];
    proptest::collection::vec(step, 1..12)
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn an_iteration_keeps_its_documented_order(script in script()) {
        let (dispatcher, clock) = simulated();
        let (reader, _writer) = pipe();
        let real = Arc::new(Real { handle: dispatcher.handle(), reader, state: Mutex::default() });
        let mut model = Model::default();
        let ending = [Step::Run, Step::Advance(10), Step::Run];
        for step in script.into_iter().chain(ending) {
            match step {
                Step::Do(action) => {
                    real.act(&action);
                    model.act(&action);
                }
                Step::Advance(by) => {
                    clock.advance(MS * by);
                    model.now += by;
                }
                Step::Run => {
                    pump(&dispatcher);
                    model.run();
                    prop_assert_eq!(&real.state.lock().unwrap().trace, &model.trace);
                }
            }
        }
        prop_assert_eq!(dispatcher.next_timeout(), None::<Duration>);
        let handles = mem::take(&mut real.state.lock().unwrap().handles);
        drop(handles);
        // Every closure is gone: what is left is ours.
        prop_assert_eq!(Arc::strong_count(&real), 1);
    }
}
