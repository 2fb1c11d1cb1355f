//! A process of the load's own, forked from ours.

use std::io::{self, PipeReader, PipeWriter, Write};
use std::process;

use crate::system;

/// Waited for when it is dropped.
pub struct Child {
    name: &'static str,
    start: PipeWriter,
    id: libc::pid_t,
}

impl Child {
    /// Called while this process has one thread. `live` is the child's whole life, but for its exit; what it reads from
    /// the pipe tells it to begin.
    pub fn fork(name: &'static str, live: impl FnOnce(PipeReader) -> io::Result<()>) -> io::Result<Child> {
        let (may_start, start) = io::pipe()?;
        // SAFETY: the child runs the code below alone, and never returns from it.
        let id = system::checked(unsafe { libc::fork() })?;
        if id == 0 {
            drop(start);
            system::end_with_parent();
            system::take_turns_on_one_cpu();
            if let Err(error) = live(may_start) {
                eprintln!("{name}: {error}");
            }
            // SAFETY: nothing of the parent's is to be cleaned up here.
            unsafe { libc::_exit(0) };
        }
        Ok(Child { name, start, id })
    }

    /// It begins.
    pub fn start(&mut self) {
        self.start.write_all(b"!").unwrap_or_else(|error| {
            eprintln!("{}: {error}", self.name);
            process::exit(1);
        });
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // SAFETY: our own child, waited for once; it ends when it has done all.
        unsafe { libc::waitpid(self.id, std::ptr::null_mut(), 0) };
    }
}
