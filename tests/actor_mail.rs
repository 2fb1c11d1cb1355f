//! What actors of one loop send each other: it stays on that loop, and keeps the receiver alive until it is handled
//! or dropped.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use mcp_event::actor::{Actor, ActorRef, ActorResult, Context, System};
use mcp_event::{Dispatcher, Handle, RunType};

/// Counts its messages, and is counted by the `Arc` itself.
struct Receiver {
    handled: Arc<AtomicUsize>,
    _message: Arc<()>,
}

impl Actor for Receiver {
    type Message = Arc<()>;

    fn handle(&mut self, _: Arc<()>, context: &mut Context<'_, Self>) -> ActorResult {
        if self.handled.fetch_add(1, Ordering::Relaxed) == 0 {
            context.stop();
        }
        Ok(())
    }
}

type Then = Box<dyn FnMut(&ActorRef<Arc<()>>) + Send>;

/// Sends a burst to a new child, does what it was told to, and forgets the child.
struct Sender {
    handled: Arc<AtomicUsize>,
    message: Arc<()>,
    then: Then,
}

const BURST: usize = 100;

impl Actor for Sender {
    type Message = ();

    fn handle(&mut self, (): (), context: &mut Context<'_, Self>) -> ActorResult {
        let receiver = Receiver { handled: self.handled.clone(), _message: self.message.clone() };
        let child = context.spawn(receiver)?;
        for _ in 0..BURST {
            child.tell(self.message.clone())?;
        }
        assert_eq!(child.queue_depth(), BURST);
        (self.then)(&child);
        Ok(())
    }
}

struct Fixture {
    dispatcher: Dispatcher,
    system: System,
    handled: Arc<AtomicUsize>,
    /// Held once here, once by the sender, and by whatever lives of the receiver and its messages.
    message: Arc<()>,
}

/// A sender that is about to send its burst, once its loop runs.
fn sending(mut then: impl FnMut(&ActorRef<Arc<()>>, &Handle) + Send + 'static) -> Fixture {
    let dispatcher = Dispatcher::new("test").unwrap();
    let system = System::builder().on([dispatcher.handle()]).build().unwrap();
    let (handled, message) = (Arc::new(AtomicUsize::new(0)), Arc::new(()));
    let handle = dispatcher.handle();
    let then = Box::new(move |child: &ActorRef<_>| then(child, &handle));
    let sender = Sender { handled: handled.clone(), message: message.clone(), then };
    system.spawn(sender).unwrap().tell(()).unwrap();
    Fixture { dispatcher, system, handled, message }
}

#[test]
fn messages_outlive_the_end_of_their_receiver_and_are_dropped() {
    let it = sending(|_, _| ());
    it.dispatcher.run(RunType::NonBlock).unwrap();
    assert_eq!(it.handled.load(Ordering::Relaxed), 1, "it stops after the first");
    assert_eq!(Arc::strong_count(&it.message), 2);
    assert_eq!(it.system.tree().actors.len(), 1, "the sender alone");
}

#[test]
fn messages_of_a_loop_that_is_shut_down_are_dropped_and_counted() {
    let it = sending(|child, handle| {
        let before = child.queue_depth();
        handle.shutdown();
        assert_eq!((before, child.queue_depth()), (BURST, 0));
        assert!(child.tell(Arc::new(())).is_err(), "the loop takes nothing");
    });
    it.dispatcher.run(RunType::NonBlock).unwrap();
    assert_eq!(it.handled.load(Ordering::Relaxed), 0);
    assert_eq!(Arc::strong_count(&it.message), 2, "the receiver, whose start went too, is lost");
}

/// A run that ends with the burst queued, and nothing of it handled.
fn run_until_sent(dispatcher: &Dispatcher) {
    dispatcher.post(|| resume_unwind(Box::new("the run ends here"))).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| dispatcher.run(RunType::NonBlock))).is_err());
}

#[test]
fn messages_go_with_their_dispatcher() {
    let it = sending(|_, _| ());
    run_until_sent(&it.dispatcher);
    drop(it.dispatcher);
    assert_eq!(it.handled.load(Ordering::Relaxed), 0);
    assert_eq!(Arc::strong_count(&it.message), 2, "the receiver, whose start went too, is lost");
}

#[test]
fn a_loop_that_moves_to_another_thread_takes_its_messages_along() {
    let it = sending(|_, _| ());
    run_until_sent(&it.dispatcher);
    assert_eq!(it.handled.load(Ordering::Relaxed), 0);
    thread::scope(|scope| {
        scope.spawn(|| it.dispatcher.run(RunType::NonBlock).unwrap());
    });
    assert_eq!(it.handled.load(Ordering::Relaxed), 1);
    assert_eq!(Arc::strong_count(&it.message), 2);
}
