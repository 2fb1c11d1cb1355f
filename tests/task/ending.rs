//! The dispatcher's end, and its limit.

use std::future::pending;

use mcp_event::task::TaskError;
use mcp_event::{Dispatcher, Refusal};

use crate::common::*;

#[test]
fn shutdown_and_destruction_destroy_tasks() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let spawn = |name| {
        let guard = log.on_drop(name);
        let work = async move {
            let _guard = guard;
            pending::<()>().await;
        };
        dispatcher.spawn(work).unwrap()
    };
    let mut begun = spawn("begun");
    pump(&dispatcher);
    let mut queued = spawn("queued");
    drop(spawn("detached"));
    dispatcher.shutdown();
    assert_eq!(log.take(), ["queued", "detached", "begun"]);
    assert_eq!((begun.wait(), queued.wait()), (Err(TaskError::Gone), Err(TaskError::Gone)));
    assert_eq!(dispatcher.spawn(async {}).unwrap_err(), Refusal::Closed);

    pump(&dispatcher);
    let guard = log.on_drop("revived");
    let mut task = dispatcher
        .spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        })
        .unwrap();
    pump(&dispatcher);
    let handle = dispatcher.handle();
    drop(dispatcher);
    assert_eq!(log.take(), ["revived"]);
    task.abort();
    assert_eq!(task.wait(), Err(TaskError::Gone));
    assert_eq!(handle.spawn(async {}).unwrap_err(), Refusal::Closed);
    assert_eq!(handle.spawn_local(|| async {}).unwrap_err(), Refusal::Closed);
}

#[test]
fn a_task_may_shut_down_its_dispatcher() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (handle, guard) = (dispatcher.handle(), log.on_drop("own"));
    let after = log.clone();
    let mut task = dispatcher
        .spawn(async move {
            let _guard = guard;
            handle.shutdown();
            after.add("goes on to its next wait");
            pending::<()>().await;
        })
        .unwrap();
    let other = log.on_drop("other");
    let _other = dispatcher.spawn(async move { drop((pending::<()>().await, other)) }).unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), ["other", "goes on to its next wait", "own"]);
    assert_eq!(task.wait(), Err(TaskError::Gone));
}

#[test]
fn a_full_queue_refuses_tasks() {
    let dispatcher = Dispatcher::builder("bounded").queue_bound(1).build().unwrap();
    let mut task = dispatcher.spawn(async { 7 }).unwrap();
    let refusal: Box<dyn std::error::Error> = dispatcher.spawn(async {}).unwrap_err().into();
    assert_eq!(refusal.to_string(), Refusal::Full.to_string());
    pump(&dispatcher);
    assert_eq!(task.wait(), Ok(7));
}
