//! What is called when, and what it may do.

use std::sync::{Arc, mpsc};

use mcp_event::guard_dog::{Event, GuardDog};

use crate::common::*;
use crate::stage::*;

#[test]
fn w3_actions_run_in_the_order_they_were_given() {
    let stage = Stage::new();
    let log = Log::new();
    for number in ["first", "second", "third"] {
        let log = log.clone();
        stage.dog.on(Event::Miss, move |_| log.add(number));
    }
    let _watch = stage.dog.watch_touched("mine").unwrap();
    stage.after(11 * MS);
    assert_eq!(log.take(), ["first", "second", "third"]);
}

#[test]
fn w3_events_of_one_scan_come_in_their_order() {
    let stage = Stage::with(|builder| {
        builder.kill(40 * MS).multikill(30 * MS, 1.0).abort_on_kill(false).tracked_objects(false)
    });
    let _watches = ["a", "b"].map(|name| stage.dog.watch_touched(name).unwrap());
    let expected = [
        "kill a 41ms",
        "kill b 41ms",
        "multikill a 41ms b 41ms",
        "megamiss a 41ms",
        "megamiss b 41ms",
        "miss a 41ms",
        "miss b 41ms",
    ];
    assert_eq!(stage.after(41 * MS), expected);
    let figures = stage.dog.figures();
    assert_eq!((figures.kills, figures.multikills, figures.megamisses, figures.misses), (2, 1, 2, 2));
}

#[test]
fn w3_an_action_that_panics_costs_only_itself() {
    let stage = Stage::new();
    let log = Log::new();
    stage.dog.on(Event::Miss, |_| panic!("a bad action"));
    let after = log.clone();
    stage.dog.on(Event::Miss, move |_| after.add("after"));
    let watch = stage.dog.watch_touched("mine").unwrap();
    stage.after(11 * MS);
    assert_eq!((log.take(), stage.dog.figures().failed_actions), (vec!["after"], 1));
    drop(watch);
}

#[test]
fn w3_an_action_may_use_its_guard_dog() {
    let stage = Stage::new();
    let dog = Arc::new(stage.dog);
    let (own, log) = (Arc::downgrade(&dog), Log::new());
    let told = log.clone();
    dog.on(Event::Miss, move |report| {
        let dog = own.upgrade().unwrap();
        told.add(report.threads[0].name.clone());
        let figures = dog.figures();
        assert_eq!(figures.misses, 1);
        dog.on(Event::Megamiss, |_| ());
        drop(dog.watch_touched("another").unwrap());
        dog.scan();
        dog.stop();
    });
    let _watch = dog.watch_touched("mine").unwrap();
    stage.clock.advance(11 * MS);
    dog.scan();
    assert_eq!(log.take(), ["mine"]);
    assert!(dog.watch_touched("late").is_err(), "it is stopped");
}

/// A guard dog with threads, that is quick to tell.
fn eager() -> GuardDog {
    GuardDog::builder().miss(2 * MS).megamiss(4 * MS).interval(MS).build().unwrap()
}

#[test]
fn w3_a_guard_dog_may_be_dropped_by_its_own_action() {
    let (slot, dog) = (Slot::new(), eager());
    let (dropped, is_dropped) = mpsc::channel();
    let own = slot.clone();
    dog.on(Event::Megamiss, move |_| {
        own.destroy();
        dropped.send(()).unwrap();
    });
    let watch = dog.watch_touched("mine").unwrap();
    slot.put(dog);
    soon(&is_dropped);
    drop(watch);
}

#[test]
fn w3_an_action_that_blocks_does_not_stop_the_scans() {
    let dog = eager();
    let (blocked, is_blocked) = mpsc::channel();
    let (release, is_released) = mpsc::channel();
    let is_released = std::sync::Mutex::new(is_released);
    dog.on(Event::Miss, move |_| {
        blocked.send(()).unwrap();
        soon(&is_released.lock().unwrap());
    });
    let watch = dog.watch_touched("mine").unwrap();
    soon(&is_blocked);
    let scans = dog.figures().scans;
    while dog.figures().scans < scans + 3 || dog.figures().megamisses == 0 {
        std::thread::yield_now();
    }
    release.send(()).unwrap();
    drop(watch);
}

#[test]
fn w3_stop_waits_for_what_is_told() {
    let dog = eager();
    let (begun, has_begun) = mpsc::channel();
    let log = Log::new();
    let told = log.clone();
    dog.on(Event::Miss, move |_| {
        let _ = begun.send(());
        std::thread::yield_now();
        told.add("told");
    });
    let watch = dog.watch_touched("mine").unwrap();
    soon(&has_begun);
    dog.stop();
    assert_eq!(log.len() as u64, dog.figures().misses);
    drop(watch);
}
