//! Monitors and links.

use mcp_event::actor::{Context, Supervision};

use crate::stage::{Act, Part, SECOND, Stage};

#[test]
fn monitors_are_told_once_and_links_fail_together() {
    let stage = Stage::new();
    for name in ["watcher", "twin", "target"] {
        stage.system.start(stage.part(name)).unwrap();
    }
    stage.run();
    let target = stage.find("target");
    for _ in 0..2 {
        let monitored = target.clone();
        stage.tell("watcher", Act::Do(Box::new(move |context| context.monitor(&monitored))));
        let linked = target.clone();
        stage.tell("twin", Act::Do(Box::new(move |context| context.link(&linked))));
    }
    stage.run();
    target.tell(Act::Fail).unwrap();
    assert_eq!(
        stage.run(),
        [
            "target restarts: it failed: oh",
            "watcher hears: it failed: oh (true)",
            "twin restarts: it failed: with another: it failed: oh",
            "+target",
            "+twin",
        ]
    );
    // All that is gone by now.
    target.tell(Act::Fail).unwrap();
    assert_eq!(stage.run(), ["target restarts: it failed: oh", "+target"]);
}

#[test]
fn to_watch_one_that_has_ended_tells_at_once() {
    let stage = Stage::with(Supervision::default().intensity(0, SECOND));
    let gone = stage.system.start(stage.part("gone")).unwrap();
    stage.system.start(stage.part("watcher")).unwrap();
    gone.tell(Act::Fail).unwrap();
    stage.run();
    let (monitored, linked) = (gone.clone(), gone);
    stage.tell("watcher", Act::Do(Box::new(move |context| context.monitor(&monitored))));
    assert_eq!(stage.run(), ["watcher hears: it had ended before (false)"]);
    stage.tell("watcher", Act::Do(Box::new(move |context| context.link(&linked))));
    assert_eq!(stage.run()[0], "watcher ends: it failed: with another: it failed: oh");
}

#[test]
fn an_actor_that_watches_itself_ends_like_any_other() {
    let stage = Stage::new();
    stage.system.start(stage.part("self")).unwrap();
    let watch = |context: &mut Context<'_, Part>| {
        let myself = context.myself();
        context.monitor(&myself);
        context.link(&myself);
        context.unlink(&myself);
    };
    stage.tell("self", Act::Do(Box::new(watch)));
    stage.tell("self", Act::Fail);
    assert_eq!(stage.run(), ["+self", "self restarts: it failed: oh", "+self"]);
    stage.find("self").stop();
    assert_eq!(stage.run(), ["-self"]);
}

#[test]
fn who_was_unlinked_does_not_care() {
    let stage = Stage::new();
    for name in ["one", "other"] {
        stage.system.start(stage.part(name)).unwrap();
    }
    let other = stage.find("other");
    let change_its_mind = move |context: &mut Context<'_, Part>| {
        context.link(&other);
        context.unlink(&other);
    };
    stage.tell("one", Act::Do(Box::new(change_its_mind)));
    stage.run();
    stage.tell("other", Act::Fail);
    assert_eq!(stage.run(), ["other restarts: it failed: oh", "+other"]);
}
