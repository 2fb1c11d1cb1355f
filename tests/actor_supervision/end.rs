//! Stopping: in order, in time, and completely.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use mcp_event::actor::{
    Actor, ActorResult, ActorState, Backoff, BoxError, Context, Event, Function, Placement, Reason, Spec,
    Stopping, Strategy, Supervision, Supervisor, System, Why,
};

use crate::common::Log;
use crate::stage::{Act, SECOND, Stage, part, stubborn};

#[test]
fn stopped_while_it_backs_off_it_stays_down() {
    let stage = Stage::with(Supervision::default().backoff(Backoff::exponential(SECOND, SECOND)));
    stage.system.start(stage.part("part")).unwrap();
    stage.run();
    let part = stage.find("part");
    part.tell(Act::Fail).unwrap();
    part.tell(Act::Note("unheard")).unwrap();
    assert_eq!(stage.run(), ["part restarts: it failed: oh"]);
    part.stop();
    assert_eq!(stage.run(), ["a dead letter for part"]);
    assert_eq!((part.state(), part.queue_depth()), (ActorState::Stopped, 0));
    assert!(stage.advance(SECOND * 10).is_empty());
    // Its name is free.
    stage.system.start(stage.part("part")).unwrap();
}

#[test]
fn a_system_that_stops_ends_those_that_back_off() {
    let stage = Stage::with(Supervision::default().backoff(Backoff::exponential(SECOND, SECOND)));
    let ended = stage.system.start(stage.part("part")).unwrap().ended();
    stage.tell("part", Act::Fail);
    stage.run();
    stage.system.begin_stop();
    assert!(!stage.system.wait_stopped(Duration::ZERO));
    stage.run();
    assert!(stage.system.wait_stopped(Duration::ZERO));
    assert!(matches!(ended.wait(), Ok(Reason::Stopped)));
}

#[test]
fn stopped_before_it_started_it_never_lives() {
    let stage = Stage::new();
    let part = stage.system.start(stage.part("part")).unwrap();
    part.tell(Act::Note("unheard")).unwrap();
    part.stop_now();
    assert_eq!(part.state(), ActorState::Stopping);
    assert_eq!(stage.run(), ["a dead letter for part"]);
    assert_eq!((part.state(), part.queue_depth()), (ActorState::Stopped, 0));
    assert!(stage.system.tree().actors.is_empty());
}

#[test]
fn who_stops_too_slowly_is_cut_off_and_the_rest_goes_on() {
    let stage = Stage::new();
    stage.system.start(stage.part("elder")).unwrap();
    let slow = stage.system.start(stubborn(&stage.log, "slow").stop_limit(SECOND * 2)).unwrap();
    stage.system.start(stage.part("younger")).unwrap();
    let ended = slow.ended();
    stage.run();
    stage.system.begin_stop();
    assert_eq!(stage.run(), ["-younger"]);
    assert!(stage.advance(SECOND * 2 - Duration::from_nanos(1)).is_empty());
    let told = stage.advance(Duration::from_nanos(1));
    assert_eq!(told, ["slow is cut off", "slow ends: it did not stop within 2s, and was cut off", "-elder"]);
    assert!(matches!(ended.wait(), Ok(Reason::CutOff(limit)) if limit == SECOND * 2));
    assert!(stage.system.wait_stopped(Duration::ZERO));
}

#[test]
fn one_that_is_cut_off_in_a_groups_restart_is_started_with_it() {
    let stage = Stage::new();
    let (first, second) = (stage.log.clone(), stage.log.clone());
    let team = Supervisor::new().child(move || part(&first, "a")).child(move || stubborn(&second, "slow"));
    stage.system.start(team.spec(Supervision::new(Strategy::OneForAll))).unwrap();
    stage.run();
    stage.tell("a", Act::Fail);
    assert_eq!(stage.run(), ["a restarts: it failed: oh"]);
    stage.tell("slow", Act::Note("kept"));
    let told = stage.advance(SECOND * 5);
    assert_eq!(
        told,
        [
            "slow is cut off",
            "slow restarts: it did not stop within 5s, and was cut off",
            "+a",
            "+slow",
            "slow: kept"
        ]
    );
    // It does not count as a failure of its new life.
    assert_eq!((stage.restarts("a"), stage.restarts("slow")), (1, 1));
}

#[test]
fn the_time_limit_covers_children() {
    let stage = Stage::new();
    let log = stage.log.clone();
    let team = Supervisor::new().child(move || stubborn(&log, "slow").stop_limit(SECOND * 10));
    let team = stage.system.start(team.spec(Supervision::default()).name("team").stop_limit(SECOND)).unwrap();
    stage.run();
    let ended = team.ended();
    team.stop();
    stage.run();
    assert_eq!(stage.advance(SECOND), ["team is cut off"]);
    assert!(stage.system.tree().actors.is_empty());
    assert_eq!(stage.advance(SECOND * 9)[0], "slow is cut off");
    assert!(matches!(ended.wait(), Ok(Reason::CutOff(_))));
}

#[test]
fn what_it_puts_off_its_stop_for_can_be_finished() {
    struct Careful(Log<String>);
    impl Actor for Careful {
        type Message = &'static str;
        fn handle(&mut self, message: &'static str, context: &mut Context<'_, Self>) -> ActorResult {
            self.0.add(message.into());
            if message == "flushed" {
                context.finish();
            }
            Ok(())
        }
        fn stopping(&mut self, context: &mut Context<'_, Self>) -> Result<Stopping, BoxError> {
            context.after(SECOND, "flushed");
            Ok(Stopping::Later)
        }
        fn stopped(&mut self, reason: &Reason) {
            self.0.add(format!("stopped: {reason}"));
        }
    }
    let stage = Stage::new();
    let careful = stage.system.spawn(Careful(stage.log.clone())).unwrap();
    stage.run();
    careful.stop();
    assert!(stage.run().is_empty());
    assert_eq!(careful.tell("too late").unwrap_err().why, Why::Stopped);
    assert_eq!(stage.advance(SECOND), ["flushed", "stopped: it was stopped"]);
}

#[test]
fn to_finish_without_having_been_stopped_means_nothing() {
    let stage = Stage::new();
    stage.system.start(stage.part("part")).unwrap();
    stage.tell("part", Act::Do(Box::new(|context| context.finish())));
    assert_eq!(stage.run(), ["+part"]);
    assert_eq!(stage.find("part").state(), ActorState::Running);
}

#[test]
fn a_system_dropped_in_a_callback_of_its_own_ends() {
    let (done, is_done) = mpsc::channel();
    let system = System::new(2).unwrap();
    let handle = system.handle();
    let holder = system.spawn(Function::new(move |system: System, _| {
        drop(system);
        done.send(())?;
        Ok(())
    }));
    holder.unwrap().tell(system).unwrap();
    is_done.recv().unwrap();
    assert!(handle.spawn(Function::new(|(), _| Ok(()))).is_err());
}

#[test]
fn a_system_leaves_nothing_behind() {
    let token = Arc::new(());
    let system = System::new(2).unwrap();
    let handle = system.handle();
    for i in 0..4 {
        let token = token.clone();
        let spec = Spec::new(move || {
            let token = token.clone();
            Function::new(move |(), _| {
                let _ = &token;
                Ok(())
            })
        });
        system.start(spec.name(format!("{i}"))).unwrap().tell(()).unwrap();
    }
    drop(system);
    assert_eq!(Arc::strong_count(&token), 1);
    assert!(handle.wait_stopped(Duration::MAX));
    assert!(handle.tree().actors.is_empty());
}

/// Waits, in its handler, until the other end of a channel is gone.
fn stuck(begun: mpsc::Sender<()>, release: mpsc::Receiver<()>) -> Function<()> {
    Function::new(move |(), _| {
        begun.send(())?;
        // An error is what it waits for.
        let _ = release.recv();
        Ok(())
    })
}

fn cut_offs() -> (mpsc::Receiver<String>, impl Fn(&Event<'_>) + Send + Sync + 'static) {
    let (tell, told) = mpsc::channel();
    let hook = move |event: &Event<'_>| {
        if let Event::CutOff { actor } = event {
            tell.send(actor.name().unwrap_or_default().to_string()).unwrap();
        }
    };
    (told, hook)
}

#[test]
fn code_that_does_not_return_holds_nobody_up_and_is_ignored_when_it_does() {
    let (told, hook) = cut_offs();
    let system = System::builder().workers(2).on_event(hook).build().unwrap();
    let (begun, has_begun) = mpsc::channel();
    let (release, released) = mpsc::channel();
    let spec = Spec::once(stuck(begun, released)).stop_limit(Duration::from_millis(1));
    let actor = system.start(spec.place(Placement::Worker(0)).name("stuck")).unwrap();
    let ended = actor.ended();
    actor.tell(()).unwrap();
    actor.tell(()).unwrap();
    has_begun.recv().unwrap();
    actor.stop_now();
    assert_eq!(told.recv().unwrap(), "stuck");
    assert!(system.tree().actors.is_empty());
    let idle = Spec::once(Function::new(|(), _| Ok(()))).name("stuck");
    let heir = system.start(idle.place(Placement::Worker(1))).unwrap();
    drop(release);
    // It does stop as it was asked to, only too late to matter.
    assert!(matches!(ended.wait(), Ok(Reason::Stopped)));
    assert!(has_begun.recv().is_err(), "the second message was not handled");
    assert_eq!(actor.queue_depth(), 0);
    assert_eq!(system.find::<()>("stuck"), Ok(heir));
}

#[test]
fn a_group_starts_one_that_was_stuck_when_it_has_returned() {
    let (told, hook) = cut_offs();
    let system = System::builder().workers(2).on_event(hook).build().unwrap();
    let (begun, has_begun) = mpsc::channel();
    let (release, released) = mpsc::channel();
    let mut first_life = Some(released);
    let fails = || Function::new(|(), _| Err("oh".into()));
    let lives = Arc::new(AtomicUsize::new(0));
    let count = lives.clone();
    let second = move || {
        count.fetch_add(1, Ordering::SeqCst);
        stuck(begun.clone(), first_life.take().unwrap_or_else(|| mpsc::channel().1))
    };
    let mut second = Some(second);
    let team = Supervisor::new()
        .child(move || Spec::new(fails).name("fails").place(Placement::Worker(1)))
        .child(move || {
            let limit = Duration::from_millis(1);
            // The supervisor has one life here.
            let make = second.take().unwrap();
            Spec::new(make).name("stuck").place(Placement::Worker(0)).stop_limit(limit)
        });
    system.start(team.spec(Supervision::new(Strategy::OneForAll)).place(Placement::Worker(1))).unwrap();
    let fails = loop {
        if let (Ok(fails), Ok(stuck)) = (system.find::<()>("fails"), system.find::<()>("stuck")) {
            stuck.tell(()).unwrap();
            break fails;
        }
        std::thread::yield_now();
    };
    has_begun.recv().unwrap();
    fails.tell(()).unwrap();
    assert_eq!(told.recv().unwrap(), "stuck");
    assert_eq!(lives.load(Ordering::SeqCst), 1);
    drop(release);
    system.find::<()>("stuck").unwrap().tell(()).unwrap();
    has_begun.recv().unwrap();
    assert_eq!(lives.load(Ordering::SeqCst), 2);
    system.stop().unwrap();
}
