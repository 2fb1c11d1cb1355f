//! How a server is supervised: everything about it but how it is reached.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::reader::Reader;
use crate::server::document::{Fault, Item, Object};

/// How a server is supervised. What the file does not say comes from its `defaults`, and then from
/// [`Settings::default`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// Never started; other hosts know this key too. `false`.
    pub disabled: bool,
    /// Started with the manager. `true`.
    pub autostart: bool,
    /// What happens when it ends by itself.
    pub restart: RestartSettings,
    /// From one health check to the next; `None` for no checks. 30 s.
    pub health_interval: Option<Duration>,
    /// How long a check may take. 5 s.
    pub health_timeout: Duration,
    /// After how many failed checks in a row the server is taken for hung. 3.
    pub health_failure_threshold: u32,
    /// From the start of the process to the end of the handshake. 60 s.
    pub start_timeout: Duration,
    /// How long a request may take. 60 s.
    pub request_timeout: Duration,
    /// How long each step of a stop may take. 3 s.
    pub stop_timeout: Duration,
    /// The longest message that is taken from the server, in bytes. 16 MiB.
    pub max_message_bytes: usize,
    /// The most memory its processes may use together, in bytes; `None` for no limit. No limit.
    pub working_set_limit: Option<u64>,
    /// What sort of server it is, in the user's words.
    pub category: Option<String>,
    /// What it can do, in the user's words; labels to choose servers by.
    pub capabilities: Vec<String>,
}

/// When and how often a server is started again.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RestartSettings {
    /// When. `OnFailure`.
    pub policy: RestartPolicy,
    /// How many restarts the window may have before the server is given up; `None` for any number. 5.
    pub max_restarts: Option<u32>,
    /// How far back restarts are counted. 60 s.
    pub window: Duration,
    /// How long to wait before each.
    pub backoff: Backoff,
}

/// When a server that ended by itself is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Whatever its exit status.
    Always,
    /// Unless it ended with status 0.
    OnFailure,
    /// Not at all.
    Never,
}

/// The delays before restarts, which grow from one to the next.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Backoff {
    /// The first. 500 ms.
    pub initial: Duration,
    /// The longest; not below `initial`. 30 s.
    pub max: Duration,
    /// What each is multiplied by for the next, 1 to 100. 2.
    pub factor: f64,
    /// How much of each is left to chance, 0 to 1. 0.2.
    pub jitter: f64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            disabled: false,
            autostart: true,
            restart: RestartSettings::default(),
            health_interval: Some(Duration::from_secs(30)),
            health_timeout: Duration::from_secs(5),
            health_failure_threshold: 3,
            start_timeout: Duration::from_secs(60),
            request_timeout: Duration::from_secs(60),
            stop_timeout: Duration::from_secs(3),
            max_message_bytes: 16 << 20,
            working_set_limit: None,
            category: None,
            capabilities: Vec::new(),
        }
    }
}

impl Default for RestartSettings {
    fn default() -> RestartSettings {
        RestartSettings {
            policy: RestartPolicy::OnFailure,
            max_restarts: Some(5),
            window: Duration::from_secs(60),
            backoff: Backoff::default(),
        }
    }
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff {
            initial: Duration::from_millis(500),
            max: Duration::from_secs(30),
            factor: 2.0,
            jitter: 0.2,
        }
    }
}

const COUNTS: RangeInclusive<u64> = 1..=1_000_000;
const MESSAGE_BYTES: RangeInclusive<u64> = 1 << 10..=1 << 30;
const MEMORY_BYTES: RangeInclusive<u64> = 1 << 20..=1 << 50;

impl Settings {
    /// These settings, with what `object` says in place of them.
    pub(super) fn overlaid(
        mut self,
        object: &mut Object<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Settings, Fault> {
        object.read("disabled", &mut self.disabled, Item::boolean)?;
        object.read("autostart", &mut self.autostart, Item::boolean)?;
        if let Some(item) = object.optional("restart") {
            self.restart = self.restart.overlaid(&item, reader)?;
        }
        object
            .read("healthIntervalMs", &mut self.health_interval, |item| item.or_null(Item::milliseconds))?;
        object.read("healthTimeoutMs", &mut self.health_timeout, Item::milliseconds)?;
        object.read("healthFailureThreshold", &mut self.health_failure_threshold, count)?;
        object.read("startTimeoutMs", &mut self.start_timeout, Item::milliseconds)?;
        object.read("requestTimeoutMs", &mut self.request_timeout, Item::milliseconds)?;
        object.read("stopTimeoutMs", &mut self.stop_timeout, Item::milliseconds)?;
        object.read("maxMessageBytes", &mut self.max_message_bytes, |item| {
            item.integer(MESSAGE_BYTES).map(|bytes| bytes as usize)
        })?;
        object.read("workingSetLimitBytes", &mut self.working_set_limit, |item| {
            item.or_null(|item| item.integer(MEMORY_BYTES))
        })?;
        object.read("category", &mut self.category, |item| label(item).map(Some))?;
        object.read("capabilities", &mut self.capabilities, |item| {
            item.array()?.map(|capability| label(&capability)).collect()
        })?;
        Ok(self)
    }
}

impl RestartSettings {
    fn overlaid(mut self, item: &Item<'_>, reader: &mut Reader<'_>) -> Result<RestartSettings, Fault> {
        let mut object = item.object()?;
        object.read("policy", &mut self.policy, |item| {
            item.word(&[
                ("always", RestartPolicy::Always),
                ("on-failure", RestartPolicy::OnFailure),
                ("never", RestartPolicy::Never),
            ])
        })?;
        object.read("maxRestarts", &mut self.max_restarts, |item| item.or_null(count))?;
        object.read("windowMs", &mut self.window, Item::milliseconds)?;
        if let Some(item) = object.optional("backoff") {
            self.backoff = self.backoff.overlaid(&item, reader)?;
        }
        reader.finish(&object);
        Ok(self)
    }
}

impl Backoff {
    fn overlaid(mut self, item: &Item<'_>, reader: &mut Reader<'_>) -> Result<Backoff, Fault> {
        let mut object = item.object()?;
        object.read("initialMs", &mut self.initial, Item::milliseconds)?;
        object.read("maxMs", &mut self.max, Item::milliseconds)?;
        object.read("factor", &mut self.factor, |item| item.number(1.0..=100.0))?;
        object.read("jitter", &mut self.jitter, |item| item.number(0.0..=1.0))?;
        reader.finish(&object);
        if self.initial > self.max {
            let (initial, max) = (self.initial.as_millis(), self.max.as_millis());
            return Err(item.refuse(format!("\"initialMs\" ({initial}) is more than \"maxMs\" ({max})")));
        }
        Ok(self)
    }
}

fn count(item: &Item<'_>) -> Result<u32, Fault> {
    item.integer(COUNTS).map(|count| count as u32)
}

fn label(item: &Item<'_>) -> Result<String, Fault> {
    match item.string()? {
        "" => Err(item.refuse("must not be empty")),
        text => Ok(text.to_owned()),
    }
}
