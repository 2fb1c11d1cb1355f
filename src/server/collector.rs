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
    /// To be done when all is counted that happened before.
    Ask(Request),
    /// All that was told on the collector's own loop is counted now, too: what a loop tells itself does not queue
    /// with what others tell it.
    Do(Request),
}

/// What is asked of the collector.
pub(crate) enum Request {
    /// The server is not configured any more.
    Forget { server: Arc<str> },
    /// The figures.
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

    fn handle(&mut self, message: CollectorMessage, context: &mut Context<'_, Self>) -> ActorResult {
        let metrics = &self.memory.metrics;
        match message {
            CollectorMessage::Count { server, measured } => metrics.server(&server).record(&measured),
            CollectorMessage::Ask(request) => context.loopback().tell(CollectorMessage::Do(request)),
            CollectorMessage::Do(Request::Forget { server }) => metrics.forget(&server),
            CollectorMessage::Do(Request::Snapshot(reply)) => reply.send(metrics.snapshot()),
        }
        Ok(())
    }
}
