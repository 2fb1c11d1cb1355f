//! The end of a base, on whichever thread, and what is a forked child's.

use std::io::Write;
use std::thread;
use std::time::Duration;

use mcp_event::{Dispatcher, Error, FileReady, RunType, Trigger};

use crate::common::{Background, Log, MS, alone, in_forked_child, in_own_process, pipe_with, pump, watch};
use crate::user::{Base, dispatcher};

#[test]
fn a_dispatcher_runs_and_ends_on_any_thread() {
    let dispatcher = dispatcher();
    let timer = dispatcher.create_timer(|| ());
    pump(&dispatcher);
    let timer = thread::spawn(move || {
        pump(&dispatcher);
        drop(dispatcher);
        timer
    })
    .join()
    .unwrap();
    timer.enable(Duration::ZERO);
}

#[test]
fn a_gone_dispatchers_base_is_not_told() {
    let dispatcher = dispatcher();
    let handle = dispatcher.handle();
    assert!(handle.libevent_base().is_some());
    drop(dispatcher);
    assert_eq!(handle.libevent_base(), None);
}

#[test]
fn a_forked_child_leaves_the_parents_base_alone() {
    alone(|| {
        let background =
            Background::start(Dispatcher::builder("parent").backend("libevent").build().unwrap());
        background.on_loop(|| ());
        let inherited = dispatcher();
        let log = Log::new();
        let (reader, _writer) = pipe_with(b"");
        let _event = watch(&inherited, &reader, Trigger::Edge, FileReady::READ, &log);
        pump(&inherited);
        let (handle, base) = (inherited.handle(), Base::of(&inherited));
        let user = base.on_timeout(move || handle.exit());
        user.add(Some(MS));
        let first = inherited.handle();
        // A wait, so that the base watches our poller.
        inherited.run(RunType::Block).unwrap();
        in_forked_child(move || {
            assert!(matches!(inherited.run(RunType::NonBlock), Err(Error::Forked)));
            std::mem::forget(user);
            drop(inherited);
        });
        drop(first);
        // The child's end was not the end of what the kernel watches for us.
        background.on_loop(|| ());
    });
}

#[test]
fn a_handler_may_fork() {
    alone(|| {
        let (dispatcher, log) = (dispatcher(), Log::new());
        let (reader, mut writer) = pipe_with(b"");
        let _event = watch(&dispatcher, &reader, Trigger::Edge, FileReady::READ, &log);
        let base = Base::of(&dispatcher);
        let (note, handle) = (Log::new(), dispatcher.handle());
        let forks = note.clone();
        base.once(move || {
            // SAFETY: the child only runs into the end of its loop.
            match unsafe { libc::fork() } {
                0 => forks.add(0),
                child => {
                    let mut status = 0;
                    // SAFETY: the child is ours to wait for.
                    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
                    forks.add(status + 1);
                    handle.exit();
                }
            }
        });
        let result = dispatcher.run(RunType::Block);
        if note.take() == [0] {
            let code = i32::from(!matches!(result, Err(Error::Forked)));
            // SAFETY: the child ends.
            unsafe { libc::_exit(code) };
        }
        result.unwrap();
        // What the kernel watches for the parent is still there.
        writer.write_all(b"x").unwrap();
        pump(&dispatcher);
        assert_eq!(log.take(), [FileReady::READ]);
    });
}

#[test]
fn the_environment_chooses_the_bases_own_backend() {
    for (unwanted, method) in
        [(&["EVENT_NOEPOLL"][..], "poll"), (&["EVENT_NOEPOLL", "EVENT_NOPOLL"], "select")]
    {
        let output = in_own_process(
            |command| unwanted.iter().for_each(|name| _ = command.env(name, "1")),
            || {
                let (dispatcher, log) = (dispatcher(), Log::new());
                println!("on {}", Base::of(&dispatcher).method());
                let (reader, writer) = pipe_with(b"x");
                let edge = watch(&dispatcher, &reader, Trigger::Edge, FileReady::READ, &log);
                for _ in 0..3 {
                    pump(&dispatcher);
                }
                assert_eq!(log.take(), [FileReady::READ]);
                drop((edge, writer));
                let background = Background::start(dispatcher);
                for _ in 0..100 {
                    background.on_loop(|| ());
                }
            },
        );
        if let Some(output) = output {
            assert!(output.status.success());
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(text.contains(&format!("on {method}\n")), "{text}");
        }
    }
}
