//! The health monitor: asks every server that serves, again and again, whether it is well.

use std::collections::HashMap;
use std::sync::Arc;

use super::actor::ServerMessage;
use super::call::CallError;
use super::config::Settings;
use super::memory::Memory;
use crate::actor::{Actor, ActorRef, ActorResult, Context, ReplyTo, TimerKey};

pub(crate) enum HealthMessage {
    /// A server serves now: begin to ask it, or ask it as the settings say now.
    Watch {
        server: Arc<str>,
        /// The life of the server that it speaks for.
        life: u64,
        actor: ActorRef<ServerMessage>,
        settings: Settings,
    },
    /// It serves no more.
    Unwatch {
        server: Arc<str>,
    },
    /// The next check of the watch of this number is due.
    Due {
        server: Arc<str>,
        watch: u64,
    },
    Checked {
        server: Arc<str>,
        watch: u64,
        result: Result<(), CallError>,
    },
}

pub(crate) struct HealthMonitor {
    memory: Arc<Memory>,
    watched: HashMap<Arc<str>, Watched>,
    watches: u64,
}

struct Watched {
    number: u64,
    life: u64,
    actor: ActorRef<ServerMessage>,
    settings: Settings,
    timer: Option<TimerKey>,
    failed_in_a_row: u32,
}

impl HealthMonitor {
    pub(crate) fn new(memory: Arc<Memory>) -> HealthMonitor {
        HealthMonitor { memory, watched: HashMap::new(), watches: 0 }
    }

    fn watch(
        &mut self,
        context: &mut Context<'_, Self>,
        server: Arc<str>,
        life: u64,
        actor: ActorRef<ServerMessage>,
        settings: Settings,
    ) {
        self.unwatch(context, &server);
        self.watches += 1;
        let number = self.watches;
        let timer = arm(context, &server, number, &settings);
        self.watched.insert(server, Watched { number, life, actor, settings, timer, failed_in_a_row: 0 });
    }

    fn unwatch(&mut self, context: &mut Context<'_, Self>, server: &str) {
        if let Some(Watched { timer: Some(timer), .. }) = self.watched.remove(server) {
            context.cancel(timer);
        }
    }

    fn check(&mut self, context: &mut Context<'_, Self>, server: Arc<str>, watch: u64) {
        let Some(watched) = self.watched.get_mut(&server).filter(|watched| watched.number == watch) else {
            return;
        };
        watched.timer = None;
        let myself = context.myself();
        let reply = ReplyTo::callback(move |answer| {
            let result = answer.unwrap_or(Err(CallError::ManagerStopped));
            // A monitor that is gone does not want to know.
            let _ = myself.tell(HealthMessage::Checked { server, watch, result });
        });
        // A server's actor that is gone drops the reply, which says so.
        let _ = watched.actor.tell(ServerMessage::Check(reply));
    }

    fn checked(
        &mut self,
        context: &mut Context<'_, Self>,
        server: Arc<str>,
        watch: u64,
        result: Result<(), CallError>,
    ) {
        let Some(watched) = self.watched.get_mut(&server).filter(|watched| watched.number == watch) else {
            return;
        };
        let life = watched.life;
        match result {
            Ok(()) => {
                if std::mem::take(&mut watched.failed_in_a_row) > 0 {
                    let reason = "its health checks pass again".into();
                    let well = ServerMessage::Health { life, failed: 0, is_well: true, reason };
                    let _ = watched.actor.tell(well);
                }
            }
            Err(error) => {
                watched.failed_in_a_row += 1;
                let failed = watched.failed_in_a_row;
                let is_well = failed < watched.settings.health_failure_threshold;
                let reason = format!("{failed} health checks in a row failed: {error}");
                let _ = watched.actor.tell(ServerMessage::Health { life, failed, is_well, reason });
            }
        }
        watched.timer = arm(context, &server, watch, &watched.settings);
    }
}

/// Has the next check come when it is due.
fn arm(
    context: &mut Context<'_, HealthMonitor>,
    server: &Arc<str>,
    watch: u64,
    settings: &Settings,
) -> Option<TimerKey> {
    let interval = settings.health_interval?;
    Some(context.after(interval, HealthMessage::Due { server: server.clone(), watch }))
}

impl Actor for HealthMonitor {
    type Message = HealthMessage;

    /// After a failure of the monitor, the servers are there already.
    fn started(&mut self, _: &mut Context<'_, Self>) -> ActorResult {
        for place in self.memory.board.all() {
            let _ = place.actor.tell(ServerMessage::WatchAgain);
        }
        Ok(())
    }

    fn handle(&mut self, message: HealthMessage, context: &mut Context<'_, Self>) -> ActorResult {
        match message {
            HealthMessage::Watch { server, life, actor, settings } => {
                self.watch(context, server, life, actor, settings);
            }
            HealthMessage::Unwatch { server } => self.unwatch(context, &server),
            HealthMessage::Due { server, watch } => self.check(context, server, watch),
            HealthMessage::Checked { server, watch, result } => self.checked(context, server, watch, result),
        }
        Ok(())
    }
}
