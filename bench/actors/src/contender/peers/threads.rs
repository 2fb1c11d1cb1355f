//! The plain way: an actor is a thread with a mailbox.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{Contender, Countdown, Tally, from_threads, until};

/// Threads with mailboxes of one kind.
pub struct Threads<K>(PhantomData<K>);

impl<K> Threads<K> {
    pub fn new() -> Self {
        Threads(PhantomData)
    }
}

/// A kind of mailbox.
pub trait Kind: 'static {
    const NAME: &'static str;
    type Mailbox<M: Send + 'static>: Mailbox<M>;
}

pub trait Mailbox<M>: Default + Send + Sync + 'static {
    fn send(&self, message: M);
    /// Waits for a message.
    fn receive(&self) -> M;
}

/// A queue behind a mutex, and a condition variable.
pub struct Locked;

impl Kind for Locked {
    const NAME: &'static str = "thread, mutex and condvar";
    type Mailbox<M: Send + 'static> = LockedQueue<M>;
}

pub struct LockedQueue<M> {
    queue: Mutex<VecDeque<M>>,
    arrived: Condvar,
}

impl<M> Default for LockedQueue<M> {
    fn default() -> Self {
        LockedQueue { queue: Mutex::default(), arrived: Condvar::new() }
    }
}

impl<M: Send + 'static> Mailbox<M> for LockedQueue<M> {
    fn send(&self, message: M) {
        self.queue.lock().expect("no actor panics").push_back(message);
        self.arrived.notify_one();
    }

    fn receive(&self) -> M {
        let mut queue = self.queue.lock().expect("no actor panics");
        loop {
            match queue.pop_front() {
                Some(message) => return message,
                None => queue = self.arrived.wait(queue).expect("no actor panics"),
            }
        }
    }
}

/// An unbounded channel of crossbeam's.
pub struct Crossbeam;

impl Kind for Crossbeam {
    const NAME: &'static str = "thread, crossbeam-channel";
    type Mailbox<M: Send + 'static> = Channel<M>;
}

pub struct Channel<M>(crossbeam_channel::Sender<M>, crossbeam_channel::Receiver<M>);

impl<M> Default for Channel<M> {
    fn default() -> Self {
        let (sender, receiver) = crossbeam_channel::unbounded();
        Channel(sender, receiver)
    }
}

impl<M: Send + 'static> Mailbox<M> for Channel<M> {
    fn send(&self, message: M) {
        self.0.send(message).expect("it is open: its receiver is beside it");
    }

    fn receive(&self) -> M {
        self.1.recv().expect("it is open: its sender is beside it")
    }
}

/// An actor; it ends when this is dropped.
struct Running<K: Kind, M: Send + 'static> {
    /// `None` ends the actor.
    mailbox: Arc<K::Mailbox<Option<M>>>,
    thread: Option<JoinHandle<()>>,
}

impl<K: Kind, M: Send + 'static> Drop for Running<K, M> {
    fn drop(&mut self) {
        self.mailbox.send(None);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("no actor panics");
        }
    }
}

fn spawn<K: Kind, M: Send + 'static>(
    started: impl FnOnce() + Send + 'static,
    mut handle: impl FnMut(M) + Send + 'static,
) -> Running<K, M> {
    let mailbox = Arc::new(K::Mailbox::default());
    let its = mailbox.clone();
    let thread = thread::spawn(move || {
        started();
        while let Some(message) = its.receive() {
            handle(message);
        }
    });
    Running { mailbox, thread: Some(thread) }
}

fn idle<K: Kind>(countdown: &Arc<Countdown>) -> Running<K, ()> {
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

impl<K: Kind> Contender for Threads<K> {
    fn name(&self) -> &str {
        K::NAME
    }

    fn tell_here(&self, _: usize) -> Option<Duration> {
        None
    }

    fn tell_from(&self, threads: usize, messages: usize) -> Duration {
        let (mut tally, end) = Tally::new(messages);
        let count = move |()| {
            tally.count();
        };
        let counter: Running<K, ()> = spawn(|| (), count);
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
        let answerer: Running<K, Arc<Slot>> = spawn(
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
        let _all: Vec<_> = (0..actors).map(|_| idle::<K>(&countdown)).collect();
        until(&end, start)
    }

    fn start(&self) -> Duration {
        let start = Instant::now();
        self.ask_blocking(1);
        start.elapsed()
    }

    fn hold_idle(&self, actors: usize, meanwhile: &mut dyn FnMut()) {
        let (countdown, end) = Countdown::new(2 * actors);
        let all: Vec<_> = (0..actors).map(|_| idle::<K>(&countdown)).collect();
        all.iter().for_each(|actor| actor.mailbox.send(Some(())));
        end.recv().expect("all handle their message");
        meanwhile();
    }

    /// Each is a thread.
    fn capacity(&self) -> usize {
        1000
    }
}
