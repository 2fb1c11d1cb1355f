//! How many handles of a dispatcher live.

mod common;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use common::*;
use mcp_event::actor::{Actor, ActorResult, Context, System};
use mcp_event::{FileReady, Trigger};

#[test]
fn every_kind_of_handle_counts_while_it_lives() {
    let dispatcher = dispatcher();
    let count = || dispatcher.handle_count();
    assert_eq!(count(), 0);
    let timer = dispatcher.create_timer(|| ());
    let periodic = dispatcher.create_periodic_timer(|| ());
    assert_eq!(count(), 2);
    let (reader, _writer) = pipe();
    let event =
        dispatcher.create_file_event(reader.os_fd(), Trigger::Level, FileReady::READ, |_| ()).unwrap();
    let callback = dispatcher.create_schedulable_callback(|| ());
    let signal = dispatcher.listen_for_signal(SIGNAL, || ()).unwrap();
    assert_eq!(count(), 5);
    drop((timer, periodic));
    assert_eq!(count(), 3);
    drop((event, callback, signal));
    assert_eq!(count(), 0);
}

#[test]
fn handles_count_from_every_thread() {
    let background = Background::start(dispatcher());
    let handle = background.dispatcher.handle();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                (0..200).for_each(|_| {
                    let timer = handle.create_timer(|| ());
                    timer.enable(Duration::ZERO);
                    assert!(handle.handle_count() >= 1);
                });
            });
        }
    });
    assert_eq!(handle.handle_count(), 0);
}

#[test]
fn a_handle_destroyed_in_its_own_callback_does_not_count() {
    let (dispatcher, slot) = (dispatcher(), Slot::new());
    let inside = slot.clone();
    slot.put(dispatcher.create_schedulable_callback(move || inside.destroy()));
    slot.with(|callback| callback.schedule_next_iteration());
    assert_eq!(dispatcher.handle_count(), 1);
    pump(&dispatcher);
    assert_eq!(dispatcher.handle_count(), 0);
}

#[test]
fn a_handle_that_is_refused_does_not_count() {
    let dispatcher = dispatcher();
    let refused = dispatcher.create_file_event(!0, Trigger::Level, FileReady::READ, |_| ());
    assert!(refused.is_err() && dispatcher.listen_for_signal(-1, || ()).is_err());
    assert_eq!(dispatcher.handle_count(), 0);
}

#[test]
fn the_watchdogs_own_timer_does_not_count() {
    let dispatcher = dispatcher();
    for _ in 0..2 {
        dispatcher.register_watchdog(Arc::new(Dog(Log::new())), MS);
        assert_eq!(dispatcher.handle_count(), 0);
    }
    dispatcher.unregister_watchdog();
    assert_eq!(dispatcher.handle_count(), 0);
}

#[test]
fn a_task_counts_until_it_is_done_and_let_go() {
    let dispatcher = dispatcher();
    let task = dispatcher.spawn(async {}).unwrap();
    assert_eq!(dispatcher.handle_count(), 1);
    pump(&dispatcher);
    drop(task);
    assert_eq!(dispatcher.handle_count(), 0);
}

struct Idle;

impl Actor for Idle {
    type Message = ();

    fn handle(&mut self, _: (), context: &mut Context<'_, Idle>) -> ActorResult {
        context.stop();
        Ok(())
    }
}

#[test]
fn an_actor_counts_until_it_has_ended() {
    let dispatcher = dispatcher();
    let system = System::builder().on([dispatcher.handle()]).build().unwrap();
    // The system keeps its time here.
    assert_eq!(dispatcher.handle_count(), 1);
    let actor = system.spawn(Idle).unwrap();
    assert_eq!(dispatcher.handle_count(), 2);
    pump(&dispatcher);
    actor.tell(()).unwrap();
    pump(&dispatcher);
    // The reference is no handle.
    assert_eq!(dispatcher.handle_count(), 1);
    drop((actor, system));
    pump(&dispatcher);
    assert_eq!(dispatcher.handle_count(), 0);
}
