//! The actors of this library, on each of its backends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_event::actor::{Actor, ActorRef, ActorResult, Context, ReplyTo, System};
use mcp_event::{BackendState, Dispatcher, RunType, WorkerOptions, backends};

use crate::counted::bench_counted;

use super::{BATCH, BURST, Contender, Countdown, OURS, Tally, from_threads, random, until};

/// On the backend that a loop has when nothing is said, or on another one.
pub struct Ours {
    name: String,
    backend: &'static str,
}

impl Ours {
    pub fn on_default() -> Ours {
        let dispatcher = Dispatcher::new("default").expect("a dispatcher starts");
        Ours { name: OURS.into(), backend: dispatcher.backend() }
    }

    /// One for each backend that works here, beside the default one.
    pub fn on_others() -> impl Iterator<Item = Ours> {
        let default = Ours::on_default().backend;
        let others = backends()
            .into_iter()
            .filter(move |it| it.name != default && matches!(it.state, BackendState::Works));
        others.map(|it| Ours { name: format!("{OURS}, {}", it.name), backend: it.name })
    }

    /// A system whose actors run while the calling thread runs the dispatcher.
    fn on_this_thread(&self) -> (Dispatcher, System) {
        let dispatcher = Dispatcher::builder("bench").backend(self.backend).build();
        let dispatcher = dispatcher.expect("a dispatcher starts");
        let system = System::builder().on([dispatcher.handle()]).build().expect("a system starts");
        (dispatcher, system)
    }

    fn on_worker(&self) -> System {
        let options = WorkerOptions { backend: Some(self.backend.into()), ..WorkerOptions::default() };
        System::builder().workers(1).worker_options(options).build().expect("a system starts")
    }
}

enum Message {
    Count,
    Get(ReplyTo<usize>),
}

/// Counts its messages; after each burst it asks the sender, if it has one, for another.
struct Counter {
    tally: Tally,
    sender: Option<ActorRef<ActorRef<Message>>>,
    exit: Option<mcp_event::Handle>,
}

impl Actor for Counter {
    type Message = Message;

    fn handle(&mut self, message: Message, context: &mut Context<'_, Self>) -> ActorResult {
        match message {
            Message::Get(reply) => reply.send(self.tally.left),
            Message::Count => {
                if self.tally.count()
                    && let Some(sender) = &self.sender
                {
                    sender.tell(context.myself())?;
                }
                if self.tally.is_done()
                    && let Some(dispatcher) = &self.exit
                {
                    dispatcher.exit();
                }
            }
        }
        Ok(())
    }
}

/// Sends a burst to whom it is told to.
struct Sender;

impl Actor for Sender {
    type Message = ActorRef<Message>;

    fn handle(&mut self, counter: ActorRef<Message>, _: &mut Context<'_, Self>) -> ActorResult {
        for _ in 0..BURST {
            counter.tell(Message::Count).expect("it takes messages");
        }
        Ok(())
    }
}

struct Idle(Arc<Countdown>);

impl Actor for Idle {
    type Message = ();

    fn started(&mut self, _: &mut Context<'_, Self>) -> ActorResult {
        self.0.count();
        Ok(())
    }

    fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> ActorResult {
        self.0.count();
        Ok(())
    }
}

/// Makes so many children, and ends the loop's run once these have started.
struct Parent {
    children: Vec<ActorRef<()>>,
    countdown: Arc<Countdown>,
    exit: mcp_event::Handle,
}

impl Actor for Parent {
    type Message = usize;

    fn handle(&mut self, actors: usize, context: &mut Context<'_, Self>) -> ActorResult {
        for _ in 0..actors {
            self.children.push(context.spawn(Idle(self.countdown.clone()))?);
        }
        self.exit.exit();
        Ok(())
    }
}

/// Tells one of many actors at a time, in bursts.
struct RandomTeller {
    idle: Vec<ActorRef<()>>,
    next: Box<dyn FnMut() -> usize + Send>,
    left: usize,
    exit: mcp_event::Handle,
}

impl Actor for RandomTeller {
    type Message = ();

    fn handle(&mut self, (): (), context: &mut Context<'_, Self>) -> ActorResult {
        for _ in 0..self.left.min(BURST) {
            self.idle[(self.next)()].tell(())?;
        }
        self.left -= self.left.min(BURST);
        match self.left {
            0 => self.exit.exit(),
            _ => context.myself().tell(())?,
        }
        Ok(())
    }
}

/// Runs until something calls `exit()`.
fn run_counted(dispatcher: &Dispatcher) {
    bench_counted(&mut || dispatcher.run(RunType::Block).expect("the loop runs"));
}

/// An actor on a worker that replies to [`Message::Get`].
fn replying(system: &System) -> ActorRef<Message> {
    let (tally, _) = Tally::new(0);
    system.spawn(Counter { tally, sender: None, exit: None }).expect("an actor starts")
}

impl Contender for Ours {
    fn name(&self) -> &str {
        &self.name
    }

    fn tell_here(&self, messages: usize) -> Option<Duration> {
        let (dispatcher, system) = self.on_this_thread();
        let (tally, end) = Tally::new(messages);
        let sender = system.spawn(Sender).expect("an actor starts");
        let exit = Some(dispatcher.handle());
        let counter = system.spawn(Counter { tally, sender: Some(sender.clone()), exit });
        sender.tell(counter.expect("an actor starts")).expect("it takes messages");
        let start = Instant::now();
        run_counted(&dispatcher);
        Some(until(&end, start))
    }

    fn tell_from(&self, threads: usize, messages: usize) -> Duration {
        let system = self.on_worker();
        let (tally, end) = Tally::new(messages);
        let counter = system.spawn(Counter { tally, sender: None, exit: None }).expect("an actor starts");
        let start = from_threads(threads, messages, |share| {
            for _ in 0..share {
                counter.tell(Message::Count).expect("it takes messages");
            }
        });
        until(&end, start)
    }

    fn ask(&self, requests: usize) -> Option<Duration> {
        let (dispatcher, system) = self.on_this_thread();
        let (counter, exit) = (replying(&system), dispatcher.handle());
        let mut task = dispatcher
            .spawn(async move {
                let start = Instant::now();
                for _ in 0..requests {
                    counter.ask(Message::Get).await.expect("it replies");
                }
                exit.exit();
                start.elapsed()
            })
            .expect("a task starts");
        run_counted(&dispatcher);
        Some(task.wait().expect("the task ends"))
    }

    fn ask_blocking(&self, requests: usize) -> Option<Duration> {
        let system = self.on_worker();
        let counter = replying(&system);
        let start = Instant::now();
        for _ in 0..requests {
            counter.ask(Message::Get).wait().expect("it replies");
        }
        Some(start.elapsed())
    }

    fn spawn(&self, actors: usize) -> Duration {
        let (dispatcher, system) = self.on_this_thread();
        let (countdown, end) = Countdown::new(actors);
        let children = Vec::with_capacity(actors);
        let parent = system.spawn(Parent { children, countdown, exit: dispatcher.handle() });
        parent.expect("an actor starts").tell(actors).expect("it takes messages");
        let start = Instant::now();
        run_counted(&dispatcher);
        until(&end, start)
    }

    fn tell_random(&self, actors: usize, messages: usize) -> Option<Duration> {
        let (dispatcher, system) = self.on_this_thread();
        let (countdown, end) = Countdown::new(actors + messages);
        let spawn = || system.spawn(Idle(countdown.clone())).expect("an actor starts");
        let idle = (0..actors).map(|_| spawn()).collect();
        let teller =
            RandomTeller { idle, next: Box::new(random(actors)), left: messages, exit: dispatcher.handle() };
        let teller = system.spawn(teller).expect("an actor starts");
        // All have started.
        dispatcher.exit();
        dispatcher.run(RunType::Block).expect("the loop runs");
        teller.tell(()).expect("it takes messages");
        let start = Instant::now();
        dispatcher.run(RunType::Block).expect("the loop runs");
        Some(until(&end, start))
    }

    /// What a poller is has no part in what many actors cost.
    fn crowd(&self) -> usize {
        if self.name == OURS { usize::MAX } else { 0 }
    }

    fn start(&self) -> Duration {
        let start = Instant::now();
        let system = self.on_worker();
        replying(&system).ask(Message::Get).wait().expect("it replies");
        start.elapsed()
    }

    fn hold_idle(&self, actors: usize, meanwhile: &mut dyn FnMut()) {
        let system = self.on_worker();
        let mut all = Vec::with_capacity(actors);
        while all.len() < actors {
            let batch = BATCH.min(actors - all.len());
            let (countdown, end) = Countdown::new(2 * batch);
            for _ in 0..batch {
                let actor = system.spawn(Idle(countdown.clone())).expect("an actor starts");
                actor.tell(()).expect("it takes messages");
                all.push(actor);
            }
            end.recv().expect("all handle their message");
        }
        meanwhile();
    }
}
