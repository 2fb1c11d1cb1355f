//! Fds that are closed while something watches them, and numbers that are used again.

use std::io::Write;

use mcp_event::Trigger;
#[cfg(unix)]
use mcp_event::{AsOsFd, OsFd};

use crate::common::*;
use crate::{NONE, READ, TRIGGERS, WRITE, is_quiet};

/// Closes whatever has the number `over`, which Windows cannot choose, and makes the number name the file behind `fd`.
#[cfg(unix)]
fn reuse_number(fd: &impl AsOsFd, over: OsFd) {
    // SAFETY: both numbers are open and the test's own.
    assert_eq!(unsafe { libc::dup2(fd.os_fd(), over) }, over);
}

#[test]
fn f14_an_fd_closed_but_open_under_another_number_haunts_nobody() {
    for trigger in TRIGGERS {
        let (dispatcher, log, other_log) = (dispatcher(), Log::new(), Log::new());
        let (other, mut other_writer) = pipe();
        let _other = watch(&dispatcher, &other, Trigger::Edge, READ, &other_log);
        let _second = watch(&dispatcher, &other, Trigger::Edge, READ, &other_log);
        let (reader, mut writer) = pipe_with(b"x");
        let event = watch(&dispatcher, &reader, trigger, READ, &log);
        let _duplicate = reader.try_clone().unwrap();
        drop(reader);
        drop(event);
        for _ in 0..2 {
            writer.write_all(b"x").unwrap();
            (0..2).for_each(|_| pump(&dispatcher));
            assert_eq!(log.take(), []);
            assert!(is_quiet(&dispatcher));
        }
        // What is alive lives on.
        other_writer.write_all(b"x").unwrap();
        // Only the poll fd tells, which Windows has not.
        assert!(cfg!(windows) || !is_quiet(&dispatcher));
        pump(&dispatcher);
        assert_eq!(other_log.take(), [READ; 2], "{trigger:?}");
        assert!(is_quiet(&dispatcher));
    }
}

#[cfg(unix)]
#[test]
fn f15_the_number_of_a_closed_fd_belongs_to_its_new_event_alone() {
    for trigger in TRIGGERS {
        for still_open_elsewhere in [false, true] {
            let (dispatcher, old_log, new_log) = (dispatcher(), Log::new(), Log::new());
            let (old, mut old_writer) = pipe();
            let old_event = watch(&dispatcher, &old, trigger, READ, &old_log);
            let _duplicate = still_open_elsewhere.then(|| old.try_clone().unwrap());
            let (new, mut new_writer) = pipe();
            reuse_number(&new, old.os_fd());
            let _new_event = watch(&dispatcher, &old, Trigger::Edge, READ, &new_log);
            let mut use_both = || {
                if still_open_elsewhere {
                    old_writer.write_all(b"x").unwrap();
                }
                new_writer.write_all(b"x").unwrap();
                (0..2).for_each(|_| pump(&dispatcher));
                assert_eq!(old_log.take(), [], "{trigger:?}");
                // To get rid of the old registration may cost one spurious wake.
                assert!(matches!(new_log.take()[..], [READ] | [READ, READ]), "{trigger:?}");
            };
            use_both();
            // The old one has no say over the number any more.
            old_event.set_enabled(READ | WRITE).unwrap();
            use_both();
            drop(old_event);
            use_both();
            assert!(is_quiet(&dispatcher));
        }
    }
}

#[test]
fn f14_disabled_and_then_closed_it_leaves_no_ghost() {
    let (dispatcher, log, other_log) = (dispatcher(), Log::new(), Log::new());
    let (other, _other_peer) = socket_pair();
    let _other = watch(&dispatcher, &other, Trigger::Edge, WRITE, &other_log);
    let (reader, mut writer) = pipe();
    let _duplicate = reader.try_clone().unwrap();
    let event = watch(&dispatcher, &reader, Trigger::Level, READ, &log);
    pump(&dispatcher);
    other_log.take();
    // As connections end: in one callback, the event itself goes later.
    let slot = Slot::new();
    slot.put(event);
    let ending = slot.clone();
    in_one_iteration(&dispatcher, move || {
        ending.with(|event| event.set_enabled(NONE)).unwrap();
        drop(reader);
    });
    writer.write_all(b"x").unwrap();
    (0..2).for_each(|_| pump(&dispatcher));
    // The kernel forgot it in time, so nothing had to be rebuilt, which would repeat the edges of others.
    assert_eq!((log.take(), other_log.take()), (vec![], vec![]));
    slot.destroy();
}

#[cfg(unix)]
#[test]
fn f15_all_events_of_the_closed_fd_are_silent() {
    let (dispatcher, old_log, new_log) = (dispatcher(), Log::new(), Log::new());
    let (old, mut old_writer) = pipe();
    let old_events = TRIGGERS.map(|trigger| watch(&dispatcher, &old, trigger, READ, &old_log));
    let _duplicate = old.try_clone().unwrap();
    let (new, mut new_writer) = pipe();
    reuse_number(&new, old.os_fd());
    let _new_events = TRIGGERS.map(|trigger| watch(&dispatcher, &old, trigger, READ, &new_log));
    for writer in [&mut old_writer, &mut new_writer] {
        writer.write_all(b"x").unwrap();
        pump(&dispatcher);
    }
    assert_eq!((old_log.take(), new_log.take()), (vec![], vec![READ; 3]));
    drop(old_events);
    pump(&dispatcher);
    // The one on level.
    assert_eq!(new_log.take(), [READ]);
}

#[test]
fn f15_the_number_may_go_to_a_descriptor_of_the_pollers_own() {
    // Alone, so that nobody else takes the number.
    alone(|| {
        let (dispatcher, old_log, log) = (dispatcher(), Log::new(), Log::new());
        let (twice, mut writer) = pipe();
        let (old, mut old_writer) = pipe();
        let old_event = watch(&dispatcher, &old, Trigger::Level, READ, &old_log);
        let _duplicate = old.try_clone().unwrap();
        drop(old);
        // The second event on one fd needs a descriptor, which gets the lowest free number.
        let _events = [(); 2].map(|()| watch(&dispatcher, &twice, Trigger::Edge, READ, &log));
        drop(old_event);
        for _ in 0..2 {
            old_writer.write_all(b"x").unwrap();
            pump(&dispatcher);
            writer.write_all(b"x").unwrap();
            pump(&dispatcher);
            assert_eq!((old_log.take(), log.take()), (vec![], vec![READ; 2]));
            assert!(is_quiet(&dispatcher));
            assert_eq!(read_byte(&twice), b'x');
        }
    });
}
