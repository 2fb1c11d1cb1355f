//! The metrics collector: counts and measures what the servers' actors tell it.

use std::sync::Arc;

use super::memory::Memory;
use super::metrics::{Measured, MetricsSnapshot};
use crate::actor::{Actor, ActorResult, Context, ReplyTo};

pub(crate) enum CollectorMessage {
    Count {
        server: Arc<str>,
        measured: Measured,
    },
    /// The server is not configured any more.
    Forget {
        server: Arc<str>,
    },
    /// The figures, with all that was counted before this message.
    Snapshot(ReplyTo<MetricsSnapshot>),
}

pub(crate) struct MetricsCollector {
    memory: Arc<Memory>,
}

impl MetricsCollector {
    pub(crate) fn new(memory: Arc<Memory>) -> MetricsCollector {
        MetricsCollector { memory }
    }
}

impl Actor for MetricsCollector {
    type Message = CollectorMessage;

    fn handle(&mut self, message: CollectorMessage, _: &mut Context<'_, Self>) -> ActorResult {
        let metrics = &self.memory.metrics;
        match message {
            CollectorMessage::Count { server, measured } => metrics.server(&server).record(&measured),
            CollectorMessage::Forget { server } => metrics.forget(&server),
            CollectorMessage::Snapshot(reply) => reply.send(metrics.snapshot()),
        }
        Ok(())
    }
}
