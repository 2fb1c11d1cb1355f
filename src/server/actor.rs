//! The actor of one server: its status, its process, its requests.
//!
//! One place changes the status, [`Server::become_`], and everybody sees the change at once in the
//! [`Board`](super::board::Board).
//!
//! A life of the server begins with [`Server::start`] and ends when nothing of its process is left. News of a
//! former life is told by its number, and ignored.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use super::board::Entry;
use super::call::{CallError, CallKey, CallResult, Request, WhenDown};
use super::client::{Asker, Client, Flight, Purpose, answer_line, cancelled_line};
use super::collector::CollectorMessage;
use super::config::{RestartPolicy, ServerConfig, Transport};
use super::handshake;
use super::health::HealthMessage;
use super::heard::Heard;
use super::json_rpc::{Incoming, Outgoing};
use super::launch::{ProcessEvent, ProcessIdentity};
use super::link::{Kind, Link, Read, Ready};
use super::manager::ManagerMessage;
use super::memory::Memory;
use super::metrics::{Measured, RequestOutcome};
use super::open_link::open_link;
use super::state::{Event, EventKind};
use super::status::ServerStatus;
use super::working_set;
use crate::actor::{Actor, ActorRef, ActorResult, Backoff, BoxError, Context, ReplyTo, Stopping, TimerKey};
use crate::dispatcher::{Nanos, nanos};

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
    /// Its configuration changed; `restart`: so much that it must run anew.
    Configure {
        config: Box<ServerConfig>,
        restart: bool,
    },
    Call(Request),
    Cancel(CallKey),
    Notify {
        method: String,
        params: Option<Value>,
    },
    /// Answer whether you are well.
    Check(ReplyTo<CallResult>),
    /// The health monitor has forgotten you.
    WatchAgain,
    /// So many health checks in a row failed; none, if they pass again.
    Health {
        failed: u32,
        is_well: bool,
        reason: String,
    },
    /// Something can be read or written in the life of this number.
    Ready {
        life: u64,
        ready: Ready,
    },
    Timer {
        life: u64,
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
    pub(crate) manager: ActorRef<ManagerMessage>,
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
    waiting: VecDeque<(Request, TimerKey)>,
    /// Who wants to know when it has stopped.
    stoppers: Vec<ReplyTo<()>>,
    timer: Option<TimerKey>,
    identity: Option<Box<ProcessIdentity>>,
    started_at: Nanos,
    /// Restarts of the recent past, for the policy.
    restarts: VecDeque<Nanos>,
    attempt: u32,
    /// Why this life ends.
    end_reason: String,
    /// Its output was lost; why, its process may still say.
    awaits_reason: bool,
    /// It had done its handshake before it ended.
    was_serving: bool,
    tools: Vec<String>,
    /// The answer to the handshake, until it is known which process runs.
    early_answer: Option<CallResult>,
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
            waiting: VecDeque::new(),
            stoppers: Vec::new(),
            timer: None,
            identity: None,
            started_at: 0,
            restarts: VecDeque::new(),
            attempt: 0,
            end_reason: String::new(),
            awaits_reason: false,
            was_serving: false,
            tools: Vec::new(),
            early_answer: None,
            last_life: false,
        }
    }

    fn measure(&self, measured: Measured) {
        // The collector outlives the servers; should it not, nobody reads the figures.
        let _ = self.around.metrics.tell(CollectorMessage::Count { server: self.name.clone(), measured });
    }

    /// Changes the status, for all to see.
    fn become_(&mut self, status: ServerStatus, reason: &str) {
        let (before, now) = self.entry.update(|info| {
            info.reason = reason.to_owned();
            if status != info.status {
                info.since = Instant::now();
            }
            (std::mem::replace(&mut info.status, status), info.clone())
        });
        self.around.memory.tell_change(&now);
        if before != status {
            match status {
                ServerStatus::Failed | ServerStatus::Unhealthy | ServerStatus::Backoff => {
                    tracing::warn!(server = %self.name, %status, "{reason}");
                }
                _ => tracing::info!(server = %self.name, %status, "{reason}"),
            }
        }
    }

    /// The manager remembers the process, should an end of this program leave it behind.
    fn tell_identity(&self) {
        let (server, identity) = (self.name.clone(), self.identity.clone());
        let _ = self.around.manager.tell(ManagerMessage::Process { server, identity });
    }

    fn record(&self, kind: EventKind, reason: &str) {
        let event = Event::new(SystemTime::now(), kind, reason);
        let _ = self.around.manager.tell(ManagerMessage::Happened { server: self.name.clone(), event });
    }

    fn set_timer(&mut self, context: &mut Context<'_, Self>, delay: Duration, timer: Timer) {
        self.clear_timer(context);
        self.timer = Some(context.after(delay, ServerMessage::Timer { life: self.life, timer }));
    }

    fn clear_timer(&mut self, context: &mut Context<'_, Self>) {
        if let Some(timer) = self.timer.take() {
            context.cancel(timer);
        }
    }

    // A life begins.

    fn start(&mut self, context: &mut Context<'_, Self>) {
        self.clear_timer(context);
        self.life += 1;
        self.phase = Phase::Starting;
        self.awaits_reason = false;
        self.early_answer = None;
        self.client = Client::new();
        self.started_at = context.now();
        let begins = match &self.config.transport {
            Transport::Stdio { .. } => "its process is started",
            Transport::Http { .. } => "the handshake is under way",
        };
        self.become_(ServerStatus::Starting, begins);
        let (life, loopback) = (self.life, context.loopback());
        let notify = move |ready| loopback.tell(ServerMessage::Ready { life, ready });
        match open_link(&self.config, &*self.around.memory.launcher, &context.dispatcher(), notify) {
            Ok(link) => {
                self.link = Some(link);
                self.set_timer(context, self.config.settings.start_timeout, Timer::StartLimit);
                self.ask(context, "initialize", Some(handshake::initialize_params()), Purpose::Initialize);
            }
            Err(why) => {
                self.measure(Measured::StartFailed);
                self.end_reason = why;
                self.decide_after_end(context, true);
            }
        }
    }

    fn introduced(&mut self, context: &mut Context<'_, Self>, answer: CallResult) {
        // The news that its process runs may still lie there.
        self.read_process(context);
        if self.phase != Phase::Starting {
            return;
        }
        // That news comes from the guardian, and the server may be quicker.
        let has_process = matches!(self.config.transport, Transport::Stdio { .. });
        if has_process && self.identity.is_none() {
            self.early_answer = Some(answer);
            return;
        }
        let peer = match answer {
            Ok(result) => handshake::read_peer(&result),
            Err(error) => Err(format!("the handshake failed: {error}")),
        };
        let peer = match peer {
            Ok(peer) => peer,
            Err(why) => return self.fail(context, why),
        };
        self.clear_timer(context);
        self.phase = Phase::Serving;
        let initialized = Outgoing::Notification { method: "notifications/initialized", params: None };
        if let Some(link) = &mut self.link {
            link.introduce(&peer.protocol_version, initialized.to_line());
        }
        let lists_tools = peer.capabilities.get("tools").is_some();
        let reason = format!("{} {} is ready", peer.name, peer.version);
        self.entry.update(|info| info.peer = Some(peer));
        self.become_(ServerStatus::Running, &reason);
        let took = Duration::from_nanos(context.now().saturating_sub(self.started_at));
        self.measure(Measured::Started(took));
        self.record(EventKind::Started, &reason);
        self.be_watched(context);
        if lists_tools {
            self.list_tools(context, None);
        }
        for (request, timer) in std::mem::take(&mut self.waiting) {
            context.cancel(timer);
            self.call(context, request);
        }
    }

    // A life ends.

    /// This life is of no more use: it is ended, and its policy decides.
    fn fail(&mut self, context: &mut Context<'_, Self>, why: String) {
        if matches!(self.phase, Phase::Starting | Phase::Serving) {
            self.end(context, After::AskPolicy { failed: true }, why);
        }
    }

    /// Takes the first step of the stop.
    fn end(&mut self, context: &mut Context<'_, Self>, after: After, why: String) {
        self.was_serving = self.phase == Phase::Serving;
        if !self.was_serving && matches!(after, After::AskPolicy { .. }) {
            self.measure(Measured::StartFailed);
        }
        self.be_watched_no_more();
        self.fail_flights(context, &why);
        self.become_(ServerStatus::Stopping, &why);
        self.end_reason = why;
        self.phase = Phase::Ending(Step::InputClosed, after);
        match &mut self.link {
            Some(link) => {
                link.close_input();
                self.set_timer(context, self.config.settings.stop_timeout, Timer::StopStep);
            }
            None => self.ended(context),
        }
    }

    fn next_stop_step(&mut self, context: &mut Context<'_, Self>) {
        let (Phase::Ending(step, after), Some(link)) = (self.phase, &mut self.link) else { return };
        let next = match step {
            Step::InputClosed => {
                link.terminate();
                Step::Terminated
            }
            Step::Terminated | Step::Killed => {
                link.kill();
                Step::Killed
            }
        };
        tracing::info!(server = %self.name, step = ?next, "it has not ended yet");
        self.phase = Phase::Ending(next, after);
        self.set_timer(context, self.config.settings.stop_timeout, Timer::StopStep);
    }

    /// Nothing of its process is left.
    fn ended(&mut self, context: &mut Context<'_, Self>) {
        self.clear_timer(context);
        self.link = None;
        self.entry.update(|info| {
            info.pid = None;
            info.peer = None;
            info.tools.clear();
            info.last_ping = None;
            info.failed_checks = 0;
        });
        self.identity = None;
        self.tell_identity();
        self.measure(Measured::Stopped);
        let after = match self.phase {
            Phase::Ending(_, after) => after,
            _ => After::AskPolicy { failed: true },
        };
        match after {
            After::Stay => self.stay_down(ServerStatus::Stopped, context),
            After::StartAgain if !self.last_life => {
                self.count_restart();
                self.start(context);
            }
            After::AskPolicy { failed } if !self.last_life => self.decide_after_end(context, failed),
            After::StartAgain | After::AskPolicy { .. } => self.stay_down(ServerStatus::Stopped, context),
        }
    }

    fn stay_down(&mut self, status: ServerStatus, context: &mut Context<'_, Self>) {
        self.phase = Phase::Down;
        let reason = std::mem::take(&mut self.end_reason);
        self.become_(status, &reason);
        if status == ServerStatus::Stopped {
            self.record(EventKind::Stopped, &reason);
        }
        for (request, timer) in std::mem::take(&mut self.waiting) {
            context.cancel(timer);
            request.reply.send(Err(CallError::Down { status, reason: reason.clone() }));
        }
        self.stoppers.drain(..).for_each(|reply| reply.send(()));
        if self.last_life {
            context.finish();
        }
    }

    /// A life ended that nobody asked to end: is there another?
    fn decide_after_end(&mut self, context: &mut Context<'_, Self>, failed: bool) {
        if failed {
            self.record(EventKind::Failed, &self.end_reason);
        }
        let restart = &self.config.settings.restart;
        let again = match restart.policy {
            RestartPolicy::Always => true,
            RestartPolicy::OnFailure => failed,
            RestartPolicy::Never => false,
        };
        if !again {
            let status = if failed { ServerStatus::Failed } else { ServerStatus::Stopped };
            return self.stay_down(status, context);
        }
        let now = context.now();
        let window = nanos(restart.window);
        self.restarts.retain(|at| now.saturating_sub(*at) <= window);
        if restart.max_restarts.is_some_and(|max| self.restarts.len() >= max as usize) {
            self.end_reason = format!(
                "it ended {} times within {:?}, and is given up; the last time: {}",
                self.restarts.len() + 1,
                restart.window,
                self.end_reason
            );
            return self.stay_down(ServerStatus::Failed, context);
        }
        self.restarts.push_back(now);
        let backoff = Backoff {
            initial: restart.backoff.initial,
            max: restart.backoff.max,
            factor: restart.backoff.factor,
            jitter: restart.backoff.jitter,
            reset_after: restart.backoff.max,
        };
        if now.saturating_sub(self.started_at) > nanos(backoff.reset_after) {
            self.attempt = 0;
        }
        let delay = backoff.delay(self.attempt, context.random());
        self.attempt = self.attempt.saturating_add(1);
        self.phase = Phase::Waiting;
        let reason = format!("{}; it is started again in {delay:.1?}", self.end_reason);
        self.become_(ServerStatus::Backoff, &reason);
        self.set_timer(context, delay, Timer::Backoff);
    }

    fn count_restart(&mut self) {
        self.measure(Measured::Restarted);
        self.entry.update(|info| info.restarts += 1);
    }

    /// Has the health monitor ask from time to time, as the settings say now.
    fn be_watched(&self, context: &mut Context<'_, Self>) {
        if self.phase == Phase::Serving {
            let (server, actor) = (self.name.clone(), context.myself());
            let watch = HealthMessage::Watch { server, actor, settings: self.config.settings.clone() };
            // A monitor that fails finds us again when it is back.
            let _ = self.around.health.tell(watch);
        }
    }

    fn be_watched_no_more(&self) {
        let _ = self.around.health.tell(HealthMessage::Unwatch { server: self.name.clone() });
    }

    // What others ask for.

    fn asked_to_start(&mut self, context: &mut Context<'_, Self>) {
        match self.phase {
            Phase::Down | Phase::Waiting => {
                self.attempt = 0;
                self.restarts.clear();
                self.start(context);
            }
            Phase::Ending(step, _) => self.phase = Phase::Ending(step, After::StartAgain),
            Phase::Starting | Phase::Serving => {}
        }
    }

    fn asked_to_stop(&mut self, context: &mut Context<'_, Self>, reply: Option<ReplyTo<()>>) {
        self.stoppers.extend(reply);
        match self.phase {
            Phase::Down | Phase::Waiting => {
                self.clear_timer(context);
                self.end_reason = "it was asked to stop".into();
                self.stay_down(ServerStatus::Stopped, context);
            }
            Phase::Starting | Phase::Serving => {
                self.end(context, After::Stay, "it was asked to stop".into());
            }
            Phase::Ending(step, _) => {
                self.end_reason = "it was asked to stop".into();
                self.phase = Phase::Ending(step, After::Stay);
            }
        }
    }

    /// A stop that takes the last step first.
    fn asked_to_die(&mut self, context: &mut Context<'_, Self>) {
        self.asked_to_stop(context, None);
        if let (Phase::Ending(_, after), Some(link)) = (self.phase, &mut self.link) {
            link.kill();
            self.phase = Phase::Ending(Step::Killed, after);
        }
    }

    fn asked_to_restart(&mut self, context: &mut Context<'_, Self>) {
        match self.phase {
            Phase::Starting | Phase::Serving => {
                self.attempt = 0;
                self.restarts.clear();
                self.end(context, After::StartAgain, "it was asked to restart".into());
            }
            _ => self.asked_to_start(context),
        }
    }

    fn configure(&mut self, context: &mut Context<'_, Self>, config: ServerConfig, restart: bool) {
        self.config = config;
        let (category, labels) =
            (self.config.settings.category.clone(), self.config.settings.capabilities.clone());
        self.entry.update(|info| (info.category, info.labels) = (category, labels));
        let is_up = matches!(self.phase, Phase::Starting | Phase::Serving);
        if self.config.settings.disabled {
            self.asked_to_stop(context, None);
        } else if restart && (is_up || self.phase == Phase::Waiting) {
            self.asked_to_restart(context);
        } else {
            self.be_watched(context);
        }
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

    // Requests.

    fn call(&mut self, context: &mut Context<'_, Self>, mut request: Request) {
        let limit = request.options.timeout.unwrap_or(self.config.settings.request_timeout);
        if self.phase == Phase::Serving {
            let method = request.method.clone();
            let (params, wants_progress) = (request.params.take(), request.options.on_progress.is_some());
            match self.client.request_line(&method, params, wants_progress) {
                Ok(line) => self.send_request(context, line, method, Asker::Caller(Box::new(request)), limit),
                Err(error) => request.reply.send(Err(error)),
            }
            return;
        }
        let (status, reason) = self.entry.with(|info| (info.status, info.reason.clone()));
        if request.options.when_down == WhenDown::Wait && self.comes_up() {
            let timer = context.after(limit, ServerMessage::WaitedTooLong(request.key));
            self.waiting.push_back((request, timer));
        } else {
            request.reply.send(Err(CallError::Down { status, reason }));
        }
    }

    /// Whether it will serve without anybody's doing, as far as one can know.
    fn comes_up(&self) -> bool {
        let begins = matches!(self.phase, Phase::Starting | Phase::Waiting);
        let goes_on = matches!(self.phase, Phase::Ending(_, After::StartAgain | After::AskPolicy { .. }));
        (begins || goes_on) && !self.last_life
    }

    /// Asks the server something that the actor itself wants to know.
    fn ask(
        &mut self,
        context: &mut Context<'_, Self>,
        method: &str,
        params: Option<Value>,
        purpose: Purpose,
    ) {
        let limit = match &purpose {
            // The timer of the start counts for it.
            Purpose::Initialize => Duration::MAX,
            Purpose::Ping(_) => self.config.settings.health_timeout,
            Purpose::ListTools => self.config.settings.request_timeout,
        };
        // Our own requests are valid.
        if let Ok(line) = self.client.request_line(method, params, false) {
            self.send_request(context, line, method.to_owned(), Asker::Own(purpose), limit);
        }
    }

    fn send_request(
        &mut self,
        context: &mut Context<'_, Self>,
        line: String,
        method: String,
        asker: Asker,
        limit: Duration,
    ) {
        let deadline = ServerMessage::Deadline { life: self.life, id: self.client.next_id() };
        let deadline = context.after(limit, deadline);
        let kind = match &asker {
            Asker::Own(Purpose::Ping(_)) => Kind::Check(self.client.next_id()),
            _ => Kind::Request(self.client.next_id()),
        };
        self.client.sent(Flight { asker, method, sent_at: context.now(), deadline });
        let id = self.client.next_id() - 1;
        if let Err(waiting) = self.send_line(line, kind)
            && let Some(flight) = self.client.take_number(id)
        {
            self.land(context, flight, Err(CallError::NotReading { waiting }));
        }
        self.count_in_flight();
    }

    fn send_line(&mut self, line: String, kind: Kind) -> Result<(), usize> {
        self.link.as_mut().map_or(Ok(()), |link| link.send(line, kind))
    }

    /// What the server need not answer, it need not read either.
    fn send_unanswered(&mut self, line: String) {
        if let Err(waiting) = self.send_line(line, Kind::Notice) {
            tracing::debug!(server = %self.name, waiting, "it does not read its input");
        }
    }

    fn count_in_flight(&self) {
        let count = self.client.in_flight();
        self.entry.update(|info| info.in_flight = count);
    }

    /// A request has its outcome.
    fn land(&mut self, context: &mut Context<'_, Self>, flight: Flight, result: CallResult) {
        context.cancel(flight.deadline);
        let took = Duration::from_nanos(context.now().saturating_sub(flight.sent_at));
        self.count_in_flight();
        match flight.asker {
            Asker::Caller(request) => {
                let outcome = match &result {
                    Ok(_) => RequestOutcome::Ok,
                    Err(CallError::TimedOut(_)) => RequestOutcome::Timeout,
                    Err(_) => RequestOutcome::Error,
                };
                self.measure(Measured::Request(flight.method, outcome, took));
                request.reply.send(result);
            }
            Asker::Own(Purpose::Initialize) => self.introduced(context, result),
            Asker::Own(Purpose::Ping(reply)) => {
                // An error is an answer too: older servers do not know `ping`.
                if matches!(result, Ok(_) | Err(CallError::Rpc(_))) {
                    self.entry.update(|info| info.last_ping = Some(took));
                    self.measure(Measured::Healthy(took));
                } else {
                    self.measure(Measured::Unhealthy);
                }
                reply.send(result);
            }
            Asker::Own(Purpose::ListTools) => self.listed_tools(context, result),
        }
    }

    fn cancel(&mut self, context: &mut Context<'_, Self>, key: CallKey) {
        if let Some(at) = self.waiting.iter().position(|(request, _)| request.key == key)
            && let Some((request, timer)) = self.waiting.remove(at)
        {
            context.cancel(timer);
            request.reply.send(Err(CallError::Cancelled));
        } else if let Some((id, flight)) = self.client.take_call(key) {
            self.give_up(id, "the caller does not wait any more");
            self.land(context, flight, Err(CallError::Cancelled));
        }
    }

    /// Nobody waits for an answer any more; the server is told.
    fn give_up(&mut self, id: i64, why: &str) {
        if let Some(link) = &mut self.link {
            link.forget(id);
        }
        self.send_unanswered(cancelled_line(id, why));
    }

    fn deadline(&mut self, context: &mut Context<'_, Self>, id: i64) {
        let Some(flight) = self.client.take_number(id) else { return };
        let limit = match &flight.asker {
            Asker::Caller(request) => request.options.timeout.unwrap_or(self.config.settings.request_timeout),
            Asker::Own(_) => self.config.settings.health_timeout,
        };
        self.give_up(id, "it took too long");
        self.land(context, flight, Err(CallError::TimedOut(limit)));
    }

    fn waited_too_long(&mut self, key: CallKey) {
        if let Some(at) = self.waiting.iter().position(|(request, _)| request.key == key)
            && let Some((request, _)) = self.waiting.remove(at)
        {
            let limit = request.options.timeout.unwrap_or(self.config.settings.request_timeout);
            request.reply.send(Err(CallError::TimedOut(limit)));
        }
    }

    fn fail_flights(&mut self, context: &mut Context<'_, Self>, why: &str) {
        for flight in self.client.take_all() {
            if !matches!(flight.asker, Asker::Own(Purpose::Initialize)) {
                self.land(context, flight, Err(CallError::ConnectionLost(why.to_owned())));
            }
        }
    }

    fn check(&mut self, context: &mut Context<'_, Self>, reply: ReplyTo<CallResult>) {
        if self.phase != Phase::Serving {
            let (status, reason) = self.entry.with(|info| (info.status, info.reason.clone()));
            return reply.send(Err(CallError::Down { status, reason }));
        }
        if let Some(limit) = self.config.settings.working_set_limit
            && let Some(identity) = &self.identity
            && let Some(used) = working_set::of_tree(identity.guardian.pid)
            && used > limit
        {
            let why = format!("its processes use {used} bytes of memory; {limit} are allowed");
            self.measure(Measured::Unhealthy);
            self.record(EventKind::Failed, &why);
            reply.send(Err(CallError::ConnectionLost(why.clone())));
            self.become_(ServerStatus::Unhealthy, &why);
            return self.fail(context, why);
        }
        self.ask(context, "ping", None, Purpose::Ping(reply));
    }

    fn list_tools(&mut self, context: &mut Context<'_, Self>, cursor: Option<&str>) {
        let params = cursor.map(|cursor| json!({ "cursor": cursor }));
        self.ask(context, "tools/list", params, Purpose::ListTools);
    }

    fn listed_tools(&mut self, context: &mut Context<'_, Self>, result: CallResult) {
        let page = match result {
            Ok(page) => page,
            Err(error) => {
                self.tools.clear();
                return tracing::warn!(server = %self.name, %error, "its tools are not known");
            }
        };
        let tools = page["tools"].as_array().into_iter().flatten();
        self.tools.extend(tools.filter_map(|tool| tool["name"].as_str().map(str::to_owned)));
        match page["nextCursor"].as_str() {
            // A server that never comes to an end is heard no further.
            Some(cursor) if self.tools.len() < MOST_TOOLS => self.list_tools(context, Some(cursor)),
            _ => {
                let tools = std::mem::take(&mut self.tools);
                self.entry.update(|info| info.tools = tools);
            }
        }
    }

    // What the server says.

    fn ready(&mut self, context: &mut Context<'_, Self>, ready: Ready) {
        match ready {
            Ready::Input => self.read_input(context),
            Ready::Log => self.read_log(context),
            Ready::Process => self.read_process(context),
            Ready::Output => {
                if let Some(link) = &mut self.link
                    && let Err(error) = link.flush()
                {
                    self.fail(context, format!("its input is lost: {error}"));
                }
            }
        }
    }

    fn read_input(&mut self, context: &mut Context<'_, Self>) {
        let Some(mut link) = self.link.take() else { return };
        let mut heard = Vec::new();
        let read = link.read(&mut |news| heard.push(news));
        self.link = Some(link);
        let life = self.life;
        for heard in heard {
            self.hear(context, heard);
        }
        if life != self.life {
            return;
        }
        match read {
            Ok(Read::Empty) => {}
            Ok(Read::More) => context.loopback().tell(ServerMessage::Ready { life, ready: Ready::Input }),
            // What the process says next is the better reason, if it says anything.
            Ok(Read::Ended) => self.set_lost(context, "it closed its output".into()),
            Err(why) => self.set_lost(context, why),
        }
    }

    /// The stream is lost. As a rule the process has ended too, and says how in a moment.
    fn set_lost(&mut self, context: &mut Context<'_, Self>, why: String) {
        self.read_process(context);
        if matches!(self.phase, Phase::Starting | Phase::Serving) {
            self.end(context, After::AskPolicy { failed: true }, why);
            self.awaits_reason = true;
        }
    }

    fn hear(&mut self, context: &mut Context<'_, Self>, heard: Heard) {
        let incoming = match heard {
            Heard::Message(incoming) => incoming,
            Heard::Malformed(malformed) => {
                self.measure(Measured::Malformed);
                tracing::warn!(server = %self.name, "a line that is no message: {malformed}");
                if let Some(flight) = malformed.answers.as_ref().and_then(|id| self.client.take(id)) {
                    self.land(context, flight, Err(CallError::Malformed(malformed.to_string())));
                }
                return;
            }
            Heard::Oversized(bytes) => {
                self.measure(Measured::Oversized);
                let limit = self.config.settings.max_message_bytes;
                return tracing::warn!(server = %self.name, bytes, limit, "a message that is too long");
            }
            Heard::Truncated(bytes) => {
                self.measure(Measured::Malformed);
                return tracing::warn!(server = %self.name, bytes, "its output ended within a message");
            }
            Heard::Unanswered { id, why } => {
                if let Some(flight) = self.client.take_number(id) {
                    self.land(context, flight, Err(CallError::Transport(why)));
                }
                return;
            }
        };
        match incoming {
            Incoming::Response { id, outcome } => match id.as_ref().and_then(|id| self.client.take(id)) {
                Some(flight) => self.land(context, flight, outcome.map_err(CallError::Rpc)),
                None => {
                    self.measure(Measured::Unsolicited);
                    let id = id.map_or("null".into(), |id| id.to_string());
                    tracing::warn!(server = %self.name, id, "an answer that nobody waits for");
                }
            },
            Incoming::Request { id, method, .. } => self.send_unanswered(answer_line(&id, &method)),
            Incoming::Notification { method, params } => self.notified(context, &method, params.as_ref()),
        }
    }

    fn notified(&mut self, context: &mut Context<'_, Self>, method: &str, params: Option<&Value>) {
        self.measure(Measured::Notification);
        match method {
            "notifications/progress" => {
                if !self.client.progress(params) {
                    self.measure(Measured::Unsolicited);
                }
            }
            "notifications/tools/list_changed" if self.phase == Phase::Serving => {
                self.tools.clear();
                self.list_tools(context, None);
            }
            "notifications/message" => {
                let data = params.map(|params| params["data"].to_string()).unwrap_or_default();
                tracing::debug!(server = %self.name, "{data}");
            }
            _ => tracing::trace!(server = %self.name, method, "a notification"),
        }
    }

    fn read_log(&mut self, context: &mut Context<'_, Self>) {
        let Some(link) = &mut self.link else { return };
        let (entry, name) = (&self.entry, &self.name);
        let read = link.read_log(&mut |chunk| {
            entry.write_log(chunk, |line| tracing::info!(target: "mcp_server", server = %name, "{line}"));
        });
        match read {
            Read::Empty => {}
            Read::More => {
                context.loopback().tell(ServerMessage::Ready { life: self.life, ready: Ready::Log });
            }
            Read::Ended => self.entry.end_log(),
        }
    }

    fn read_process(&mut self, context: &mut Context<'_, Self>) {
        while let Some(link) = &mut self.link {
            match link.next_event() {
                Ok(Some(event)) => self.happened(context, event),
                Ok(None) => return,
                Err(error) => return tracing::error!(server = %self.name, %error, "its process is lost"),
            }
        }
    }

    fn happened(&mut self, context: &mut Context<'_, Self>, event: ProcessEvent) {
        match event {
            ProcessEvent::Started(identity) => {
                self.entry.update(|info| info.pid = Some(identity.server.pid));
                self.identity = Some(Box::new(identity));
                self.tell_identity();
                if self.phase == Phase::Starting {
                    self.become_(ServerStatus::Starting, "its process runs; the handshake is under way");
                }
                if let Some(answer) = self.early_answer.take() {
                    self.introduced(context, answer);
                }
            }
            ProcessEvent::ExecFailed(error) => {
                self.process_ended(context, format!("it cannot be run: {error}"), true);
            }
            ProcessEvent::Exited(status) => {
                // What it said last is worth hearing.
                self.read_input(context);
                self.read_log(context);
                self.process_ended(context, format!("its process ended: {status}"), !status.success());
            }
            ProcessEvent::Gone => {
                if matches!(self.phase, Phase::Starting | Phase::Serving) {
                    self.process_ended(context, "its processes were killed".into(), true);
                }
                self.ended(context);
            }
        }
    }

    /// Its process ended; what it left behind is being ended.
    fn process_ended(&mut self, context: &mut Context<'_, Self>, why: String, failed: bool) {
        match self.phase {
            Phase::Starting | Phase::Serving => {
                let failed = failed || self.phase == Phase::Starting;
                self.end(context, After::AskPolicy { failed }, why);
            }
            Phase::Ending(step, After::AskPolicy { .. }) if self.awaits_reason => {
                self.awaits_reason = false;
                let failed = failed || !self.was_serving;
                self.phase = Phase::Ending(step, After::AskPolicy { failed });
                self.become_(ServerStatus::Stopping, &why);
                self.end_reason = why;
            }
            _ => {}
        }
    }
}

/// A tool list is not followed beyond this.
const MOST_TOOLS: usize = 10_000;

impl Actor for Server {
    type Message = ServerMessage;

    fn handle(&mut self, message: ServerMessage, context: &mut Context<'_, Self>) -> ActorResult {
        match message {
            ServerMessage::Start => self.asked_to_start(context),
            ServerMessage::Stop(reply) => self.asked_to_stop(context, reply),
            ServerMessage::Kill => self.asked_to_die(context),
            ServerMessage::Restart => self.asked_to_restart(context),
            ServerMessage::Configure { config, restart } => self.configure(context, *config, restart),
            ServerMessage::Call(request) => self.call(context, request),
            ServerMessage::Cancel(key) => self.cancel(context, key),
            ServerMessage::Notify { method, params } => {
                let line = Outgoing::Notification { method: &method, params: params.as_ref() }.to_line();
                if self.phase == Phase::Serving {
                    self.send_unanswered(line);
                }
            }
            ServerMessage::WatchAgain => self.be_watched(context),
            ServerMessage::Check(reply) => self.check(context, reply),
            ServerMessage::Health { failed, is_well, reason } => {
                self.health(context, failed, is_well, reason);
            }
            ServerMessage::Ready { life, ready } if life == self.life => self.ready(context, ready),
            ServerMessage::Timer { life, timer } if life == self.life => {
                self.timer = None;
                match timer {
                    Timer::StartLimit => {
                        let limit = self.config.settings.start_timeout;
                        self.fail(context, format!("the handshake took longer than {limit:?}"));
                    }
                    Timer::StopStep => self.next_stop_step(context),
                    Timer::Backoff => {
                        self.count_restart();
                        self.start(context);
                    }
                }
            }
            ServerMessage::Deadline { life, id } if life == self.life => self.deadline(context, id),
            ServerMessage::WaitedTooLong(key) => self.waited_too_long(key),
            // News of a former life.
            ServerMessage::Ready { .. } | ServerMessage::Timer { .. } | ServerMessage::Deadline { .. } => {}
        }
        Ok(())
    }

    fn stopping(&mut self, context: &mut Context<'_, Self>) -> Result<Stopping, BoxError> {
        self.last_life = true;
        if self.phase == Phase::Down {
            return Ok(Stopping::Now);
        }
        self.asked_to_stop(context, None);
        Ok(if self.phase == Phase::Down { Stopping::Now } else { Stopping::Later })
    }
}
