//! What is measured of each library of actors, and what the measurements share.

mod ours;
#[cfg(feature = "peers")]
mod peers;

pub use self::ours::Ours;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// A library of actors. `None` for what it has not.
pub trait Contender {
    fn name(&self) -> &str;

    /// An actor tells another one of its thread `messages`, in bursts of [`BURST`]; how long until the last is
    /// handled.
    fn tell_here(&self, messages: usize) -> Option<Duration>;

    /// Threads that run no actors tell an actor on another thread `messages`; how long until the last is handled.
    fn tell_from(&self, threads: usize, messages: usize) -> Duration;

    /// A task or actor asks an actor of its own thread, awaiting each reply.
    fn ask(&self, requests: usize) -> Option<Duration>;

    /// A thread that runs no actors asks one on another thread, and blocks for each reply.
    fn ask_blocking(&self, requests: usize) -> Option<Duration>;

    /// An actor or task makes so many actors; how long until all have started.
    fn spawn(&self, actors: usize) -> Duration;

    /// From nothing to the first reply of the first actor.
    fn start(&self) -> Duration {
        let start = Instant::now();
        self.ask(1);
        start.elapsed()
    }

    /// So many actors, each of which has handled one message and which are known by one reference, exist while
    /// `meanwhile` is called.
    fn hold_idle(&self, actors: usize, meanwhile: &mut dyn FnMut());

    /// As [`Contender::tell_here`], to one of so many actors each time, as chance has it.
    fn tell_random(&self, _actors: usize, _messages: usize) -> Option<Duration> {
        None
    }

    /// How many actors it is measured with where they get more and more; 0: not at all.
    fn crowd(&self) -> usize {
        0
    }

    /// How many actors it can hold.
    fn capacity(&self) -> usize {
        usize::MAX
    }
}

/// The name of this library's, on the default backend.
pub const OURS: &str = "mcp_event";

pub fn all() -> Vec<Box<dyn Contender>> {
    let mut all: Vec<Box<dyn Contender>> = vec![Box::new(Ours::on_default())];
    all.extend(Ours::on_others().map(|ours| Box::new(ours) as Box<dyn Contender>));
    #[cfg(feature = "peers")]
    all.extend(peers::all());
    all
}

/// How many messages an actor sends before it lets the receiver handle them.
const BURST: usize = 100;

/// How many actors are made before they are waited for, so that what is measured is actors, not queues.
const BATCH: usize = 1000;

/// Numbers below `below`, as chance has it, the same for all contenders: 64 bits of a linear congruence.
fn random(below: usize) -> impl FnMut() -> usize {
    let mut state = 1_u64;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % below
    }
}

/// Counts events on any thread, and notes when there were enough.
struct Countdown {
    left: AtomicUsize,
    done: SyncSender<Instant>,
}

impl Countdown {
    fn new(events: usize) -> (Arc<Countdown>, Receiver<Instant>) {
        let (done, end) = sync_channel(1);
        (Arc::new(Countdown { left: AtomicUsize::new(events), done }), end)
    }

    fn count(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.done.send(Instant::now()).expect("somebody waits for the end");
        }
    }
}

/// Counts the messages of one actor.
struct Tally {
    left: usize,
    done: SyncSender<Instant>,
}

impl Tally {
    fn new(messages: usize) -> (Tally, Receiver<Instant>) {
        let (done, end) = sync_channel(1);
        (Tally { left: messages, done }, end)
    }

    /// Whether the burst is over, and another one is due.
    fn count(&mut self) -> bool {
        self.left -= 1;
        if self.left == 0 {
            self.done.send(Instant::now()).expect("somebody waits for the end");
        }
        self.left.is_multiple_of(BURST) && self.left > 0
    }

    fn is_done(&self) -> bool {
        self.left == 0
    }
}

/// Waits for an end, and gives the time since `start`.
fn until(end: &Receiver<Instant>, start: Instant) -> Duration {
    end.recv().expect("the last message is handled") - start
}

/// Has each of so many threads call `produce` with its share of `total`, all at once. When they began.
fn from_threads(threads: usize, total: usize, produce: impl Fn(usize) + Sync) -> Instant {
    let go = AtomicBool::new(false);
    thread::scope(|scope| {
        for number in 0..threads {
            let share = total / threads + usize::from(number < total % threads);
            let (go, produce) = (&go, &produce);
            scope.spawn(move || {
                while !go.load(Ordering::Acquire) {
                    thread::yield_now();
                }
                produce(share);
            });
        }
        let start = Instant::now();
        go.store(true, Ordering::Release);
        start
    })
}
