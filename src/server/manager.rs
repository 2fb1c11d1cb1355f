//! The server manager: knows which servers there are to be, and has an actor for each.

use std::sync::Arc;
use std::time::Duration;

use super::actor::{Server, ServerMessage, Surroundings};
use super::board::{Entry, Place};
use super::collector::CollectorMessage;
use super::config::{Change, Config, ServerConfig};
use super::launch::ProcessIdentity;
use super::memory::Memory;
use super::state::{Desired, Event, EventKind};
use super::status::ServerInfo;
use crate::actor::{Actor, ActorResult, BoxError, Context, ReplyTo, Restart, Spec, Stopping};

pub(crate) enum ManagerMessage {
    /// Take a new configuration over, as far as it differs.
    Reload { config: Box<Config>, reply: ReplyTo<Change> },
    /// A user wants a server to run, or not.
    Want { server: String, desired: Desired, reply: ReplyTo<Result<(), NoSuchServer>> },
    /// Something happened to a server, to be remembered.
    Happened { server: Arc<str>, event: Event },
    /// A server has a process now, or none any more.
    Process { server: Arc<str>, identity: Option<Box<ProcessIdentity>> },
    /// One of the servers that are to stop before the manager does has stopped.
    Stopped,
}

/// There is no server of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoSuchServer;

pub(crate) struct Manager {
    memory: Arc<Memory>,
    /// Servers that are still to stop, while the manager does.
    stopping: usize,
}

impl Manager {
    pub(crate) fn new(memory: Arc<Memory>) -> Manager {
        Manager { memory, stopping: 0 }
    }

    /// Makes the actor of a server, and starts it if it is to run.
    fn add(&self, context: &mut Context<'_, Self>, config: &ServerConfig, order: usize) -> ActorResult {
        let around = Surroundings {
            memory: self.memory.clone(),
            manager: context.myself(),
            health: self.memory.health()?,
            metrics: self.memory.collector()?,
        };
        // After a failure of the manager, its servers have entries already.
        let entry = match self.memory.board.find(&config.name) {
            Some(place) => place.entry,
            None => Entry::new(ServerInfo::new(config.name.clone())),
        };
        let make = {
            let (config, entry) = (config.clone(), entry.clone());
            move || Server::new(config.clone(), around.clone(), entry.clone())
        };
        let spec = Spec::new(make)
            .name(format!("{}/server/{}", self.memory.name, config.name))
            .restart(Restart::Permanent)
            // Three steps, and some time for the system.
            .stop_limit(config.settings.stop_timeout * 3 + Duration::from_secs(5));
        let actor = context.start(spec)?;
        if self.is_wanted(config) {
            // It was made just now, and takes messages.
            let _ = actor.tell(ServerMessage::Start);
        }
        self.memory.board.put(&config.name, Place { actor, entry, order });
        Ok(())
    }

    /// What its user last asked for counts, then what the configuration says.
    fn is_wanted(&self, config: &ServerConfig) -> bool {
        let desired = self.memory.state().servers.get(&config.name).and_then(|server| server.desired);
        !config.settings.disabled
            && desired.map_or(config.settings.autostart, |desired| desired == Desired::Running)
    }

    fn reload(&self, context: &mut Context<'_, Self>, config: Config) -> Result<Change, BoxError> {
        let change = {
            let mut current = self.memory.config();
            let change = current.difference(&config);
            *current = config.clone();
            change
        };
        for name in &change.removed {
            if let Some(place) = self.memory.board.remove(name) {
                place.actor.stop();
            }
            // Should it be gone, so are its figures.
            let _ = self.memory.collector()?.tell(CollectorMessage::Forget { server: name.as_str().into() });
        }
        for (order, server) in config.servers.iter().enumerate() {
            let name = &server.name;
            self.memory.board.reorder(name, order);
            if change.added.contains(name) {
                self.add(context, server, order)?;
                continue;
            }
            let restart = change.changed.contains(name);
            if (restart || change.relabelled.contains(name))
                && let Some(place) = self.memory.board.find(name)
            {
                let configure = ServerMessage::Configure { config: Box::new(server.clone()), restart };
                let _ = place.actor.tell(configure);
            }
        }
        let removed = change.removed.clone();
        self.memory.remember(|state| state.servers.retain(|name, _| !removed.contains(name)));
        Ok(change)
    }

    fn want(&self, server: &str, desired: Desired) -> Result<(), NoSuchServer> {
        let place = self.memory.board.find(server).ok_or(NoSuchServer)?;
        self.memory.remember(|state| state.server(server).desired = Some(desired));
        let message = match desired {
            Desired::Running => ServerMessage::Start,
            Desired::Stopped => ServerMessage::Stop(None),
        };
        // An actor that failed is started again, and finds out what is wanted.
        let _ = place.actor.tell(message);
        Ok(())
    }
}

impl Actor for Manager {
    type Message = ManagerMessage;

    fn started(&mut self, context: &mut Context<'_, Self>) -> ActorResult {
        let config = self.memory.config().clone();
        config.servers.iter().enumerate().try_for_each(|(order, server)| self.add(context, server, order))?;
        if let Some(greeting) = self.memory.greeting().take() {
            // Who started us may have given up.
            let _ = greeting.send(());
        }
        Ok(())
    }

    fn handle(&mut self, message: ManagerMessage, context: &mut Context<'_, Self>) -> ActorResult {
        match message {
            ManagerMessage::Reload { config, reply } => reply.send(self.reload(context, *config)?),
            ManagerMessage::Want { server, desired, reply } => reply.send(self.want(&server, desired)),
            ManagerMessage::Happened { server, event } => self.memory.remember(|state| {
                let state = state.server(&server);
                let ran_before = state.history().any(|event| event.kind == EventKind::Started);
                state.restarts += u64::from(event.kind == EventKind::Started && ran_before);
                state.record(event);
            }),
            ManagerMessage::Process { server, identity } => {
                self.memory.remember(|state| {
                    state.server(&server).process = identity.map(|identity| *identity);
                });
            }
            ManagerMessage::Stopped => {
                self.stopping -= 1;
                if self.stopping == 0 {
                    context.finish();
                }
            }
        }
        Ok(())
    }

    /// All servers stop at the same time: one that takes long delays no other.
    fn stopping(&mut self, context: &mut Context<'_, Self>) -> Result<Stopping, BoxError> {
        for place in self.memory.board.all() {
            let loopback = context.loopback();
            let reply = ReplyTo::callback(move |_| loopback.tell(ManagerMessage::Stopped));
            self.stopping += 1;
            // An actor that is gone drops the reply, which calls back too.
            let _ = place.actor.tell(ServerMessage::Stop(Some(reply)));
        }
        Ok(if self.stopping == 0 { Stopping::Now } else { Stopping::Later })
    }
}
