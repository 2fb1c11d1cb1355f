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

/// Waits for ever, but for the test's end.
#[inline(never)]
pub fn wait_for_the_database(answer: &mpsc::Receiver<()>) {
    soon(answer);
    black_box(());
}

/// Burns time until it is told to end.
#[inline(never)]
pub fn compute_for_ever(end: &AtomicBool) {
    while !end.load(Ordering::Relaxed) {
        std::hint::spin_loop();
    }
}

/// Allocates and frees without end.
#[inline(never)]
pub fn allocate_for_ever(end: &AtomicBool) {
    let mut held = Vec::new();
    for number in 0_usize.. {
        if end.load(Ordering::Relaxed) {
            return;
        }
        held.push(black_box(vec![number; 1 + number % 700]));
        if number % 97 == 0 {
            held.clear();
        }
    }
}

/// Runs `work` in a callback of the loop until this is dropped.
pub struct Busy {
    end: Arc<AtomicBool>,
}

impl Busy {
    pub fn with(background: &Background, work: fn(&AtomicBool)) -> Busy {
        let end = Arc::new(AtomicBool::new(false));
        let (begun, has_begun) = mpsc::channel();
        let told = end.clone();
        let body = move || {
            begun.send(()).unwrap();
            work(&told);
        };
        background.dispatcher.post(body).unwrap();
        soon(&has_begun);
        Busy { end }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
    }
}
