//! Kill and multikill end the process. Each test does so in one of its own.

use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use mcp_event::guard_dog::{Event, GuardDog};

use crate::common::*;
use crate::stage::*;

#[track_caller]
fn assert_aborted(output: &Output, texts: &[&str]) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(has_aborted(output.status), "{errors}");
    for text in texts {
        assert!(errors.contains(text), "no {text:?} in:\n{errors}");
    }
}

#[test]
fn w3_a_kill_ends_the_process_after_its_actions() {
    let output = in_own_process(
        |_| (),
        || {
            let stage = Stage::with(|builder| builder.kill(30 * MS));
            let background = running("worker");
            let _busy = background.keep_busy();
            stage.dog.watch(&background.dispatcher).unwrap();
            stage.dog.on(Event::Kill, |_| eprintln!("last words"));
            stage.dog.on(Event::Kill, |_| panic!("the action failed"));
            stage.after(31 * MS);
        },
    );
    if let Some(output) = output {
        let texts = [
            "last words",
            "the action failed",
            "guard dog: kill: worker has been stuck for 31ms",
            "doing: post",
        ];
        assert_aborted(&output, &texts);
    }
}

#[test]
fn w3_a_multikill_ends_the_process() {
    let output = in_own_process(
        |_| (),
        || {
            let stage = Stage::with(|builder| builder.multikill(30 * MS, 0.5));
            let _watches = ["a", "b", "c"].map(|name| stage.dog.watch_touched(name).unwrap());
            stage.after(31 * MS);
        },
    );
    if let Some(output) = output {
        assert_aborted(
            &output,
            &["guard dog: multikill: a has been stuck", "guard dog: multikill: c has been"],
        );
    }
}

#[test]
fn w3_a_grace_may_be_endless() {
    let output = in_own_process(
        |_| (),
        || {
            let builder = GuardDog::builder().miss(MS).megamiss(MS).kill(2 * MS).interval(MS);
            let dog = Arc::new(builder.kill_grace(Duration::MAX).build().unwrap());
            let scanning = Arc::downgrade(&dog);
            dog.on(Event::Kill, move |_| {
                let dog = scanning.upgrade().unwrap();
                let scans = dog.figures().scans;
                while dog.figures().scans == scans {
                    std::thread::yield_now();
                }
            });
            let _watch = dog.watch_touched("mine").unwrap();
            loop {
                std::thread::park();
            }
        },
    );
    if let Some(output) = output {
        assert_aborted(&output, &["guard dog: kill: mine has been stuck"]);
    }
}

#[test]
fn w3_by_its_own_threads_it_kills_even_if_the_actions_hang() {
    let output = in_own_process(
        |_| (),
        || {
            let builder = GuardDog::builder().miss(MS).megamiss(MS).kill(2 * MS).interval(MS);
            let dog = builder.kill_grace(20 * MS).build().unwrap();
            dog.on(Event::Kill, |_| {
                loop {
                    std::thread::park();
                }
            });
            let _watch = dog.watch_touched("mine").unwrap();
            loop {
                std::thread::park();
            }
        },
    );
    if let Some(output) = output {
        assert_aborted(&output, &["guard dog: kill: the actions before it do not end"]);
    }
}
