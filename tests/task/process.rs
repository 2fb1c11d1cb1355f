//! Processes to await. The commands are Unix's.

use std::process::{Command, Stdio};

use mcp_event::{Dispatcher, Error, RunType};

use crate::common::*;
use crate::poll_once;

#[test]
fn a_child_gives_its_status() {
    let background = Background::start(dispatcher());
    let handle = background.dispatcher.handle();
    let mut task = background
        .dispatcher
        .spawn(async move {
            let mut child = Command::new("sh").args(["-c", "exit 7"]).spawn().unwrap();
            let first = handle.child_exit(&mut child).unwrap().await.unwrap();
            let again = handle.child_exit(&mut child).unwrap().await.unwrap();
            (first.code(), again.code())
        })
        .unwrap();
    assert_eq!(task.wait(), Ok((Some(7), Some(7))));
}

#[test]
fn a_process_is_watched_and_left_to_be_reaped() {
    let dispatcher = Dispatcher::new("test").unwrap();
    let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let exit = dispatcher.process_exit(child.id()).unwrap();
    let handle = dispatcher.handle();
    let mut task = dispatcher
        .spawn(async move {
            exit.await.unwrap();
            handle.exit();
        })
        .unwrap();
    pump(&dispatcher);
    assert!(!task.is_finished());
    drop(child.stdin.take());
    dispatcher.run(RunType::Block).unwrap();
    task.wait().unwrap();
    // Exited, not reaped: it still counts.
    let mut late = dispatcher.process_exit(child.id()).unwrap();
    assert!(poll_once(&mut late).is_ready());
    assert!(child.wait().unwrap().success());
    assert_eq!(os_code(dispatcher.process_exit(child.id())), libc::ESRCH);
}

#[test]
fn what_is_no_process_is_refused() {
    let dispatcher = dispatcher();
    for pid in [0, i32::MAX as u32 + 1, u32::MAX] {
        assert!(matches!(dispatcher.process_exit(pid), Err(Error::InvalidArgument(_))));
    }
    assert_eq!(os_code(dispatcher.process_exit(i32::MAX as u32)), libc::ESRCH);
    // A process that is no child of ours.
    let mut own = dispatcher.process_exit(std::process::id()).unwrap();
    assert!(poll_once(&mut own).is_pending());
}

#[test]
fn many_processes_exit_at_once() {
    let background = Background::start(dispatcher());
    let mut tasks: Vec<_> = (0..20)
        .map(|number: i32| {
            let handle = background.dispatcher.handle();
            let work = async move {
                let mut child = Command::new("sh").args(["-c", &format!("exit {number}")]).spawn().unwrap();
                handle.child_exit(&mut child).unwrap().await.unwrap().code()
            };
            background.dispatcher.spawn(work).unwrap()
        })
        .collect();
    for (number, task) in (0..).zip(&mut tasks) {
        assert_eq!(task.wait(), Ok(Some(number)));
    }
}
