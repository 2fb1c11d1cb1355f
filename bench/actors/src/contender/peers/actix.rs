//! Actix: actors of the thread that their system runs on.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, System};

use super::{BATCH, BURST, Contender, Countdown, Tally, from_threads, until};

pub struct Actix;

#[derive(Message)]
#[rtype(result = "()")]
struct Count;

#[derive(Message)]
#[rtype(usize)]
struct Get;

/// Asks for another burst.
#[derive(Message)]
#[rtype(result = "()")]
struct Burst(Addr<Counter>);

struct Counter {
    tally: Tally,
    sender: Option<Addr<Sender>>,
}

impl Actor for Counter {
    type Context = Context<Counter>;
}

impl Handler<Count> for Counter {
    type Result = ();

    fn handle(&mut self, _: Count, context: &mut Context<Counter>) {
        if self.tally.count()
            && let Some(sender) = &self.sender
        {
            sender.do_send(Burst(context.address()));
        }
    }
}

impl Handler<Get> for Counter {
    type Result = usize;

    fn handle(&mut self, _: Get, _: &mut Context<Counter>) -> usize {
        self.tally.left
    }
}

struct Sender;

impl Actor for Sender {
    type Context = Context<Sender>;
}

impl Handler<Burst> for Sender {
    type Result = ();

    fn handle(&mut self, Burst(counter): Burst, _: &mut Context<Sender>) {
        (0..BURST).for_each(|_| counter.do_send(Count));
    }
}

struct Idle(Arc<Countdown>);

impl Actor for Idle {
    type Context = Context<Idle>;

    fn started(&mut self, _: &mut Context<Idle>) {
        self.0.count();
    }
}

impl Handler<Count> for Idle {
    type Result = ();

    fn handle(&mut self, _: Count, _: &mut Context<Idle>) {
        self.0.count();
    }
}

/// A system on a thread of its own.
struct Background {
    system: System,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    fn new() -> Background {
        let (started, has_started) = sync_channel(1);
        let thread = thread::spawn(move || {
            let runner = System::new();
            started.send(System::current()).expect("somebody waits for it");
            runner.run().expect("the system runs");
        });
        Background { system: has_started.recv().expect("the system starts"), thread: Some(thread) }
    }

    /// What `make` gives, called on the system's thread.
    fn call<T: Send + 'static>(&self, make: impl FnOnce() -> T + Send + 'static) -> T {
        let (made, result) = sync_channel(1);
        self.system.arbiter().spawn_fn(move || made.send(make()).expect("somebody waits for it"));
        result.recv().expect("the system runs")
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.system.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("no actor panics");
        }
    }
}

impl Contender for Actix {
    fn name(&self) -> &str {
        "actix"
    }

    fn tell_here(&self, messages: usize) -> Option<Duration> {
        let background = Background::new();
        let (tally, end) = Tally::new(messages);
        let start = background.call(move || {
            let sender = Sender.start();
            let counter = Counter { tally, sender: Some(sender.clone()) }.start();
            let start = Instant::now();
            sender.do_send(Burst(counter));
            start
        });
        Some(until(&end, start))
    }

    fn tell_from(&self, threads: usize, messages: usize) -> Duration {
        let background = Background::new();
        let (tally, end) = Tally::new(messages);
        let counter = background.call(|| Counter { tally, sender: None }.start());
        let start = from_threads(threads, messages, |share| {
            (0..share).for_each(|_| counter.do_send(Count));
        });
        until(&end, start)
    }

    fn ask(&self, requests: usize) -> Option<Duration> {
        let (tally, _) = Tally::new(0);
        Some(System::new().block_on(async move {
            let counter = Counter { tally, sender: None }.start();
            let start = Instant::now();
            for _ in 0..requests {
                counter.send(Get).await.expect("it replies");
            }
            start.elapsed()
        }))
    }

    fn ask_blocking(&self, _: usize) -> Option<Duration> {
        None
    }

    fn spawn(&self, actors: usize) -> Duration {
        let background = Background::new();
        let (countdown, end) = Countdown::new(actors);
        let (start, all) = background.call(move || {
            let start = Instant::now();
            let mut all = Vec::with_capacity(actors);
            for _ in 0..actors {
                all.push(Idle(countdown.clone()).start());
            }
            (start, all)
        });
        let took = until(&end, start);
        drop(all);
        took
    }

    fn hold_idle(&self, actors: usize, meanwhile: &mut dyn FnMut()) {
        let background = Background::new();
        let mut all = Vec::with_capacity(actors);
        while all.len() < actors {
            let batch = BATCH.min(actors - all.len());
            let (countdown, end) = Countdown::new(2 * batch);
            all.extend(background.call(move || {
                let made: Vec<_> = (0..batch).map(|_| Idle(countdown.clone()).start()).collect();
                made.iter().for_each(|actor| actor.do_send(Count));
                made
            }));
            end.recv().expect("all handle their message");
        }
        meanwhile();
    }
}
