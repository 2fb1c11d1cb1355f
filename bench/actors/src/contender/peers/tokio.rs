//! Bare tasks, each with an unbounded channel: what actors on this runtime are made of.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::yield_now;

use super::runtime::{Background, Flavor};
use super::{BATCH, BURST, Contender, Countdown, Tally, from_threads, random, until};

pub struct Tasks(pub Flavor);

enum Message {
    Count,
    Get(oneshot::Sender<usize>),
}

async fn counter(
    mut tally: Tally,
    mut mailbox: UnboundedReceiver<Message>,
    sender: Option<UnboundedSender<()>>,
) {
    while let Some(message) = mailbox.recv().await {
        match message {
            Message::Get(reply) => drop(reply.send(tally.left)),
            Message::Count => {
                if tally.count()
                    && let Some(sender) = &sender
                {
                    sender.send(()).expect("the sender lives");
                }
            }
        }
    }
}

async fn sender(mut mailbox: UnboundedReceiver<()>, counter: UnboundedSender<Message>) {
    while let Some(()) = mailbox.recv().await {
        for _ in 0..BURST {
            counter.send(Message::Count).expect("the counter lives");
        }
    }
}

async fn idle(countdown: Arc<Countdown>, mut mailbox: UnboundedReceiver<()>) {
    countdown.count();
    while let Some(()) = mailbox.recv().await {
        countdown.count();
    }
}

/// An actor in the background that counts and replies.
fn counting(background: &Background, tally: Tally) -> UnboundedSender<Message> {
    let (address, mailbox) = unbounded_channel();
    background.runtime.spawn(counter(tally, mailbox, None));
    address
}

impl Contender for Tasks {
    fn name(&self) -> &str {
        match self.0 {
            Flavor::CurrentThread => "tokio task, current thread",
            Flavor::MultiThread => "tokio task, multi thread",
        }
    }

    fn tell_here(&self, messages: usize) -> Option<Duration> {
        let background = Background::new(self.0);
        let (tally, end) = Tally::new(messages);
        let (counter_address, counter_mailbox) = unbounded_channel();
        let (sender_address, sender_mailbox) = unbounded_channel();
        background.runtime.spawn(sender(sender_mailbox, counter_address));
        background.runtime.spawn(counter(tally, counter_mailbox, Some(sender_address.clone())));
        let start = Instant::now();
        sender_address.send(()).expect("the sender lives");
        Some(until(&end, start))
    }

    fn tell_from(&self, threads: usize, messages: usize) -> Duration {
        let background = Background::new(self.0);
        let (tally, end) = Tally::new(messages);
        let counter = counting(&background, tally);
        let start = from_threads(threads, messages, |share| {
            for _ in 0..share {
                counter.send(Message::Count).expect("the counter lives");
            }
        });
        until(&end, start)
    }

    fn ask(&self, requests: usize) -> Option<Duration> {
        let (tally, _) = Tally::new(0);
        Some(self.0.run(async move {
            let (address, mailbox) = unbounded_channel();
            tokio::spawn(counter(tally, mailbox, None));
            let start = Instant::now();
            for _ in 0..requests {
                let (reply, replied) = oneshot::channel();
                address.send(Message::Get(reply)).expect("the counter lives");
                replied.await.expect("it replies");
            }
            start.elapsed()
        }))
    }

    fn ask_blocking(&self, requests: usize) -> Option<Duration> {
        let background = Background::new(self.0);
        let counter = counting(&background, Tally::new(0).0);
        let start = Instant::now();
        for _ in 0..requests {
            let (reply, replied) = oneshot::channel();
            counter.send(Message::Get(reply)).expect("the counter lives");
            replied.blocking_recv().expect("it replies");
        }
        Some(start.elapsed())
    }

    fn spawn(&self, actors: usize) -> Duration {
        let background = Background::new(self.0);
        let (countdown, end) = Countdown::new(actors);
        let start = Instant::now();
        let spawning = background.runtime.spawn(async move {
            let mut all = Vec::with_capacity(actors);
            for _ in 0..actors {
                let (address, mailbox) = unbounded_channel();
                tokio::spawn(idle(countdown.clone(), mailbox));
                all.push(address);
            }
            all
        });
        let took = until(&end, start);
        drop(background.runtime.handle().block_on(spawning));
        took
    }

    fn tell_random(&self, actors: usize, messages: usize) -> Option<Duration> {
        let (countdown, end) = Countdown::new(actors + messages);
        let mut next = random(actors);
        Some(self.0.run(async move {
            let spawn = |_| {
                let (address, mailbox) = unbounded_channel();
                tokio::spawn(idle(countdown.clone(), mailbox));
                address
            };
            let all: Vec<_> = (0..actors).map(spawn).collect();
            yield_now().await;
            let start = Instant::now();
            for message in 1..=messages {
                all[next()].send(()).expect("the task lives");
                if message % BURST == 0 {
                    yield_now().await;
                }
            }
            loop {
                match end.try_recv() {
                    Ok(end) => return end - start,
                    Err(_) => yield_now().await,
                }
            }
        }))
    }

    fn crowd(&self) -> usize {
        match self.0 {
            Flavor::CurrentThread => 100_000,
            Flavor::MultiThread => 0,
        }
    }

    fn hold_idle(&self, actors: usize, meanwhile: &mut dyn FnMut()) {
        let background = Background::new(self.0);
        let mut all = Vec::with_capacity(actors);
        while all.len() < actors {
            let batch = BATCH.min(actors - all.len());
            let (countdown, end) = Countdown::new(2 * batch);
            for _ in 0..batch {
                let (address, mailbox) = unbounded_channel();
                background.runtime.spawn(idle(countdown.clone(), mailbox));
                address.send(()).expect("the task lives");
                all.push(address);
            }
            end.recv().expect("all handle their message");
        }
        meanwhile();
    }
}
