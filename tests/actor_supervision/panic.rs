//! User code that panics where it may hurt others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mcp_event::actor::{
    Actor, ActorResult, ActorState, Context, Event, Reason, Spec, Supervision, Supervisor, System,
};
use mcp_event::{Dispatcher, RunType, SimulatedClock};

use crate::stage::{Act, Part, SECOND, Stage, part};

#[test]
fn factories_hooks_and_destructors_that_panic_hurt_nobody_else() {
    struct Bomb;
    impl Actor for Bomb {
        type Message = ();
        fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> ActorResult {
            Err("on purpose".into())
        }
        fn stopped(&mut self, _: &Reason) {
            panic!("in stopped");
        }
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let clock = SimulatedClock::new();
    let dispatcher = Dispatcher::builder("stage").clock(&clock).build().unwrap();
    let hook = |_: &Event<'_>| panic!("in the event hook");
    let system = System::builder().on([dispatcher.handle()]).on_event(hook).build().unwrap();
    let run = || dispatcher.run(RunType::NonBlock).unwrap();
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let make = move || {
        assert_ne!(count.fetch_add(1, Ordering::SeqCst), 1, "in the factory");
        Bomb
    };
    let bomb = system.start(Spec::new(make).dead_letters(|()| panic!("in the dead letter hook"))).unwrap();
    bomb.when_ended(|_| panic!("in the callback for the end"));
    let ended = bomb.ended();
    run();
    bomb.tell(()).unwrap();
    run();
    assert_eq!((made.load(Ordering::SeqCst), bomb.state()), (3, ActorState::Running));
    bomb.tell(()).unwrap();
    bomb.stop_now();
    run();
    assert!(matches!(ended.wait(), Ok(Reason::Stopped)));
    assert_eq!(bomb.queue_depth(), 0);
}

#[test]
fn a_supervisor_whose_child_cannot_be_described_tries_again() {
    let stage = Stage::new();
    let (log, tries) = (stage.log.clone(), Arc::new(AtomicUsize::new(0)));
    let child = move || {
        assert_ne!(tries.fetch_add(1, Ordering::SeqCst), 0, "not yet");
        part(&log, "child")
    };
    stage.system.start(Supervisor::new().child(child).spec(Supervision::default()).name("team")).unwrap();
    let told = stage.run();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[1], "+child");
}

#[test]
fn a_tick_that_panics_is_the_actors_failure() {
    let stage = Stage::new();
    stage.system.start(stage.part("part")).unwrap();
    stage.run();
    let tick = |context: &mut Context<'_, Part>| {
        context.every(SECOND, || panic!("no message"));
    };
    stage.tell("part", Act::Do(Box::new(tick)));
    stage.run();
    assert_eq!(stage.advance(SECOND), ["part restarts: it panicked: no message", "+part"]);
}
