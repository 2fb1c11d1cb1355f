//! A guard dog on simulated time, and loops for it to watch.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use mcp_event::guard_dog::{Builder, Event, GuardDog, Report};
use mcp_event::{Activity, Dispatcher, SimulatedClock};

use crate::common::*;

/// A guard dog that tests make scan, and what it told.
pub struct Stage {
    pub clock: SimulatedClock,
    pub dog: GuardDog,
    pub told: Log<String>,
}

impl Stage {
    /// A miss after 10 ms, a megamiss after 20 ms.
    pub fn new() -> Stage {
        Stage::with(|builder| builder)
    }

    pub fn with(settings: impl FnOnce(Builder) -> Builder) -> Stage {
        let (clock, told) = (SimulatedClock::new(), Log::new());
        let builder = GuardDog::builder().miss(10 * MS).megamiss(20 * MS).clock(&clock);
        let dog = settings(builder).build().unwrap();
        for event in Event::ALL {
            let told = told.clone();
            dog.on(event, move |report| told.add(in_short(report)));
        }
        Stage { clock, dog, told }
    }

    /// What is told after `time` has passed.
    pub fn after(&self, time: Duration) -> Vec<String> {
        self.clock.advance(time);
        self.dog.scan();
        self.told.take()
    }

    /// The report of the miss of what stands still now.
    pub fn report(&self) -> String {
        let text = Log::new();
        let log = text.clone();
        self.dog.on(Event::Miss, move |report| log.add(report.to_string()));
        self.clock.advance(11 * MS);
        self.dog.scan();
        text.take().concat()
    }
}

/// "miss worker_1 11ms".
pub fn in_short(report: &Report) -> String {
    let threads = report.threads.iter().map(|thread| format!(" {} {:?}", thread.name, thread.stuck_for));
    report.event.to_string() + &threads.collect::<String>()
}

/// A loop of this name that runs.
pub fn running(name: &str) -> Background {
    Background::start(Dispatcher::new(name).unwrap())
}

/// Waits until the loop waits.
pub fn fall_asleep(background: &Background) {
    while background.dispatcher.doing().activity != Activity::Waiting {
        std::thread::yield_now();
    }
}

/// Tells that it has begun, then waits for the test's end.
#[inline(never)]
pub fn wait_for_the_database(begun: &mpsc::Sender<()>, answer: &mpsc::Receiver<()>) {
    begun.send(()).unwrap();
    soon(answer);
    black_box(());
}

/// Work that goes on until the test's end.
#[derive(Default)]
pub struct Work {
    has_begun: AtomicBool,
    is_over: AtomicBool,
}

impl Work {
    pub fn goes_on(&self) -> bool {
        self.has_begun.store(true, Ordering::SeqCst);
        !self.is_over.load(Ordering::SeqCst)
    }
}

/// Burns time.
#[inline(never)]
pub fn compute_for_ever(work: &Work) {
    while work.goes_on() {
        std::hint::spin_loop();
    }
}

/// Allocates and frees.
#[inline(never)]
pub fn allocate_for_ever(work: &Work) {
    let mut held = Vec::new();
    for number in 0_usize.. {
        if number % 97 == 0 {
            held.clear();
        }
        if !work.goes_on() {
            return;
        }
        held.push(black_box(vec![number; 1 + number % 700]));
    }
}

/// Does the work of `with` in a callback of the loop until this is dropped.
pub struct Busy(Arc<Work>);

impl Busy {
    pub fn with(background: &Background, body: impl FnOnce(&Work) + Send + 'static) -> Busy {
        let work = Arc::new(Work::default());
        let shared = work.clone();
        background.dispatcher.post(move || body(&shared)).unwrap();
        while !work.has_begun.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        Busy(work)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::SeqCst);
    }
}
