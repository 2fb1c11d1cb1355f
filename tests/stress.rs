//! Threads that do everything to one dispatcher at once (promise H1): nothing is lost, run twice, or leaked.

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use common::*;
use mcp_event::{
    AsOsFd, Dispatcher, Error, FileEvent, FileReady, Handle, PeriodicTimer, RunType, SchedulableCallback,
    SignalEvent, SimulatedClock, Timer, Trigger,
};

/// A generator of small numbers, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// What every closure and object owns a share of: shows what was destroyed, and whether it was used after.
#[derive(Clone)]
struct Share(Arc<AtomicUsize>);

impl Share {
    fn new(alive: &Arc<AtomicUsize>) -> Share {
        alive.fetch_add(1, Ordering::Relaxed);
        Share(alive.clone())
    }

    fn touch(&self) {
        assert!(self.0.load(Ordering::Relaxed) > 0);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Handles that all threads use.
struct Shared {
    timer: Timer,
    periodic: PeriodicTimer,
    callback: SchedulableCallback,
    event: FileEvent,
}

impl Shared {
    fn new(on: &Handle, fd: &impl AsOsFd, alive: &Arc<AtomicUsize>) -> Shared {
        let shares = [(); 4].map(|()| Share::new(alive));
        let [first, second, third, fourth] = shares;
        let told = move |_| fourth.touch();
        Shared {
            timer: on.create_timer(move || first.touch()),
            periodic: on.create_periodic_timer(move || second.touch()),
            callback: on.create_schedulable_callback(move || third.touch()),
            event: on.create_file_event(fd.os_fd(), Trigger::Level, FileReady::READ, told).unwrap(),
        }
    }

    fn use_one(&self, random: &mut Random) {
        let delay = MS * random.below(3) as u32;
        match random.below(14) {
            0 => self.timer.enable(delay),
            1 => self.timer.disable(),
            2 => self.periodic.enable(delay),
            3 => self.periodic.disable(),
            4 => self.callback.schedule_current_iteration(),
            5 => self.callback.schedule_next_iteration(),
            6 => self.callback.cancel(),
            7 => self.event.activate(FileReady::READ | FileReady::WRITE).unwrap(),
            8 => self.event.set_enabled(FileReady::READ).unwrap(),
            9 => self.event.set_enabled(FileReady::NONE).unwrap(),
            10 => self.event.set_enabled(FileReady::WRITE | FileReady::CLOSED).unwrap(),
            11 => self.event.register_if_emulated_edge(FileReady::READ).unwrap(),
            12 => drop((self.timer.is_enabled(), self.periodic.is_enabled(), self.callback.is_enabled())),
            _ => self.event.unregister_if_emulated_edge(FileReady::READ).unwrap(),
        }
    }
}

/// Creates something that is due at once, and destroys it at once or soon.
fn create_one(on: &Handle, fd: &impl AsOsFd, random: &mut Random, alive: &Arc<AtomicUsize>) -> Box<dyn Send> {
    let share = Share::new(alive);
    match random.below(6) {
        0 => {
            let timer = on.create_timer(move || share.touch());
            timer.enable(Duration::ZERO);
            Box::new(timer)
        }
        1 => {
            let timer = on.create_periodic_timer(move || share.touch());
            timer.enable(MS);
            Box::new(timer)
        }
        2 => {
            let callback = on.create_schedulable_callback(move || share.touch());
            callback.schedule_current_iteration();
            Box::new(callback)
        }
        3 => {
            let callback = on.create_schedulable_callback(move || share.touch());
            callback.schedule_next_iteration();
            Box::new(callback)
        }
        4 => Box::new(on.listen_for_signal(SIGNAL, move || share.touch()).unwrap()),
        _ => {
            let triggers = [Trigger::Level, Trigger::Edge, Trigger::EmulatedEdge];
            let trigger = triggers[random.below(3) as usize];
            let told = move |_| share.touch();
            Box::new(on.create_file_event(fd.os_fd(), trigger, FileReady::READ, told).unwrap())
        }
    }
}

type Pipes = [(PipeReader, PipeWriter); 4];

/// What all threads share.
struct World {
    dispatcher: Dispatcher,
    clock: SimulatedClock,
    alive: Arc<AtomicUsize>,
    posts_run: Arc<AtomicUsize>,
    posts_accepted: AtomicUsize,
    /// So that a signal never kills.
    _listener: SignalEvent,
}

impl World {
    fn new() -> World {
        let (dispatcher, clock) = simulated();
        let (alive, posts_run) = Default::default();
        let _listener = dispatcher.listen_for_signal(SIGNAL, || ()).unwrap();
        World { dispatcher, clock, alive, posts_run, posts_accepted: AtomicUsize::new(0), _listener }
    }

    /// Returns the pipes it used, which events that die on the loop may still watch.
    fn hammer(&self, seed: u64, rounds: usize) -> Pipes {
        // Several: a poller that nests in a foreign loop can watch one only some fifty times at once.
        let pipes = [(); 4].map(|()| pipe_with(b"x"));
        let (mut random, mut kept) = (Random(seed), Vec::new());
        let shared = Shared::new(&self.dispatcher, &pipes[0].0, &self.alive);
        for _ in 0..rounds {
            let reader = &pipes[random.below(4) as usize].0;
            match random.below(12) {
                0..3 => self.post(),
                3 => self.dispatcher.deferred_delete(Box::new(Share::new(&self.alive))),
                4 => self.clock.advance(MS),
                // On Windows the C library forgets the handler until it runs: two that raise at once end the process.
                5 if cfg!(unix) => raise(SIGNAL),
                6 => {
                    let dog = Dog(Log::new());
                    self.dispatcher.register_watchdog(Arc::new(dog), MS * random.below(2) as u32);
                }
                7 => {
                    let handle = create_one(&self.dispatcher, reader, &mut random, &self.alive);
                    kept.push(handle);
                }
                8 => {
                    // Dies on the loop.
                    let handle = create_one(&self.dispatcher, reader, &mut random, &self.alive);
                    let _ = self.dispatcher.post(move || drop(handle));
                }
                9 if !kept.is_empty() => drop(kept.swap_remove(random.below(kept.len() as u64) as usize)),
                10 => self.dispatcher.clear_deferred_delete_list(),
                _ => shared.use_one(&mut random),
            }
        }
        drop((shared, kept));
        pipes
    }

    fn post(&self) {
        let (share, ran) = (Share::new(&self.alive), self.posts_run.clone());
        let post = move || {
            share.touch();
            ran.fetch_add(1, Ordering::Relaxed);
        };
        let accepted = self.dispatcher.post(post).is_ok();
        self.posts_accepted.fetch_add(usize::from(accepted), Ordering::Relaxed);
    }

    fn end(self, pipes: Vec<Pipes>) {
        self.dispatcher.unregister_watchdog();
        self.dispatcher.shutdown();
        drop(self.dispatcher);
        drop(pipes);
        assert_eq!(self.alive.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn h1_hammered_by_threads_while_it_runs() {
    let world = World::new();
    let pipes = thread::scope(|scope| {
        let runner = scope.spawn(|| world.dispatcher.run(RunType::Block));
        let hammer = |seed| {
            scope.spawn({
                let world = &world;
                move || world.hammer(seed, 4_000)
            })
        };
        let hammers = [1, 2, 3].map(hammer);
        let pipes = hammers.into_iter().map(|hammer| hammer.join().unwrap()).collect();
        world.dispatcher.exit();
        runner.join().unwrap().unwrap();
        pipes
    });
    // Nobody shut it down: every post ran, once.
    assert_eq!(world.posts_run.load(Ordering::Relaxed), world.posts_accepted.load(Ordering::Relaxed));
    world.end(pipes);
}

#[test]
fn h1_hammered_while_threads_run_it_leave_it_and_shut_it_down() {
    let (world, hammering) = (World::new(), AtomicBool::new(true));
    let pipes = thread::scope(|scope| {
        for how in [RunType::Block, RunType::RunUntilExit, RunType::NonBlock] {
            let (world, hammering) = (&world, &hammering);
            scope.spawn(move || {
                while hammering.load(Ordering::Relaxed) {
                    match world.dispatcher.run(how) {
                        Ok(()) => (),
                        Err(Error::InvalidState(_)) if how == RunType::NonBlock => thread::yield_now(),
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
        let leaver = scope.spawn(|| {
            let mut random = Random(99);
            while hammering.load(Ordering::Relaxed) {
                match random.below(8) {
                    0 => world.dispatcher.shutdown(),
                    _ => world.dispatcher.exit(),
                }
                thread::yield_now();
            }
        });
        let hammer = |seed| {
            scope.spawn({
                let world = &world;
                move || world.hammer(seed, 3_000)
            })
        };
        let results = [11, 12].map(hammer).map(|hammer| hammer.join());
        hammering.store(false, Ordering::Relaxed);
        leaver.join().unwrap();
        // Whoever is inside, or comes late, leaves.
        (0..3).for_each(|_| world.dispatcher.exit());
        results.into_iter().map(|result| result.unwrap()).collect()
    });
    assert!(world.posts_run.load(Ordering::Relaxed) <= world.posts_accepted.load(Ordering::Relaxed));
    world.end(pipes);
}

/// A handle that goes round from loop to loop, made on one and destroyed on the next.
struct Token {
    loops: Vec<Handle>,
    at: usize,
    left: usize,
    fd: Arc<PipeReader>,
    alive: Arc<AtomicUsize>,
    done: mpsc::Sender<()>,
}

impl Token {
    fn pass_on(mut self) {
        if self.left == 0 {
            return self.done.send(()).unwrap();
        }
        let made = create_one(&self.loops[self.at], &*self.fd, &mut Random(self.left as u64), &self.alive);
        self.left -= 1;
        self.at = (self.at + 1) % self.loops.len();
        let next = self.loops[self.at].clone();
        let receive = move || {
            drop(made);
            self.pass_on();
        };
        next.post(receive).unwrap();
    }
}

#[test]
fn h1_loops_destroy_what_others_made() {
    let alive = Arc::new(AtomicUsize::new(0));
    let backgrounds: Vec<_> = (0..3).map(|_| Background::start(dispatcher())).collect();
    let (reader, _writer) = pipe_with(b"x");
    let (fd, (done, all_done)) = (Arc::new(reader), mpsc::channel());
    for at in 0..3 {
        let loops = backgrounds.iter().map(|background| background.dispatcher.handle()).collect();
        let (fd, alive, done) = (fd.clone(), alive.clone(), done.clone());
        Token { loops, at, left: 300, fd, alive, done }.pass_on();
    }
    (0..3).for_each(|_| soon(&all_done));
    drop(backgrounds);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}
