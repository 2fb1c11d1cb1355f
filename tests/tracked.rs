//! Tracked objects: promise X1. (From Rust a pop cannot come in the wrong order; C and C++ can get it wrong.)

mod common;

use std::fmt;

use common::*;
use mcp_event::{Error, TrackedObject};

struct Named(&'static str);

impl TrackedObject for Named {
    fn dump_state(&self, out: &mut dyn fmt::Write, indent: usize) -> fmt::Result {
        writeln!(out, "{:indent$}{}", "", self.0)
    }
}

#[test]
fn x1_the_innermost_object_comes_first() {
    let dispatcher = dispatcher();
    let dump = || dispatcher.dump_tracked().unwrap();
    let result = dispatcher.with_tracked(&Named("outer"), || {
        dispatcher.with_tracked(&Named("inner"), || assert_eq!(dump(), "inner\n outer\n"));
        assert_eq!(dump(), "outer\n");
        7
    });
    assert_eq!((result, dump()), (7, String::new()));
}

#[test]
fn x1_a_panic_pops_what_it_leaves() {
    let dispatcher = dispatcher();
    let handle = dispatcher.handle();
    dispatcher.post(move || handle.with_tracked(&Named("left"), || panic!("while tracked"))).unwrap();
    assert_panics_with("while tracked", || pump(&dispatcher));
    assert_eq!(dispatcher.dump_tracked().unwrap(), "");
}

#[test]
fn x1_a_dump_is_for_the_loop_thread_alone() {
    let background = Background::start(dispatcher());
    let handle = background.dispatcher.handle();
    let dump =
        background.on_loop(move || handle.with_tracked(&Named("at work"), || handle.dump_tracked().unwrap()));
    assert_eq!(dump, "at work\n");
    assert!(matches!(background.dispatcher.dump_tracked(), Err(Error::InvalidState(_))));
}

#[test]
fn x1_an_object_that_cannot_describe_itself_is_an_error() {
    struct Broken;
    impl TrackedObject for Broken {
        fn dump_state(&self, _: &mut dyn fmt::Write, _: usize) -> fmt::Result {
            Err(fmt::Error)
        }
    }
    let dispatcher = dispatcher();
    dispatcher.with_tracked(&Broken, || {
        assert!(matches!(dispatcher.dump_tracked(), Err(Error::InvalidState(_))));
    });
}
