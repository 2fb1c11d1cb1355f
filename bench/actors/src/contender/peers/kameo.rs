//! Kameo: actors that are tasks; here with unbounded mailboxes, as all others have.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kameo::Actor;
use kameo::actor::{ActorRef, Spawn};
use kameo::mailbox;
use kameo::message::{Context, Message};

use super::runtime::{Background, Flavor};
use super::{BATCH, BURST, Contender, Countdown, Tally, from_threads, until};

pub struct Kameo(pub Flavor);

struct Count;
struct Get;
/// Asks for another burst.
struct Burst(ActorRef<Counter>);

struct Counter {
    tally: Tally,
    sender: Option<ActorRef<Sender>>,
}

impl Actor for Counter {
    type Args = Counter;
    type Error = Infallible;

    async fn on_start(counter: Counter, _: ActorRef<Counter>) -> Result<Counter, Infallible> {
        Ok(counter)
    }
}

impl Message<Count> for Counter {
    type Reply = ();

    async fn handle(&mut self, _: Count, context: &mut Context<Counter, ()>) {
        if self.tally.count()
            && let Some(sender) = &self.sender
        {
            sender.tell(Burst(context.actor_ref().clone())).try_send().expect("the sender lives");
        }
    }
}

impl Message<Get> for Counter {
    type Reply = usize;

    async fn handle(&mut self, _: Get, _: &mut Context<Counter, usize>) -> usize {
        self.tally.left
    }
}

struct Sender;

impl Actor for Sender {
    type Args = Sender;
    type Error = Infallible;

    async fn on_start(sender: Sender, _: ActorRef<Sender>) -> Result<Sender, Infallible> {
        Ok(sender)
    }
}

impl Message<Burst> for Sender {
    type Reply = ();

    async fn handle(&mut self, Burst(counter): Burst, _: &mut Context<Sender, ()>) {
        for _ in 0..BURST {
            counter.tell(Count).try_send().expect("the counter lives");
        }
    }
}

struct Idle(Arc<Countdown>);

impl Actor for Idle {
    type Args = Arc<Countdown>;
    type Error = Infallible;

    async fn on_start(countdown: Arc<Countdown>, _: ActorRef<Idle>) -> Result<Idle, Infallible> {
        countdown.count();
        Ok(Idle(countdown))
    }
}

impl Message<Count> for Idle {
    type Reply = ();

    async fn handle(&mut self, _: Count, _: &mut Context<Idle, ()>) {
        self.0.count();
    }
}

fn start<A: Actor>(arguments: A::Args) -> ActorRef<A> {
    A::spawn_with_mailbox(arguments, mailbox::unbounded())
}

impl Contender for Kameo {
    fn name(&self) -> &str {
        match self.0 {
            Flavor::CurrentThread => "kameo, current thread",
            Flavor::MultiThread => "kameo, multi thread",
        }
    }

    fn tell_here(&self, messages: usize) -> Option<Duration> {
        let background = Background::new(self.0);
        let _entered = background.runtime.enter();
        let (tally, end) = Tally::new(messages);
        let sender = start::<Sender>(Sender);
        let counter = start::<Counter>(Counter { tally, sender: Some(sender.clone()) });
        let begin = Instant::now();
        sender.tell(Burst(counter)).try_send().expect("the sender lives");
        Some(until(&end, begin))
    }

    fn tell_from(&self, threads: usize, messages: usize) -> Duration {
        let background = Background::new(self.0);
        let _entered = background.runtime.enter();
        let (tally, end) = Tally::new(messages);
        let counter = start::<Counter>(Counter { tally, sender: None });
        let begin = from_threads(threads, messages, |share| {
            for _ in 0..share {
                counter.tell(Count).try_send().expect("the counter lives");
            }
        });
        until(&end, begin)
    }

    fn ask(&self, requests: usize) -> Option<Duration> {
        let (tally, _) = Tally::new(0);
        Some(self.0.run(async move {
            let counter = start::<Counter>(Counter { tally, sender: None });
            let begin = Instant::now();
            for _ in 0..requests {
                counter.ask(Get).await.expect("it replies");
            }
            begin.elapsed()
        }))
    }

    fn ask_blocking(&self, requests: usize) -> Option<Duration> {
        let background = Background::new(self.0);
        let counter = {
            let _entered = background.runtime.enter();
            start::<Counter>(Counter { tally: Tally::new(0).0, sender: None })
        };
        let begin = Instant::now();
        for _ in 0..requests {
            counter.ask(Get).blocking_send().expect("it replies");
        }
        Some(begin.elapsed())
    }

    fn spawn(&self, actors: usize) -> Duration {
        let background = Background::new(self.0);
        let (countdown, end) = Countdown::new(actors);
        let begin = Instant::now();
        let spawning = background.runtime.spawn(async move {
            let mut all = Vec::with_capacity(actors);
            for _ in 0..actors {
                all.push(start::<Idle>(countdown.clone()));
            }
            all
        });
        let took = until(&end, begin);
        drop(background.runtime.handle().block_on(spawning));
        took
    }

    fn hold_idle(&self, actors: usize, meanwhile: &mut dyn FnMut()) {
        let background = Background::new(self.0);
        let _entered = background.runtime.enter();
        let mut all = Vec::with_capacity(actors);
        while all.len() < actors {
            let batch = BATCH.min(actors - all.len());
            let (countdown, end) = Countdown::new(2 * batch);
            for _ in 0..batch {
                let actor = start::<Idle>(countdown.clone());
                actor.tell(Count).try_send().expect("the actor lives");
                all.push(actor);
            }
            end.recv().expect("all handle their message");
        }
        meanwhile();
    }
}
