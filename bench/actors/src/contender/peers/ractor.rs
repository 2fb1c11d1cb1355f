//! Ractor: actors that are tasks, with four channels each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::rpc::CallResult;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};

use super::runtime::{Background, Flavor};
use super::{BATCH, BURST, Contender, Countdown, Tally, from_threads, until};

pub struct Ractor(pub Flavor);

enum Message {
    Count,
    Get(RpcReplyPort<usize>),
}

struct Counter;

struct State {
    tally: Tally,
    sender: Option<ActorRef<ActorRef<Message>>>,
}

impl Actor for Counter {
    type Msg = Message;
    type State = State;
    type Arguments = State;

    async fn pre_start(&self, _: ActorRef<Message>, state: State) -> Result<State, ActorProcessingErr> {
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Get(reply) => reply.send(state.tally.left)?,
            Message::Count => {
                if state.tally.count()
                    && let Some(sender) = &state.sender
                {
                    sender.cast(myself).expect("the sender lives");
                }
            }
        }
        Ok(())
    }
}

struct Sender;

impl Actor for Sender {
    type Msg = ActorRef<Message>;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        counter: ActorRef<Message>,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        for _ in 0..BURST {
            counter.cast(Message::Count).expect("the counter lives");
        }
        Ok(())
    }
}

struct Idle;

impl Actor for Idle {
    type Msg = ();
    type State = Arc<Countdown>;
    type Arguments = Arc<Countdown>;

    async fn pre_start(
        &self,
        _: ActorRef<()>,
        countdown: Arc<Countdown>,
    ) -> Result<Arc<Countdown>, ActorProcessingErr> {
        countdown.count();
        Ok(countdown)
    }

    async fn handle(
        &self,
        _: ActorRef<()>,
        (): (),
        countdown: &mut Arc<Countdown>,
    ) -> Result<(), ActorProcessingErr> {
        countdown.count();
        Ok(())
    }
}

async fn start<A: Actor>(actor: A, arguments: A::Arguments) -> ActorRef<A::Msg> {
    Actor::spawn(None, actor, arguments).await.expect("an actor starts").0
}

async fn ask(counter: &ActorRef<Message>) -> usize {
    match counter.call(Message::Get, None).await {
        Ok(CallResult::Success(left)) => left,
        _ => panic!("it replies"),
    }
}

impl Contender for Ractor {
    fn name(&self) -> &str {
        match self.0 {
            Flavor::CurrentThread => "ractor, current thread",
            Flavor::MultiThread => "ractor, multi thread",
        }
    }

    fn tell_here(&self, messages: usize) -> Option<Duration> {
        let background = Background::new(self.0);
        let (tally, end) = Tally::new(messages);
        let start = background.runtime.handle().block_on(async {
            let sender = start(Sender, ()).await;
            let counter = start(Counter, State { tally, sender: Some(sender.clone()) }).await;
            let start = Instant::now();
            sender.cast(counter).expect("the sender lives");
            start
        });
        Some(until(&end, start))
    }

    fn tell_from(&self, threads: usize, messages: usize) -> Duration {
        let background = Background::new(self.0);
        let (tally, end) = Tally::new(messages);
        let counter = background.runtime.handle().block_on(start(Counter, State { tally, sender: None }));
        let start = from_threads(threads, messages, |share| {
            for _ in 0..share {
                counter.cast(Message::Count).expect("the counter lives");
            }
        });
        until(&end, start)
    }

    fn ask(&self, requests: usize) -> Option<Duration> {
        let (tally, _) = Tally::new(0);
        Some(self.0.run(async move {
            let counter = start(Counter, State { tally, sender: None }).await;
            let start = Instant::now();
            for _ in 0..requests {
                ask(&counter).await;
            }
            start.elapsed()
        }))
    }

    fn ask_blocking(&self, requests: usize) -> Option<Duration> {
        let background = Background::new(self.0);
        let handle = background.runtime.handle();
        let counter = handle.block_on(start(Counter, State { tally: Tally::new(0).0, sender: None }));
        let start = Instant::now();
        for _ in 0..requests {
            handle.block_on(ask(&counter));
        }
        Some(start.elapsed())
    }

    fn spawn(&self, actors: usize) -> Duration {
        let background = Background::new(self.0);
        let (countdown, end) = Countdown::new(actors);
        let begin = Instant::now();
        let spawning = background.runtime.spawn(async move {
            let mut all = Vec::with_capacity(actors);
            for _ in 0..actors {
                all.push(start(Idle, countdown.clone()).await);
            }
            all
        });
        let took = until(&end, begin);
        drop(background.runtime.handle().block_on(spawning));
        took
    }

    fn hold_idle(&self, actors: usize, meanwhile: &mut dyn FnMut()) {
        let background = Background::new(self.0);
        let mut all = Vec::with_capacity(actors);
        while all.len() < actors {
            let batch = BATCH.min(actors - all.len());
            let (countdown, end) = Countdown::new(2 * batch);
            for _ in 0..batch {
                let actor = background.runtime.handle().block_on(start(Idle, countdown.clone()));
                actor.cast(()).expect("the actor lives");
                all.push(actor);
            }
            end.recv().expect("all handle their message");
        }
        meanwhile();
    }
}
