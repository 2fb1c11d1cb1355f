//! The plain way: an actor is a thread, its mailbox a queue behind a mutex and a condition variable.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{Contender, Countdown, Tally, from_threads, until};

pub struct Threads;

struct Mailbox<M> {
    queue: Mutex<VecDeque<Option<M>>>,
    arrived: Condvar,
}

impl<M> Mailbox<M> {
    /// `None` ends the actor.
    fn send(&self, message: Option<M>) {
        self.queue.lock().expect("no actor panics").push_back(message);
        self.arrived.notify_one();
    }

    fn receive(&self) -> Option<M> {
        let mut queue = self.queue.lock().expect("no actor panics");
        loop {
            match queue.pop_front() {
                Some(message) => return message,
                None => queue = self.arrived.wait(queue).expect("no actor panics"),
            }
        }
    }
}

/// An actor; it ends when this is dropped.
struct Running<M> {
    mailbox: Arc<Mailbox<M>>,
    thread: Option<JoinHandle<()>>,
}

impl<M> Drop for Running<M> {
    fn drop(&mut self) {
        self.mailbox.send(None);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("no actor panics");
        }
    }
}

fn spawn<M: Send + 'static>(
    started: impl FnOnce() + Send + 'static,
    mut handle: impl FnMut(M) + Send + 'static,
) -> Running<M> {
    let mailbox = Arc::new(Mailbox { queue: Mutex::default(), arrived: Condvar::new() });
    let its = mailbox.clone();
    let thread = thread::spawn(move || {
        started();
        while let Some(message) = its.receive() {
            handle(message);
        }
    });
    Running { mailbox, thread: Some(thread) }
}

fn idle(countdown: &Arc<Countdown>) -> Running<()> {
    let (at_start, at_message) = (countdown.clone(), countdown.clone());
    spawn(move || at_start.count(), move |()| at_message.count())
}

struct Slot {
    reply: Mutex<Option<usize>>,
    replied: Condvar,
}

impl Slot {
    fn wait(&self) -> usize {
        let mut reply = self.reply.lock().expect("no actor panics");
        loop {
            match reply.take() {
                Some(reply) => return reply,
                None => reply = self.replied.wait(reply).expect("no actor panics"),
            }
        }
    }
}

impl Contender for Threads {
    fn name(&self) -> &'static str {
        "thread, mutex and condvar"
    }

    fn tell_here(&self, _: usize) -> Option<Duration> {
        None
    }

    fn tell_from(&self, threads: usize, messages: usize) -> Duration {
        let (mut tally, end) = Tally::new(messages);
        let count = move |()| {
            tally.count();
        };
        let counter = spawn(|| (), count);
        let start = from_threads(threads, messages, |share| {
            for _ in 0..share {
                counter.mailbox.send(Some(()));
            }
        });
        until(&end, start)
    }

    fn ask(&self, _: usize) -> Option<Duration> {
        None
    }

    fn ask_blocking(&self, requests: usize) -> Option<Duration> {
        let answerer = spawn(
            || (),
            |slot: Arc<Slot>| {
                *slot.reply.lock().expect("no actor panics") = Some(0);
                slot.replied.notify_one();
            },
        );
        let start = Instant::now();
        for _ in 0..requests {
            let slot = Arc::new(Slot { reply: Mutex::new(None), replied: Condvar::new() });
            answerer.mailbox.send(Some(slot.clone()));
            slot.wait();
        }
        Some(start.elapsed())
    }

    fn spawn(&self, actors: usize) -> Duration {
        let (countdown, end) = Countdown::new(actors);
        let start = Instant::now();
        let _all: Vec<_> = (0..actors).map(|_| idle(&countdown)).collect();
        until(&end, start)
    }

    fn start(&self) -> Duration {
        let start = Instant::now();
        self.ask_blocking(1);
        start.elapsed()
    }

    fn hold_idle(&self, actors: usize, meanwhile: &mut dyn FnMut()) {
        let (countdown, end) = Countdown::new(2 * actors);
        let all: Vec<_> = (0..actors).map(|_| idle(&countdown)).collect();
        all.iter().for_each(|actor| actor.mailbox.send(Some(())));
        end.recv().expect("all handle their message");
        meanwhile();
    }

    /// Each is a thread.
    fn capacity(&self) -> usize {
        1000
    }
}
