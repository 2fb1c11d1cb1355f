//! What a server says: messages on its output, lines for people in its log.

use serde_json::Value;

use super::{Phase, Server, ServerMessage};
use crate::actor::Context;
use crate::server::call::CallError;
use crate::server::client::answer_line;
use crate::server::heard::Heard;
use crate::server::json_rpc::{Id, Incoming};
use crate::server::link::{Read, Ready};
use crate::server::listing::Catalog;
use crate::server::metrics::Measured;

impl Server {
    pub(super) fn read_input(&mut self, context: &mut Context<'_, Self>) {
        if let Some(why) = self.hear_all(context) {
            self.lost(context, why);
        }
    }

    /// Hears what there is; why there will be no more, if so.
    pub(super) fn hear_all(&mut self, context: &mut Context<'_, Self>) -> Option<String> {
        let mut heard = Vec::new();
        let read = self.link.as_mut()?.read(&mut |news| heard.push(news));
        for heard in heard {
            self.hear(context, heard);
        }
        match read {
            Ok(Read::Empty) => None,
            Ok(Read::More) => {
                let more = ServerMessage::Ready { life: self.life, ready: Ready::Input };
                context.loopback().tell(more);
                None
            }
            Ok(Read::Ended) => Some("it closed its output".into()),
            Err(why) => Some(why),
        }
    }

    fn hear(&mut self, context: &mut Context<'_, Self>, heard: Heard) {
        match heard {
            Heard::Message(Incoming::Response { id, outcome }) => {
                match id.as_ref().and_then(|id| self.client.take(id)) {
                    Some(flight) => self.land(context, flight, outcome.map_err(CallError::Rpc)),
                    None => {
                        self.measure(Measured::Unsolicited);
                        tracing::debug!(server = %self.name, ?id, "an answer that nobody waits for");
                    }
                }
            }
            Heard::Message(Incoming::Request { id, method, .. }) => {
                self.send_unanswered(answer_line(&id, &method));
            }
            Heard::Message(Incoming::Notification { method, params }) => {
                self.notified(context, &method, params.as_ref());
            }
            Heard::Malformed(malformed) => {
                self.measure(Measured::Malformed);
                tracing::warn!(server = %self.name, "a line that is no message: {malformed}");
                self.spoil(context, malformed.answers.as_ref(), malformed.to_string());
            }
            Heard::Oversized { length, answers } => {
                self.measure(Measured::Oversized);
                let limit = self.config.settings.max_message_bytes;
                tracing::warn!(server = %self.name, length, limit, "a message that is too long");
                self.spoil(context, answers.as_ref(), format!("longer than the {limit} bytes allowed"));
            }
            Heard::Unanswered { id, why } => {
                if let Some(flight) = self.client.take_number(id) {
                    self.land(context, flight, Err(CallError::Transport(why)));
                }
            }
            Heard::Truncated(bytes) => {
                self.measure(Measured::Malformed);
                tracing::warn!(server = %self.name, bytes, "its output ended within a message");
            }
        }
    }

    /// The answer to a request, if it was one, cannot be used.
    fn spoil(&mut self, context: &mut Context<'_, Self>, id: Option<&Id>, why: String) {
        if let Some(flight) = id.and_then(|id| self.client.take(id)) {
            self.land(context, flight, Err(CallError::Malformed(why)));
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
            "notifications/message" => {
                let data = params.map(|params| params["data"].to_string()).unwrap_or_default();
                tracing::debug!(server = %self.name, "{data}");
            }
            _ => match Catalog::changed_by(method) {
                Some(catalog) if self.phase == Phase::Serving => self.renew_list(context, catalog),
                _ => tracing::trace!(server = %self.name, method, "a notification"),
            },
        }
    }

    pub(super) fn write_output(&mut self, context: &mut Context<'_, Self>) {
        if let Some(link) = &mut self.link
            && let Err(error) = link.flush()
        {
            self.lost(context, format!("it closed its input: {error}"));
        }
    }

    pub(super) fn read_log(&mut self, context: &mut Context<'_, Self>) {
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
}
