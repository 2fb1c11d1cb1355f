//! Loops that are shut down under their actors.

use std::time::Duration;

use mcp_event::actor::{ActorRef, ActorState, Event, Placement, Reason, SpawnError, System, Why};
use mcp_event::{Dispatcher, RunType};

use crate::stage::{Act, Stage, part};

#[test]
fn actors_on_a_loop_that_is_shut_down_are_lost_and_the_rest_goes_on() {
    let stage = Stage::new();
    let other = Dispatcher::new("other").unwrap();
    let (log, events) = (stage.log.clone(), stage.log.clone());
    let hook = move |event: &Event<'_>| events.add(format!("{event:?}"));
    let loops = [stage.dispatcher.handle(), other.handle()];
    let system = System::builder().on(loops).on_event(hook).build().unwrap();
    let on = |name: &str, worker| part(&log, name).place(Placement::Worker(worker));
    let here = system.start(on("here", 0)).unwrap();
    let lost: Vec<_> = (0..3).map(|i| system.start(on(&format!("there {i}"), 1)).unwrap()).collect();
    other.run(RunType::NonBlock).unwrap();
    stage.run();
    let ended: Vec<_> = lost.iter().map(ActorRef::ended).collect();
    lost[0].tell(Act::Note("unheard")).unwrap();
    drop(other);
    assert_eq!(lost[0].queue_depth(), 0);
    assert_eq!(lost[0].tell(Act::Fail).unwrap_err().why, Why::Stopped);
    let nowhere = system.start(on("nowhere", 1));
    assert!(matches!(nowhere, Err(SpawnError::NoLoop(_))));
    system.begin_stop();
    assert_eq!(stage.run(), ["-here"]);
    assert!(system.wait_stopped(Duration::ZERO));
    assert_eq!(here.state(), ActorState::Stopped);
    for ended in ended {
        assert!(matches!(ended.wait(), Ok(Reason::LoopGone)));
    }
    assert!(lost.iter().all(|actor| actor.state() == ActorState::Stopped));
}

#[test]
fn what_a_shut_down_loop_drops_before_it_was_told_counts_as_lost() {
    let stage = Stage::new();
    let part = stage.system.start(stage.part("part")).unwrap();
    let ended = part.ended();
    stage.dispatcher.shutdown();
    assert!(matches!(ended.wait(), Ok(Reason::LoopGone)));
    assert!(stage.system.tree().actors.is_empty());
    // The loop runs again, and takes others.
    stage.system.start(stage.part("part")).unwrap_err();
    stage.run();
    stage.system.start(stage.part("part")).unwrap();
    assert_eq!(stage.run(), ["+part"]);
}
