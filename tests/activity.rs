//! What a loop tells about what it is doing, and labels.

mod common;

use std::future;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use common::*;
use mcp_event::actor::{Actor, ActorResult, Context, System};
use mcp_event::{Activity, Dispatcher, Doing, FileReady, Handle, Label, Trigger};

/// A callback that logs what its loop says that it does.
fn ask(handle: &Handle, log: &Log<Doing>) -> impl FnMut() + Clone + Send + use<> {
    let (handle, log) = (handle.clone(), log.clone());
    move || log.add(handle.doing())
}

#[track_caller]
fn assert_logged(log: &Log<Doing>, activities: &[Activity]) {
    let logged: Vec<_> = log.take().into_iter().map(|doing| doing.activity).collect();
    assert_eq!(logged, activities);
}

#[test]
fn every_kind_of_callback_is_told() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let ask = ask(&dispatcher, &log);
    assert_eq!(dispatcher.doing().activity, Activity::NotRunning);
    let (reader, _writer) = pipe_with(b"x");
    let fd = reader.os_fd();
    let mut on_event = ask.clone();
    let event =
        dispatcher.create_file_event(fd, Trigger::Edge, FileReady::READ, move |_| on_event()).unwrap();
    let timer = dispatcher.create_timer(ask.clone());
    timer.enable(Duration::ZERO);
    let next = dispatcher.create_schedulable_callback(ask.clone());
    next.schedule_next_iteration();
    let signal = dispatcher.listen_for_signal(OTHER_SIGNAL, ask.clone()).unwrap();
    raise(OTHER_SIGNAL);
    dispatcher.post(ask.clone()).unwrap();
    dispatcher.deferred_delete(OnDrop::boxed(ask.clone()));
    pump(&dispatcher);
    #[allow(clippy::unnecessary_cast, reason = "wider on Windows")]
    let fd = fd as i32;
    let expected = [
        Activity::DeferredDelete,
        Activity::Post,
        Activity::Signal { signal: OTHER_SIGNAL },
        Activity::FileEvent { fd },
        Activity::Timer,
        Activity::Scheduled,
    ];
    assert_logged(&log, &expected);
    assert_eq!(dispatcher.doing().activity, Activity::NotRunning);
    drop((event, signal));
}

#[test]
fn a_poll_of_a_task_is_told() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let mut ask = ask(&dispatcher, &log);
    let task = dispatcher.spawn(future::poll_fn(move |_| {
        ask();
        Poll::Ready(())
    }));
    task.as_ref().unwrap().set_label(Label::new("a task").unwrap());
    pump(&dispatcher);
    let logged = log.take();
    assert_eq!(logged.len(), 1);
    assert_eq!((logged[0].activity, logged[0].label), (Activity::Task, Label::new("a task").ok()));
}

#[test]
fn destructors_of_handles_and_of_shut_down_posts_are_told() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let ask = ask(&dispatcher, &log);
    let slot = Slot::new();
    let (own, dies) = (slot.clone(), OnDrop::new(ask.clone()));
    let timer = dispatcher.create_timer(move || {
        let _keeps = &dies;
        own.destroy();
    });
    timer.enable(Duration::ZERO);
    slot.put(timer);
    pump(&dispatcher);
    assert_logged(&log, &[Activity::Destructor]);
    let dies = OnDrop::new(ask);
    dispatcher.post(move || drop(dies)).unwrap();
    dispatcher.shutdown();
    assert_logged(&log, &[Activity::Destructor]);
}

#[test]
fn what_clears_the_deferred_list_is_told_before_and_after() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let mut ask = ask(&dispatcher, &log);
    let handle = dispatcher.handle();
    in_one_iteration(&dispatcher, move || {
        handle.deferred_delete(OnDrop::boxed(ask.clone()));
        handle.clear_deferred_delete_list();
        ask();
    });
    assert_logged(&log, &[Activity::DeferredDelete, Activity::Post]);
}

/// Says what its loop does, and once more for a message to itself.
struct Asking(Log<Doing>);

impl Actor for Asking {
    type Message = (Handle, bool);

    fn handle(&mut self, (handle, again): (Handle, bool), context: &mut Context<'_, Self>) -> ActorResult {
        self.0.add(handle.doing());
        if again {
            context.loopback().tell((handle, false));
        }
        Ok(())
    }
}

#[test]
fn a_message_to_an_actor_is_told_by_whatever_way_it_came() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let system = System::builder().on([dispatcher.handle()]).build().unwrap();
    let actor = system.spawn(Asking(log.clone())).unwrap();
    pump(&dispatcher);
    actor.tell((dispatcher.handle(), true)).unwrap();
    pump(&dispatcher);
    assert_logged(&log, &[Activity::Message, Activity::Message]);
}

#[test]
fn another_thread_sees_what_runs_and_what_waits() {
    let background = Background::start(Dispatcher::new("seen").unwrap());
    let busy = background.keep_busy();
    assert_eq!(background.dispatcher.doing().activity, Activity::Post);
    drop(busy);
    while background.dispatcher.doing().activity != Activity::Waiting {
        thread::yield_now();
    }
}

#[test]
fn labels_name_handles_and_posts() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let label = |text| Label::new(text).unwrap();
    let ask = ask(&dispatcher, &log);
    let timer = dispatcher.create_timer(ask.clone());
    timer.set_label(label("of a timer"));
    timer.enable(Duration::ZERO);
    let next = dispatcher.create_schedulable_callback(ask.clone());
    next.set_label(label("of a callback"));
    next.schedule_next_iteration();
    dispatcher.post_labelled(label("of a post"), ask.clone()).unwrap();
    dispatcher.post(ask.clone()).unwrap();
    pump(&dispatcher);
    let texts: Vec<_> = log.take().iter().map(ToString::to_string).collect();
    let expected = ["post (of a post)", "post", "timer (of a timer)", "scheduled callback (of a callback)"];
    assert_eq!(texts, expected);
}

#[test]
fn a_labelled_post_that_is_refused_comes_back() {
    let dispatcher = dispatcher();
    dispatcher.shutdown();
    let log = Log::new();
    let refused = dispatcher.post_labelled(Label::new("refused").unwrap(), log.note("mine")).unwrap_err();
    let mut closure = refused.closure;
    closure();
    assert_eq!(log.take(), ["mine"]);
}

#[test]
fn a_label_may_change_from_any_thread_while_the_loop_runs() {
    let background = Background::start(Dispatcher::new("relabelled").unwrap());
    let (told, tells) = mpsc::channel();
    let handle = background.dispatcher.handle();
    let timer = background.dispatcher.create_timer(move || told.send(handle.doing()).unwrap());
    for text in ["first", "second"] {
        timer.set_label(Label::new(text).unwrap());
        timer.enable(Duration::ZERO);
        assert_eq!(soon(&tells).label.map(Label::text), Some(text));
    }
}
