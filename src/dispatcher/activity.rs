//! What a loop is doing right now, for other threads and for signal handlers to see.
//!
//! One word, written by the loop with a plain store before each callback, so that it costs next to nothing: the
//! kind in the lowest byte, the label's number in the next three, and in the upper half the fd or signal.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::label::Label;

/// What a loop is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activity {
    /// Nobody runs it.
    NotRunning,
    /// It waits for events.
    Waiting,
    /// Its own work, between callbacks.
    Dispatching,
    /// A post.
    Post,
    /// A message to an actor.
    Message,
    /// A task: a future that is polled, or a closure that was submitted to a pool.
    Task,
    /// A timer's callback.
    Timer,
    /// A file event's callback.
    FileEvent {
        /// The file descriptor that it watches.
        fd: i32,
    },
    /// A signal event's callback.
    Signal {
        /// The signal's number.
        signal: i32,
    },
    /// A schedulable callback.
    Scheduled,
    /// The destructor of an object whose deletion was deferred.
    DeferredDelete,
    /// Destructors: of destroyed handles' closures, or of what a shutdown drops.
    Destructor,
}

impl Activity {
    /// Whether code of the user's is running.
    pub fn is_callback(self) -> bool {
        !matches!(self, Activity::NotRunning | Activity::Waiting | Activity::Dispatching)
    }

    /// The kind in a word, as the names of fields and labels are written.
    pub fn kind(self) -> &'static str {
        match self {
            Activity::NotRunning => "not_running",
            Activity::Waiting => "waiting",
            Activity::Dispatching => "dispatching",
            Activity::Post => "post",
            Activity::Message => "message",
            Activity::Task => "task",
            Activity::Timer => "timer",
            Activity::FileEvent { .. } => "file_event",
            Activity::Signal { .. } => "signal",
            Activity::Scheduled => "scheduled",
            Activity::DeferredDelete => "deferred_delete",
            Activity::Destructor => "destructor",
        }
    }

    fn encode(self) -> (u8, i32) {
        match self {
            Activity::NotRunning => (0, 0),
            Activity::Waiting => (1, 0),
            Activity::Dispatching => (2, 0),
            Activity::Post => (3, 0),
            Activity::Message => (4, 0),
            Activity::Task => (5, 0),
            Activity::Timer => (6, 0),
            Activity::FileEvent { fd } => (7, fd),
            Activity::Signal { signal } => (8, signal),
            Activity::Scheduled => (9, 0),
            Activity::DeferredDelete => (10, 0),
            Activity::Destructor => (11, 0),
        }
    }

    fn decode(kind: u8, number: i32) -> Activity {
        match kind {
            1 => Activity::Waiting,
            2 => Activity::Dispatching,
            3 => Activity::Post,
            4 => Activity::Message,
            5 => Activity::Task,
            6 => Activity::Timer,
            7 => Activity::FileEvent { fd: number },
            8 => Activity::Signal { signal: number },
            9 => Activity::Scheduled,
            10 => Activity::DeferredDelete,
            11 => Activity::Destructor,
            _ => Activity::NotRunning,
        }
    }
}

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Activity::NotRunning => f.write_str("not running"),
            Activity::Waiting => f.write_str("waiting for events"),
            Activity::Dispatching => f.write_str("between callbacks"),
            Activity::Post => f.write_str("post"),
            Activity::Message => f.write_str("message to an actor"),
            Activity::Task => f.write_str("task"),
            Activity::Timer => f.write_str("timer"),
            Activity::FileEvent { fd } => write!(f, "file event on fd {fd}"),
            Activity::Signal { signal } => write!(f, "signal {signal}"),
            Activity::Scheduled => f.write_str("scheduled callback"),
            Activity::DeferredDelete => f.write_str("deferred delete"),
            Activity::Destructor => f.write_str("destructor"),
        }
    }
}

/// An [`Activity`] and the label, if any, of what runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Doing {
    /// What kind of work it is.
    pub activity: Activity,
    /// The label that the handle or the post was given.
    pub label: Option<Label>,
}

impl Doing {
    pub(crate) fn new(activity: Activity, label: Option<Label>) -> Doing {
        Doing { activity, label }
    }
}

/// "timer (flush the cache)".
impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.label {
            Some(label) => write!(f, "{} ({label})", self.activity),
            None => self.activity.fmt(f),
        }
    }
}

/// A [`Doing`] in one word.
#[derive(Clone, Copy)]
pub(crate) struct Word(u64);

impl Word {
    #[inline]
    pub(crate) fn new(activity: Activity, label: u32) -> Word {
        let (kind, number) = activity.encode();
        Word(u64::from(kind) | u64::from(label) << 8 | u64::from(number as u32) << 32)
    }

    pub(crate) fn doing(self) -> Doing {
        let activity = Activity::decode(self.0 as u8, (self.0 >> 32) as u32 as i32);
        Doing::new(activity, Label::from_number(self.0 as u32 >> 8))
    }
}

/// What a loop is doing. Written by the thread inside it alone, read by any.
pub(crate) struct CurrentActivity(AtomicU64);

impl CurrentActivity {
    pub(crate) fn new() -> CurrentActivity {
        CurrentActivity(AtomicU64::new(Word::new(Activity::NotRunning, 0).0))
    }

    /// Says it, and what it was before.
    #[inline]
    pub(crate) fn begin(&self, activity: Activity) -> Word {
        self.begin_word(Word::new(activity, 0))
    }

    #[inline]
    pub(crate) fn begin_word(&self, word: Word) -> Word {
        let before = self.0.load(Ordering::Relaxed);
        self.0.store(word.0, Ordering::Relaxed);
        Word(before)
    }

    /// Adds the label to what is being done.
    pub(crate) fn label(&self, label: Label) {
        self.begin_word(Word::new(self.get().activity, Label::number(Some(label))));
    }

    pub(crate) fn get(&self) -> Doing {
        Word(self.0.load(Ordering::Relaxed)).doing()
    }
}

/// The label of a handle, if it was given one. From any thread.
pub(crate) struct LabelCell(AtomicU32);

impl LabelCell {
    pub(crate) fn new() -> LabelCell {
        LabelCell(AtomicU32::new(0))
    }

    pub(crate) fn set(&self, label: Label) {
        self.0.store(Label::number(Some(label)), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Option<Label> {
        Label::from_number(self.number())
    }

    #[inline]
    pub(crate) fn number(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_keeps_kind_number_and_label() {
        let label = Label::new("kept in a word").unwrap();
        for activity in [
            Activity::NotRunning,
            Activity::Waiting,
            Activity::Dispatching,
            Activity::Post,
            Activity::Message,
            Activity::Task,
            Activity::Timer,
            Activity::FileEvent { fd: i32::MAX },
            Activity::Signal { signal: 64 },
            Activity::Scheduled,
            Activity::DeferredDelete,
            Activity::Destructor,
        ] {
            for label in [None, Some(label)] {
                let word = Word::new(activity, Label::number(label));
                assert_eq!(word.doing(), Doing::new(activity, label));
            }
        }
    }

    #[test]
    fn it_reads_as_a_sentence_part() {
        let label = Label::new("accept").ok();
        let doing = Doing::new(Activity::FileEvent { fd: 7 }, label);
        assert_eq!(doing.to_string(), "file event on fd 7 (accept)");
        assert_eq!(Doing::new(Activity::Timer, None).to_string(), "timer");
    }
}
