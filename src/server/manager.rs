//! The server manager: knows which servers there are to be, and has an actor for each.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::actor::{Server, ServerMessage, Surroundings};
use super::board::{Entry, Place};
use super::collector::{CollectorMessage, Request};
use super::config::{Change, Config, ServerConfig};
use super::memory::Memory;
use super::status::ServerInfo;
use crate::actor::{Actor, ActorResult, BoxError, Context, ReplyTo, Restart, Spec, Stopping};

pub(crate) enum ManagerMessage {
    /// Take a new configuration over, as far as it differs.
    Reload { config: Box<Config>, reply: ReplyTo<Change> },
    /// Nothing is left of a server, whose removal had this number.
    Left { server: String, removal: u64 },
    /// One of the servers that are to stop before the manager does has stopped.
    Stopped,
}

pub(crate) struct Manager {
    memory: Arc<Memory>,
    /// Servers that are not configured any more, until nothing is left of them.
    leaving: HashMap<String, Leaving>,
    removals: u64,
    /// Servers that are still to stop, while the manager does.
    stopping: usize,
}

struct Leaving {
    place: Place,
    /// The number of its removal.
    removal: u64,
}

impl Manager {
    pub(crate) fn new(memory: Arc<Memory>) -> Manager {
        Manager { memory, leaving: HashMap::new(), removals: 0, stopping: 0 }
    }

    /// Makes the actor of a server, which starts it if it is to run. Where that cannot be, the others go on.
    fn add(&self, context: &mut Context<'_, Self>, config: &ServerConfig, order: usize) {
        if let Err(error) = self.make(context, config, order) {
            tracing::error!(server = config.name, %error, "it has no actor, and cannot be run");
        }
    }

    fn make(&self, context: &mut Context<'_, Self>, config: &ServerConfig, order: usize) -> ActorResult {
        let around = Surroundings {
            memory: self.memory.clone(),
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
            .name(self.free_name(&config.name))
            .restart(Restart::Permanent)
            // Three steps, and some time for the system.
            .stop_limit(config.settings.stop_timeout * 3 + Duration::from_secs(5));
        let actor = context.start(spec)?;
        self.memory.board.put(&config.name, Place { actor, entry, order });
        Ok(())
    }

    /// A name for the actor of a server. One that was removed a moment ago may still have the usual one.
    fn free_name(&self, server: &str) -> String {
        let usual = format!("{}/server/{server}", self.memory.name);
        let is_free = |name: &String| self.memory.system.find::<ServerMessage>(name).is_err();
        let others = (2_u64..).map(|number| format!("{usual}#{number}"));
        std::iter::once(usual.clone()).chain(others).find(is_free).unwrap_or(usual)
    }

    fn reload(&mut self, context: &mut Context<'_, Self>, config: Config) -> Result<Change, BoxError> {
        let change = {
            let mut current = self.memory.config();
            let change = current.difference(&config);
            *current = config.clone();
            change
        };
        for name in &change.removed {
            self.remove(context, name);
        }
        for (order, server) in config.servers.iter().enumerate() {
            let name = &server.name;
            self.memory.board.reorder(name, order);
            if change.added.contains(name) && !self.take_back(name, order) {
                self.add(context, server, order);
                continue;
            }
            let anew = !change.relabelled.contains(name);
            if !change.unchanged.contains(name)
                && let Some(place) = self.memory.board.find(name)
            {
                let configure = ServerMessage::Configure { config: Box::new(server.clone()), anew };
                // An actor that failed is started again, and finds out what is configured.
                let _ = place.actor.tell(configure);
            }
        }
        Ok(change)
    }

    /// Has a server end, and then its actor.
    fn remove(&mut self, context: &mut Context<'_, Self>, server: &str) {
        self.memory.forget(server);
        let Some(place) = self.memory.board.remove(server) else { return };
        self.removals += 1;
        let (name, removal, loopback) = (server.to_owned(), self.removals, context.loopback());
        let left = ReplyTo::callback(move |_| loopback.tell(ManagerMessage::Left { server: name, removal }));
        // An actor that is gone drops the reply, which calls back too.
        let _ = place.actor.tell(ServerMessage::Stop(Some(left)));
        self.leaving.insert(server.to_owned(), Leaving { place, removal });
    }

    /// Has a server back that was removed and has not ended yet: the new one follows it. False if there is none.
    fn take_back(&mut self, server: &str, order: usize) -> bool {
        let Some(Leaving { mut place, .. }) = self.leaving.remove(server) else { return false };
        place.order = order;
        self.memory.board.put(server, place);
        true
    }

    fn left(&mut self, server: &str, removal: u64) -> ActorResult {
        if self.leaving.get(server).is_some_and(|leaving| leaving.removal == removal)
            && let Some(leaving) = self.leaving.remove(server)
        {
            leaving.place.actor.stop();
            // Its end was noted, too.
            self.memory.forget(server);
            // Should the collector be gone, so are its figures.
            let forget = CollectorMessage::Ask(Request::Forget { server: server.into() });
            let _ = self.memory.collector()?.tell(forget);
        }
        Ok(())
    }
}

impl Actor for Manager {
    type Message = ManagerMessage;

    fn started(&mut self, context: &mut Context<'_, Self>) -> ActorResult {
        let config = self.memory.config().clone();
        config.servers.iter().enumerate().for_each(|(order, server)| self.add(context, server, order));
        if let Some(greeting) = self.memory.greeting().take() {
            // Who started us may have given up.
            let _ = greeting.send(());
        }
        Ok(())
    }

    fn handle(&mut self, message: ManagerMessage, context: &mut Context<'_, Self>) -> ActorResult {
        match message {
            ManagerMessage::Reload { config, reply } => reply.send(self.reload(context, *config)?),
            ManagerMessage::Left { server, removal } => self.left(&server, removal)?,
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
        let configured = self.memory.board.all();
        let leaving = self.leaving.values().map(|leaving| leaving.place.clone());
        for place in configured.into_iter().chain(leaving) {
            let loopback = context.loopback();
            let reply = ReplyTo::callback(move |_| loopback.tell(ManagerMessage::Stopped));
            self.stopping += 1;
            // An actor that is gone drops the reply, which calls back too.
            let _ = place.actor.tell(ServerMessage::Stop(Some(reply)));
        }
        Ok(if self.stopping == 0 { Stopping::Now } else { Stopping::Later })
    }
}
