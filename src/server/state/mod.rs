//! What a manager of servers remembers from one life to the next: what each server should be doing, what
//! happened to it, and which processes were running, so that those left over are recognised.

mod encoding;
mod error;
mod file;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use error::StateError;
pub use file::StateFile;

use super::launch::ProcessIdentity;

/// All that is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// By name.
    pub servers: BTreeMap<String, ServerState>,
}

/// What is remembered of one server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerState {
    /// What its user last asked for; `None` if nobody did, so that the configuration decides.
    pub desired: Option<Desired>,
    /// How often it was restarted, ever.
    pub restarts: u64,
    /// The process that runs, or ran when the manager died.
    pub process: Option<ProcessIdentity>,
    history: VecDeque<Event>,
}

/// What a server should be doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Desired {
    /// It should run.
    Running,
    /// It should not.
    Stopped,
}

/// Something that happened to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// When, in whole milliseconds.
    pub at: SystemTime,
    /// What.
    pub kind: EventKind,
    /// Why, in words.
    pub reason: String,
}

/// What can happen to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// It runs.
    Started,
    /// It ended as it was asked to.
    Stopped,
    /// It did not start, ended by itself, or had to be ended.
    Failed,
}

impl State {
    /// What is remembered of the server `name`; a new one is remembered from now on.
    pub fn server(&mut self, name: &str) -> &mut ServerState {
        self.servers.entry(name.to_owned()).or_default()
    }
}

impl ServerState {
    /// How many events are remembered.
    pub const HISTORY: usize = 64;

    /// The last [`HISTORY`](Self::HISTORY) events, the oldest first.
    pub fn history(&self) -> impl DoubleEndedIterator<Item = &Event> + ExactSizeIterator {
        self.history.iter()
    }

    /// Remembers an event, and forgets the oldest if there are too many.
    pub fn record(&mut self, event: Event) {
        if self.history.len() == Self::HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(event);
    }
}

/// 9999-12-31 in milliseconds: beyond it a time is taken for nonsense.
const LATEST: u64 = 253_402_300_799_999;

impl Event {
    /// How many bytes of a reason are remembered.
    pub const REASON_BYTES: usize = 1024;

    /// An event. The time loses what is below a millisecond, the reason what is beyond
    /// [`REASON_BYTES`](Self::REASON_BYTES).
    pub fn new(at: SystemTime, kind: EventKind, reason: impl Into<String>) -> Event {
        let mut reason = reason.into();
        let whole = |end: &usize| reason.is_char_boundary(*end);
        let end = (0..=Self::REASON_BYTES.min(reason.len())).rev().find(whole).unwrap_or(0);
        reason.truncate(end);
        Event { at: UNIX_EPOCH + Duration::from_millis(unix_millis(at)), kind, reason }
    }
}

/// The milliseconds since 1970, brought into the range that a file may hold.
fn unix_millis(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis().min(LATEST.into()) as u64)
}
