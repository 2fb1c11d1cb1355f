//! What a new configuration changes, for taking it over while servers run.

use super::{Config, ServerConfig};

/// The names of the servers of two configurations, each in one list, in the order of the newer file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// In the new configuration only.
    pub added: Vec<String>,
    /// In the old configuration only; in its order.
    pub removed: Vec<String>,
    /// Reached in another way, or disabled or enabled: what runs now is to be stopped, and what is configured
    /// now to be started.
    pub changed: Vec<String>,
    /// Reached as before, with other settings: labels, intervals, limits, the restart policy. The process may
    /// stay.
    pub relabelled: Vec<String>,
    /// The same in both.
    pub unchanged: Vec<String>,
}

impl Config {
    /// What changes from this configuration to `new`.
    pub fn difference(&self, new: &Config) -> Change {
        let mut change = Change::default();
        for server in &new.servers {
            let list = match self.server(&server.name) {
                None => &mut change.added,
                Some(old) if needs_restart(old, server) => &mut change.changed,
                Some(old) if old.settings != server.settings => &mut change.relabelled,
                Some(_) => &mut change.unchanged,
            };
            list.push(server.name.clone());
        }
        let gone = self.servers.iter().filter(|server| new.server(&server.name).is_none());
        change.removed = gone.map(|server| server.name.clone()).collect();
        change
    }
}

fn needs_restart(old: &ServerConfig, new: &ServerConfig) -> bool {
    old.transport != new.transport || old.settings.disabled != new.settings.disabled
}
