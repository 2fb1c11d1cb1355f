//! The changes of servers, for a thread that waits for them.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, PoisonError};

use mcp_event::server::ServerInfo;

use crate::{Outcome, PATIENCE};

/// By server, those that nobody has looked at yet.
#[derive(Default)]
pub struct Changes {
    unseen: Mutex<HashMap<String, Vec<ServerInfo>>>,
    more: Condvar,
}

impl Changes {
    pub fn add(&self, info: &ServerInfo) {
        let mut unseen = self.unseen.lock().unwrap_or_else(PoisonError::into_inner);
        unseen.entry(info.name.clone()).or_default().push(info.clone());
        self.more.notify_all();
    }

    /// Waits for the next change of a server that is as wanted.
    pub fn until(&self, server: &str, is_wanted: impl Fn(&ServerInfo) -> bool) -> Outcome<ServerInfo> {
        let mut unseen = self.unseen.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let changes = unseen.entry(server.to_owned()).or_default();
            let last = changes.last().map(|info| format!("{}: {}", info.status, info.reason));
            let end = changes.iter().position(&is_wanted).map_or(changes.len(), |at| at + 1);
            let found = changes.drain(..end).next_back().filter(&is_wanted);
            if let Some(info) = found {
                return Ok(info);
            }
            let (back, waited) =
                self.more.wait_timeout(unseen, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            unseen = back;
            if waited.timed_out() {
                return Err(format!("{server} does not come to what is wanted; {last:?}").into());
            }
        }
    }
}
