//! What a guard dog tells: to the log, and to the user's actions.

use std::fmt::{self, Display};
use std::time::Duration;

use super::{Backtrace, Event};
use crate::dispatcher::Doing;

/// An event, and all that could be found out about it.
///
/// As text it is what the log gets:
///
/// ```text
/// guard dog: miss: worker_1 has been stuck for 203ms (thread 4242)
///   doing: file event on fd 7 (accept)
///   tracked objects:
///     request 42
///   backtrace:
///      0: wait_for_the_database (src/main.rs:12)
///      1: ...
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// What happened.
    pub event: Event,
    /// To whom: several for [`Event::Multikill`], else one.
    pub threads: Vec<StuckThread>,
}

/// A thread that stands still, or of [`Event::Recovered`], stood still.
#[derive(Debug)]
#[non_exhaustive]
pub struct StuckThread {
    /// The dispatcher's name (a pool's workers are named "worker_1" and so on), or the name of the touched watch.
    pub name: String,
    /// For how long.
    pub stuck_for: Duration,
    /// What the loop is doing; none for what is touched.
    pub doing: Option<Doing>,
    /// The system's number for the thread; 0 if none is inside the loop.
    pub thread_id: i32,
    /// What its tracked objects say of themselves, innermost first; empty, if there are none. Or why that is not
    /// known.
    pub tracked_objects: Result<String, String>,
    /// Where it is, or why that is not known.
    pub backtrace: Result<Backtrace, String>,
    /// How often it has missed, this time included.
    pub misses: u64,
    /// How often it has megamissed, this time included.
    pub megamisses: u64,
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, thread) in self.threads.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            write!(f, "guard dog: {}: {}", self.event, thread.name)?;
            match self.event {
                Event::Recovered => write!(f, " gets on, after it was stuck for {:?}", thread.stuck_for)?,
                _ => write!(f, " has been stuck for {:?}{thread}", thread.stuck_for)?,
            }
        }
        Ok(())
    }
}

/// The details, each on a line of its own.
impl Display for StuckThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.thread_id != 0 {
            write!(f, " (thread {})", self.thread_id)?;
        }
        if let Some(doing) = self.doing {
            write!(f, "\n  doing: {doing}")?;
        }
        let mut indented = |title: &str, text: &str| {
            write!(f, "\n  {title}:")?;
            text.lines().try_for_each(|line| write!(f, "\n    {line}"))
        };
        match &self.tracked_objects {
            Ok(text) if text.is_empty() => {}
            Ok(text) => indented("tracked objects", text)?,
            Err(why) => indented("no tracked objects", why)?,
        }
        match &self.backtrace {
            Ok(backtrace) => indented("backtrace", &backtrace.to_string()),
            Err(why) => indented("no backtrace", why),
        }
    }
}
