//! The actor of one server: its status, its process, its requests.
//!
//! One place changes the status, [`Server::become_`], and everybody sees the change at once in the
//! [`Board`](super::board::Board).
//!
//! A life of the server begins with [`Server::start`] and ends when nothing of its process is left. News of a
//! former life is told by its number, and ignored. How a life goes is in `life`, what is asked of it in
//! `requests`, what it says in `input`.

mod input;
mod life;
mod requests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use super::board::Entry;
use super::call::{CallError, CallKey, CallResult, Request};
use super::client::Client;
use super::collector::CollectorMessage;
use super::config::{RestartPolicy, ServerConfig};
use super::health::HealthMessage;
use super::launch::ProcessIdentity;
use super::link::{Link, Ready};
use super::listing::{Catalog, Listing};
use super::memory::Memory;
use super::metrics::Measured;
use super::restarts::Restarts;
use super::state::{Event, EventKind};
use super::status::{ServerInfo, ServerStatus};
use crate::actor::{Actor, ActorRef, ActorResult, BoxError, Context, ReplyTo, Stopping, TimerKey};
use crate::dispatcher::Nanos;
use requests::Queued;

/// What a server's actor is told.
pub(crate) enum ServerMessage {
    /// Run, whatever was before.
    Start,
    /// Do not run. The reply comes when nothing of it is left.
    Stop(Option<ReplyTo<()>>),
    /// Do not run, and leave nothing, at once.
    Kill,
    /// End, and run again.
    Restart,
    /// Its configuration changed; `anew`: so much that what runs is not what is meant any more.
    Configure {
        config: Box<ServerConfig>,
        anew: bool,
    },
    Call(Request),
    Cancel(CallKey),
    Notify {
        method: String,
        params: Option<Value>,
    },
    /// Answer whether you are well.
    Check(ReplyTo<Result<(), CallError>>),
    /// The health monitor has forgotten you.
    WatchAgain,
    /// So many health checks of this life in a row failed; none, if they pass again.
    Health {
        life: u64,
        failed: u32,
        is_well: bool,
        reason: String,
    },
    /// Something can be read or written in the life of this number.
    Ready {
        life: u64,
        ready: Ready,
    },
    /// The timer that was set as this number is due.
    Timer {
        number: u64,
        timer: Timer,
    },
    /// The time of a request is over.
    Deadline {
        life: u64,
        id: i64,
    },
    /// The time of a request that waits for the server is over.
    WaitedTooLong(CallKey),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The handshake takes too long.
    StartLimit,
    /// The next step of the stop is due.
    StopStep,
    /// The wait before the next life is over.
    Backoff,
}

/// How far a life is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// There is none.
    Down,
    Starting,
    Serving,
    /// It ends: the step that was taken, and what comes after.
    Ending(Step, After),
    /// It ended, and the next is to begin after a wait.
    Waiting,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Its connection was lost. As a rule its process has ended too, and says how in a moment.
    Lost,
    InputClosed,
    Terminated,
    Killed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Stay,
    /// Begin the next life at once: somebody asked for it.
    StartAgain,
    /// It ended of itself: its policy decides.
    AskPolicy {
        failed: bool,
    },
}

/// What all servers' actors know.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) memory: Arc<Memory>,
    pub(crate) health: ActorRef<HealthMessage>,
    pub(crate) metrics: ActorRef<CollectorMessage>,
}

pub(crate) struct Server {
    name: Arc<str>,
    config: ServerConfig,
    around: Surroundings,
    entry: Arc<Entry>,
    phase: Phase,
    life: u64,
    link: Option<Box<dyn Link>>,
    client: Client,
    /// Requests that wait until the server is ready.
    queue: VecDeque<Queued>,
    /// Who wants to know when it has stopped.
    stoppers: Vec<ReplyTo<()>>,
    timer: Option<TimerKey>,
    timers_set: u64,
    identity: Option<Box<ProcessIdentity>>,
    /// The answer to the handshake, if it came before the news that the process runs.
    early_answer: Option<CallResult>,
    started_at: Nanos,
    /// When it had done its handshake, if this life got so far.
    serving_since: Option<Nanos>,
    restarts: Restarts,
    /// Why this life ends.
    end_reason: String,
    /// What comes of the lists of what it offers, in the order of [`Catalog::ALL`].
    listings: [Listing; 3],
    /// The actor itself is to stop with this life.
    last_life: bool,
}

impl Server {
    pub(crate) fn new(config: ServerConfig, around: Surroundings, entry: Arc<Entry>) -> Server {
        Server {
            name: config.name.as_str().into(),
            config,
            around,
            entry,
            phase: Phase::Down,
            life: 0,
            link: None,
            client: Client::new(),
            queue: VecDeque::new(),
            stoppers: Vec::new(),
            timer: None,
            timers_set: 0,
            identity: None,
            early_answer: None,
            started_at: 0,
            serving_since: None,
            restarts: Restarts::default(),
            end_reason: String::new(),
            listings: Catalog::ALL.map(Listing::new),
            last_life: false,
        }
    }

    fn measure(&self, measured: Measured) {
        // The collector outlives the servers; should it not, nobody reads the figures.
        let _ = self.around.metrics.tell(CollectorMessage::Count { server: self.name.clone(), measured });
    }

    /// Changes the status, for all to see.
    fn become_(&mut self, status: ServerStatus, reason: &str) {
        let before = self.change(|info| {
            info.reason = reason.to_owned();
            if status != info.status {
                info.since = Instant::now();
            }
            std::mem::replace(&mut info.status, status)
        });
        if before != status {
            match status {
                ServerStatus::Failed | ServerStatus::Unhealthy | ServerStatus::Backoff => {
                    tracing::warn!(server = %self.name, %status, "{reason}");
                }
                _ => tracing::info!(server = %self.name, %status, "{reason}"),
            }
        }
    }

    /// Changes what is known of it, and tells the user.
    fn change<R>(&self, change: impl FnOnce(&mut ServerInfo) -> R) -> R {
        let (result, now) = self.entry.update(|info| (change(info), info.clone()));
        self.around.memory.tell_change(&now);
        result
    }

    /// The process is remembered, should an end of this program leave it behind.
    fn remember_process(&self) {
        self.around.memory.set_process(&self.name, self.identity.as_deref());
    }

    fn record(&self, kind: EventKind, reason: &str) {
        self.around.memory.record(&self.name, Event::new(SystemTime::now(), kind, reason));
    }

    fn set_timer(&mut self, context: &mut Context<'_, Self>, delay: Duration, timer: Timer) {
        self.clear_timer(context);
        self.timers_set += 1;
        self.timer = Some(context.after(delay, ServerMessage::Timer { number: self.timers_set, timer }));
    }

    fn clear_timer(&mut self, context: &mut Context<'_, Self>) {
        if let Some(timer) = self.timer.take() {
            context.cancel(timer);
        }
    }

    fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Starting | Phase::Serving)
    }

    fn down(&self) -> CallError {
        self.entry.with(|info| CallError::Down { status: info.status, reason: info.reason.clone() })
    }

    /// Takes a configuration over.
    fn configure(&mut self, context: &mut Context<'_, Self>, config: ServerConfig, anew: bool) {
        self.config = config;
        let settings = &self.config.settings;
        self.change(|info| {
            info.category.clone_from(&settings.category);
            info.labels.clone_from(&settings.capabilities);
        });
        if !anew {
            self.be_watched(context);
        } else if self.around.memory.is_wanted(&self.config) {
            self.asked_to_restart(context);
        } else if self.phase != Phase::Down {
            self.asked_to_stop(context, None);
        }
    }

    /// Has the health monitor ask from time to time, as the settings say now.
    fn be_watched(&self, context: &mut Context<'_, Self>) {
        if self.phase == Phase::Serving {
            let (server, life, actor) = (self.name.clone(), self.life, context.myself());
            let settings = self.config.settings.clone();
            // A monitor that fails finds us again when it is back.
            let _ = self.around.health.tell(HealthMessage::Watch { server, life, actor, settings });
        }
    }

    fn be_watched_no_more(&self) {
        let _ = self.around.health.tell(HealthMessage::Unwatch { server: self.name.clone() });
    }

    fn health(&mut self, context: &mut Context<'_, Self>, failed: u32, is_well: bool, reason: String) {
        if self.phase != Phase::Serving {
            return;
        }
        self.entry.update(|info| info.failed_checks = failed);
        if is_well {
            if failed == 0 {
                self.become_(ServerStatus::Running, &reason);
            }
            return;
        }
        self.become_(ServerStatus::Unhealthy, &reason);
        if self.config.settings.restart.policy != RestartPolicy::Never {
            self.fail(context, reason);
        }
    }

    fn ready(&mut self, context: &mut Context<'_, Self>, ready: Ready) {
        match ready {
            Ready::Input => self.read_input(context),
            Ready::Output => self.write_output(context),
            Ready::Log => self.read_log(context),
            Ready::Process => self.read_process(context),
        }
    }

    fn timer(&mut self, context: &mut Context<'_, Self>, number: u64, timer: Timer) {
        // One that was cleared may have sent its message before.
        if number != self.timers_set || self.timer.take().is_none() {
            return;
        }
        match timer {
            Timer::StartLimit => {
                let limit = self.config.settings.start_timeout;
                self.fail(context, format!("the handshake took longer than {limit:?}"));
            }
            Timer::StopStep => self.next_stop_step(context),
            Timer::Backoff => self.start_again(context),
        }
    }
}

impl Actor for Server {
    type Message = ServerMessage;

    /// Also after a failure of the actor: what it knew of its server is gone then, and so is its process.
    fn started(&mut self, context: &mut Context<'_, Self>) -> ActorResult {
        if let Some(config) = self.around.memory.config().server(&self.name) {
            self.config = config.clone();
        }
        let settings = &self.config.settings;
        self.entry.update(|info| {
            *info = ServerInfo {
                category: settings.category.clone(),
                labels: settings.capabilities.clone(),
                restarts: info.restarts,
                ..ServerInfo::new(info.name.clone())
            }
        });
        if self.around.memory.is_wanted(&self.config) {
            self.start(context);
        }
        Ok(())
    }

    fn handle(&mut self, message: ServerMessage, context: &mut Context<'_, Self>) -> ActorResult {
        match message {
            ServerMessage::Start => self.asked_to_start(context),
            ServerMessage::Stop(reply) => self.asked_to_stop(context, reply),
            ServerMessage::Kill => self.asked_to_die(context),
            ServerMessage::Restart => self.asked_to_restart(context),
            ServerMessage::Configure { config, anew } => self.configure(context, *config, anew),
            ServerMessage::Call(request) => self.call(context, request),
            ServerMessage::Cancel(key) => self.cancel(context, key),
            ServerMessage::Notify { method, params } => self.notify(&method, params.as_ref()),
            ServerMessage::WatchAgain => self.be_watched(context),
            ServerMessage::Check(reply) => self.check(context, reply),
            ServerMessage::Health { life, failed, is_well, reason } if life == self.life => {
                self.health(context, failed, is_well, reason);
            }
            ServerMessage::Ready { life, ready } if life == self.life => self.ready(context, ready),
            ServerMessage::Timer { number, timer } => self.timer(context, number, timer),
            ServerMessage::Deadline { life, id } if life == self.life => self.deadline(context, id),
            ServerMessage::WaitedTooLong(key) => self.waited_too_long(key),
            // News of a former life.
            ServerMessage::Health { .. } | ServerMessage::Ready { .. } | ServerMessage::Deadline { .. } => {}
        }
        Ok(())
    }

    fn stopping(&mut self, context: &mut Context<'_, Self>) -> Result<Stopping, BoxError> {
        self.last_life = true;
        if self.phase == Phase::Down {
            return Ok(Stopping::Now);
        }
        self.asked_to_stop(context, None);
        if let Phase::Ending(..) = self.phase {
            // The timer of a stop that was under way ended with the actor's ordinary life.
            self.set_timer(context, self.config.settings.stop_timeout, Timer::StopStep);
        }
        Ok(if self.phase == Phase::Down { Stopping::Now } else { Stopping::Later })
    }
}
