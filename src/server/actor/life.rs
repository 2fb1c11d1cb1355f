//! A life of a server, from the start of its process to the end of all that it left, and what comes after.

use std::time::Duration;

use super::{After, Phase, Server, ServerMessage, Step, Timer};
use crate::actor::{Context, ReplyTo};
use crate::server::call::CallResult;
use crate::server::client::{Client, Purpose};
use crate::server::config::Transport;
use crate::server::handshake;
use crate::server::json_rpc::Outgoing;
use crate::server::launch::ProcessEvent;
use crate::server::listing::{Catalog, Listing};
use crate::server::metrics::Measured;
use crate::server::open_link::open_link;
use crate::server::restarts::Verdict;
use crate::server::state::EventKind;
use crate::server::status::ServerStatus;

impl Server {
    pub(super) fn asked_to_start(&mut self, context: &mut Context<'_, Self>) {
        if self.config.settings.disabled || self.last_life {
            return;
        }
        match self.phase {
            Phase::Down | Phase::Waiting => {
                self.restarts.forget();
                self.start(context);
            }
            Phase::Ending(step, _) => self.phase = Phase::Ending(step, After::StartAgain),
            Phase::Starting | Phase::Serving => {}
        }
    }

    pub(super) fn asked_to_stop(&mut self, context: &mut Context<'_, Self>, reply: Option<ReplyTo<()>>) {
        const WHY: &str = "it was asked to stop";
        self.stoppers.extend(reply);
        match self.phase {
            Phase::Down => {
                // One that has failed is now meant not to run.
                if self.entry.with(|info| info.status) != ServerStatus::Stopped {
                    self.become_(ServerStatus::Stopped, WHY);
                }
                self.tell_stoppers();
            }
            Phase::Waiting => {
                self.clear_timer(context);
                self.end_reason = WHY.into();
                self.stay_down(context, ServerStatus::Stopped);
                self.tell_stoppers();
            }
            Phase::Starting | Phase::Serving => self.end(context, After::Stay, WHY.into()),
            Phase::Ending(step, _) => {
                self.end_reason = WHY.into();
                self.phase = Phase::Ending(step, After::Stay);
                self.become_(ServerStatus::Stopping, WHY);
                if step == Step::Lost {
                    self.next_stop_step(context);
                }
            }
        }
        self.refuse_queued(context);
    }

    pub(super) fn asked_to_restart(&mut self, context: &mut Context<'_, Self>) {
        if self.is_up() && !self.config.settings.disabled {
            self.restarts.forget();
            self.end(context, After::StartAgain, "it was asked to restart".into());
        } else {
            self.asked_to_start(context);
        }
    }

    /// A stop that takes the last step first.
    pub(super) fn asked_to_die(&mut self, context: &mut Context<'_, Self>) {
        self.asked_to_stop(context, None);
        if let (Phase::Ending(_, after), Some(link)) = (self.phase, &mut self.link) {
            link.kill();
            self.phase = Phase::Ending(Step::Killed, after);
        }
    }

    // A life begins.

    pub(super) fn start(&mut self, context: &mut Context<'_, Self>) {
        self.clear_timer(context);
        self.life += 1;
        self.phase = Phase::Starting;
        self.client = Client::new();
        self.listings = Catalog::ALL.map(Listing::new);
        self.started_at = context.now();
        self.serving_since = None;
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

    /// Begins a life that follows another.
    pub(super) fn start_again(&mut self, context: &mut Context<'_, Self>) {
        self.measure(Measured::Restarted);
        self.entry.update(|info| info.restarts += 1);
        self.start(context);
    }

    /// The handshake has its answer.
    pub(super) fn introduced(&mut self, context: &mut Context<'_, Self>, answer: CallResult) {
        if self.phase != Phase::Starting {
            return;
        }
        let has_process = matches!(self.config.transport, Transport::Stdio { .. });
        if has_process && self.identity.is_none() {
            // The server is quicker than its guardian, which tells in a moment that it runs.
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
        self.serving_since = Some(context.now());
        let initialized = Outgoing::Notification { method: "notifications/initialized", params: None };
        if let Some(link) = &mut self.link {
            link.introduce(&peer.protocol_version, initialized.to_line());
        }
        let offers = |catalog: &Catalog| peer.capabilities.get(catalog.key()).is_some();
        let offered: Vec<_> = Catalog::ALL.into_iter().filter(offers).collect();
        let reason = format!("{} {} is ready", peer.name, peer.version);
        self.entry.update(|info| info.peer = Some(peer));
        self.become_(ServerStatus::Running, &reason);
        let took = Duration::from_nanos(context.now().saturating_sub(self.started_at));
        self.measure(Measured::Started(took));
        self.record(EventKind::Started, &reason);
        self.be_watched(context);
        for catalog in offered {
            self.renew_list(context, catalog);
        }
        self.send_queued(context);
    }

    // Its process.

    pub(super) fn read_process(&mut self, context: &mut Context<'_, Self>) {
        while let Some(link) = &mut self.link {
            match link.next_event() {
                Ok(Some(event)) => self.happened(context, event),
                Ok(None) => return,
                Err(error) => {
                    // Nothing more is heard of it; dropping it ends it.
                    self.process_ended(context, format!("its process is lost: {error}"), true);
                    self.ended(context);
                }
            }
        }
    }

    fn happened(&mut self, context: &mut Context<'_, Self>, event: ProcessEvent) {
        match event {
            ProcessEvent::Started(identity) => {
                let pid = identity.server.pid;
                self.identity = Some(Box::new(identity));
                self.remember_process();
                self.change(|info| {
                    info.pid = Some(pid);
                    if info.status == ServerStatus::Starting {
                        info.reason = "its process runs; the handshake is under way".into();
                    }
                });
                if let Some(answer) = self.early_answer.take() {
                    self.introduced(context, answer);
                }
            }
            ProcessEvent::ExecFailed(error) => {
                self.process_ended(context, format!("it cannot be run: {error}"), true);
            }
            ProcessEvent::Exited(status) => {
                // What it said last is worth hearing. That it says no more is no news then.
                let _ = self.hear_all(context);
                self.read_log(context);
                self.process_ended(context, format!("its process ended: {status}"), !status.success());
            }
            ProcessEvent::Gone => {
                if self.is_up() {
                    self.process_ended(context, "its processes were killed".into(), true);
                }
                self.ended(context);
            }
        }
    }

    /// Its process ended; what it left behind is being ended.
    fn process_ended(&mut self, context: &mut Context<'_, Self>, why: String, failed: bool) {
        let after = After::AskPolicy { failed: failed || self.serving_since.is_none() };
        match self.phase {
            Phase::Starting | Phase::Serving => self.end(context, after, why),
            Phase::Ending(Step::Lost, After::AskPolicy { .. }) => {
                self.phase = Phase::Ending(Step::InputClosed, after);
                self.become_(ServerStatus::Stopping, &why);
                self.end_reason = why;
            }
            _ => {}
        }
    }

    // A life ends.

    /// This life is of no more use: it is ended, and its policy decides.
    pub(super) fn fail(&mut self, context: &mut Context<'_, Self>, why: String) {
        if self.is_up() {
            self.end(context, After::AskPolicy { failed: true }, why);
        }
    }

    /// Its connection is lost.
    pub(super) fn lost(&mut self, context: &mut Context<'_, Self>, why: String) {
        let life = self.life;
        self.read_process(context);
        if life == self.life && self.is_up() {
            self.end_by(context, Step::Lost, After::AskPolicy { failed: true }, why);
        }
    }

    /// Takes the first step of the stop.
    fn end(&mut self, context: &mut Context<'_, Self>, after: After, why: String) {
        if let Some(link) = &mut self.link {
            link.close_input();
        }
        self.end_by(context, Step::InputClosed, after, why);
    }

    /// This life ends, by a step that has been taken.
    fn end_by(&mut self, context: &mut Context<'_, Self>, step: Step, after: After, why: String) {
        if self.serving_since.is_none() && matches!(after, After::AskPolicy { .. }) {
            self.measure(Measured::StartFailed);
        }
        self.phase = Phase::Ending(step, after);
        self.set_timer(context, self.config.settings.stop_timeout, Timer::StopStep);
        self.be_watched_no_more();
        self.become_(ServerStatus::Stopping, &why);
        self.fail_flights(context, &why);
        self.end_reason = why;
    }

    pub(super) fn next_stop_step(&mut self, context: &mut Context<'_, Self>) {
        let (Phase::Ending(step, after), Some(link)) = (self.phase, &mut self.link) else { return };
        let next = match step {
            Step::Lost => {
                link.close_input();
                Step::InputClosed
            }
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
        self.entry.end_log();
        self.entry.update(|info| {
            info.pid = None;
            info.peer = None;
            Catalog::ALL.into_iter().for_each(|catalog| info.names_of(catalog).clear());
            info.last_ping = None;
            info.failed_checks = 0;
        });
        self.identity = None;
        self.remember_process();
        self.measure(Measured::Stopped);
        match self.phase {
            Phase::Ending(_, After::StartAgain) if !self.last_life => self.start_again(context),
            Phase::Ending(_, After::AskPolicy { failed }) if !self.last_life => {
                self.decide_after_end(context, failed);
            }
            _ => self.stay_down(context, ServerStatus::Stopped),
        }
        self.tell_stoppers();
    }

    fn stay_down(&mut self, context: &mut Context<'_, Self>, status: ServerStatus) {
        self.phase = Phase::Down;
        let reason = std::mem::take(&mut self.end_reason);
        self.become_(status, &reason);
        if status == ServerStatus::Stopped {
            self.record(EventKind::Stopped, &reason);
        }
        self.refuse_queued(context);
        if self.last_life {
            context.finish();
        }
    }

    fn tell_stoppers(&mut self) {
        self.stoppers.drain(..).for_each(|reply| reply.send(()));
    }

    /// A life ended that nobody asked to end: is there another?
    fn decide_after_end(&mut self, context: &mut Context<'_, Self>, failed: bool) {
        if failed {
            self.record(EventKind::Failed, &self.end_reason);
        }
        let now = context.now();
        let served = self.serving_since.map(|since| Duration::from_nanos(now.saturating_sub(since)));
        let settings = &self.config.settings.restart;
        match self.restarts.decide(settings, failed, served, now, context.random()) {
            Verdict::Again(delay) => {
                self.phase = Phase::Waiting;
                let reason = format!("{}; it is started again in {delay:.1?}", self.end_reason);
                self.become_(ServerStatus::Backoff, &reason);
                self.set_timer(context, delay, Timer::Backoff);
            }
            Verdict::Over if failed => self.stay_down(context, ServerStatus::Failed),
            Verdict::Over => self.stay_down(context, ServerStatus::Stopped),
            Verdict::GivenUp(restarts) => {
                self.end_reason = format!(
                    "{}; after {restarts} restarts within {:?} it is given up",
                    self.end_reason, settings.window
                );
                self.stay_down(context, ServerStatus::Failed);
            }
        }
    }
}
