//! Processes that crash, and what they leave.

use std::os::unix::process::ExitStatusExt;
use std::{hint, ptr};

use mcp_event::crash_dump::{self, Options};
use mcp_event::{Dispatcher, RunType};

use crate::common::*;

/// How a process ended.
pub struct Crash {
    pub signal: Option<i32>,
    pub code: Option<i32>,
    pub errors: String,
}

/// Runs the body of the calling test in a process of its own, which is to crash. `None` in that process.
pub fn crashed<F: FnOnce()>(body: F) -> Option<Crash> {
    let output = in_own_process(|_| (), body)?;
    let errors = String::from_utf8(output.stderr).unwrap();
    Some(Crash { signal: output.status.signal(), code: output.status.code(), errors })
}

pub const BUSY: [&str; 2] = ["  dispatcher doomed: post", "  no tracked objects"];
pub const END: &str = "mcp_event crash: end of dump";

impl Crash {
    #[track_caller]
    pub fn assert_signal(&self, signal: i32) {
        assert_eq!((self.signal, self.code), (Some(signal), None), "{}", self.errors);
    }

    /// The lines of the one dump, between the first and the last.
    #[track_caller]
    pub fn dump(&self) -> Vec<&str> {
        let mut lines = self.errors.lines().skip_while(|line| !line.starts_with("mcp_event crash: "));
        let first = lines.next().unwrap_or_else(|| panic!("no dump: {}", self.errors));
        let dump: Vec<_> = lines.by_ref().take_while(|line| *line != END).collect();
        assert_eq!(self.errors.matches(END).count(), 1, "{}", self.errors);
        assert!(lines.all(|line| !line.starts_with("mcp_event crash: ")), "{}", self.errors);
        [first].into_iter().chain(dump).collect()
    }

    /// The first line begins with `how`; what follows is `rest`.
    #[track_caller]
    pub fn assert_dump(&self, how: &str, rest: &[&str]) {
        let dump = self.dump();
        assert!(dump[0].starts_with(&format!("mcp_event crash: {how}")), "{dump:#?}");
        assert_eq!(dump[1..], *rest, "{dump:#?}");
    }
}

/// Keeps the machine free of core files.
pub fn no_core_file() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: valid for the call.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
}

pub fn install(options: Options) {
    no_core_file();
    crash_dump::install(&options).unwrap();
}

/// Runs `work` in a post of a loop.
pub fn on_loop(work: impl FnOnce() + Send + 'static) {
    let dispatcher = Dispatcher::new("doomed").unwrap();
    dispatcher.post(work).unwrap();
    dispatcher.run(RunType::NonBlock).unwrap();
}

pub fn write_to_null() {
    // SAFETY: none; that is the point.
    unsafe { hint::black_box(ptr::null_mut::<u8>()).write_volatile(0) };
}
