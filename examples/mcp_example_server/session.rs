//! A session: one client's conversation with the server, in any revision of MCP from 2024-11-05 to 2026-07-28.
//! Up to 2025-11-25 it begins with `initialize`; since then each request names its revision.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::answer::{Answer, Batch, Destination};
use super::arguments::Arguments;
use super::json_rpc::{
    self, INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, Request, RpcError,
    UNSUPPORTED_PROTOCOL_VERSION,
};
use super::misbehaviour::Misbehaviour;
use super::outlet::Outlet;
use super::slow_calls::SlowCalls;
use super::tools::{CallError, Called, Theme, Tools, error_result};

/// Oldest first; being dates, they compare as strings.
const REVISIONS: [&str; 5] = ["2024-11-05", "2025-03-26", "2025-06-18", NEWEST_WITH_INITIALIZE, "2026-07-28"];
const NEWEST_WITH_INITIALIZE: &str = "2025-11-25";
const FIRST_WITHOUT_INITIALIZE: &str = "2026-07-28";
/// Since then a tool's caller, often a language model, is told of wrong arguments by a result that it gets to
/// see.
const FIRST_WITH_ARGUMENT_RESULTS: &str = "2025-11-25";

/// Where a request of the newest revision names it.
const REVISION_KEY: &str = "io.modelcontextprotocol/protocolVersion";
const SERVER_INFO_KEY: &str = "io.modelcontextprotocol/serverInfo";

pub struct Session {
    name: String,
    tools: Tools,
    misbehaviour: Arc<Misbehaviour>,
    outlet: Arc<Outlet>,
    slow_calls: SlowCalls,
    /// Since `initialize`.
    revision: Option<&'static str>,
}

impl Session {
    pub fn new(name: String, theme: Theme, misbehaviour: Arc<Misbehaviour>, outlet: Arc<Outlet>) -> Session {
        let (tools, slow_calls) = (Tools::new(theme), SlowCalls::default());
        Session { name, tools, misbehaviour, outlet, slow_calls, revision: None }
    }

    /// Handles a line, which is a message or a batch of them.
    pub fn receive(&mut self, line: &[u8]) {
        if line.trim_ascii().is_empty() {
            return;
        }
        let alone = Destination::Alone(self.outlet.clone());
        match json_rpc::parse(line) {
            Ok(Value::Array(messages)) if !messages.is_empty() => {
                let batch = Destination::Batch(Arc::new(Batch::new(self.outlet.clone())));
                for message in messages {
                    self.handle(message, batch.clone());
                }
            }
            Ok(message) => self.handle(message, alone),
            Err(error) => Answer::new(Value::Null, alone).send(Err(error)),
        }
    }

    /// Handles a message; what is said to it leaves through `outlet`.
    pub fn receive_from(&mut self, message: &[u8], outlet: Arc<Outlet>) {
        let usual = std::mem::replace(&mut self.outlet, outlet);
        self.receive(message);
        self.outlet = usual;
    }

    fn handle(&mut self, message: Value, destination: Destination) {
        if json_rpc::is_response(&message) {
            return;
        }
        let id = json_rpc::usable_id(&message).cloned().unwrap_or_default();
        match json_rpc::read_request(message) {
            Ok(request) if request.id.is_some() => self.requested(&request, Answer::new(id, destination)),
            Ok(notification) => self.notified(&notification),
            Err(error) => Answer::new(id, destination).send(Err(error)),
        }
    }

    /// The others, `notifications/initialized` among them, change nothing for us.
    fn notified(&self, notification: &Request) {
        if notification.method == "notifications/cancelled"
            && let Some(id) = notification.params.get("requestId")
        {
            self.slow_calls.cancel(id);
        }
    }

    fn requested(&mut self, request: &Request, answer: Answer) {
        match request.method.as_str() {
            "initialize" | "server/discover" => self.shake_hands(request, answer),
            "tools/call" => self.call_tool(request, self.direct(answer)),
            _ => self.direct(answer).send(self.ask(request)),
        }
    }

    /// Usually, back to where the request came from.
    fn direct(&self, answer: Answer) -> Answer {
        if self.misbehaviour.wrong_id { answer.misdirected() } else { answer }
    }

    fn shake_hands(&mut self, request: &Request, answer: Answer) {
        self.misbehaviour.before_handshake(&self.outlet);
        let outcome =
            if request.method == "initialize" { self.initialize(request) } else { self.discover(request) };
        answer.send(outcome);
        self.misbehaviour.after_handshake(&self.outlet);
    }

    fn initialize(&mut self, request: &Request) -> Result<Value, RpcError> {
        if self.misbehaviour.error_on_initialize {
            return Err(RpcError::new(INTERNAL_ERROR, "Internal error: told not to start"));
        }
        let wanted = request.string("protocolVersion")?;
        if self.revision.is_some() {
            return Err(RpcError::new(INVALID_REQUEST, "Invalid request: already initialized"));
        }
        // A client that wants what we cannot do this way is offered our best, and leaves if that does not suit
        // it.
        let revision =
            known(wanted).filter(|known| *known <= NEWEST_WITH_INITIALIZE).unwrap_or(NEWEST_WITH_INITIALIZE);
        self.revision = Some(revision);
        Ok(json!({
            "protocolVersion": self.misbehaviour.wrong_version.as_deref().unwrap_or(revision),
            "capabilities": {"logging": {}, "tools": {"listChanged": true}},
            "serverInfo": self.info(),
        }))
    }

    /// To clients of the newest revision we do not offer news of the list, as they would have to subscribe.
    fn discover(&self, request: &Request) -> Result<Value, RpcError> {
        self.revision_of(request)?;
        let wrong = self.misbehaviour.wrong_version.as_deref();
        Ok(json!({
            "resultType": "complete",
            "supportedVersions": wrong.map_or(REVISIONS.to_vec(), |wrong| vec![wrong]),
            "capabilities": {"tools": {}},
            "ttlMs": 0,
            "cacheScope": "private",
            "_meta": {SERVER_INFO_KEY: self.info()},
        }))
    }

    fn info(&self) -> Value {
        json!({"name": self.name, "title": "McpEvent example in Rust", "version": "1.0.0"})
    }

    /// Requests that are answered at once.
    fn ask(&self, request: &Request) -> Result<Value, RpcError> {
        match request.method.as_str() {
            "ping" => Ok(json!({})),
            "tools/list" => self.list_tools(request),
            "logging/setLevel" => request.string("level").map(|_| json!({})),
            method => Err(RpcError::new(METHOD_NOT_FOUND, format!("Method not found: {method}"))),
        }
    }

    fn list_tools(&self, request: &Request) -> Result<Value, RpcError> {
        let revision = self.required_revision(request)?;
        // All tools fit on one page, so we never gave out a cursor.
        if request.params.contains_key("cursor") {
            return Err(RpcError::new(INVALID_PARAMS, "Invalid params: unknown cursor"));
        }
        let mut result = json!({"tools": self.tools.list()});
        if revision >= FIRST_WITHOUT_INITIALIZE {
            result["ttlMs"] = 0.into();
            result["cacheScope"] = "private".into();
        }
        Ok(in_revision(revision, result))
    }

    fn call_tool(&mut self, request: &Request, answer: Answer) {
        let (revision, called) = match self.start_tool(request) {
            Ok(started) => started,
            Err(error) => return answer.send(Err(error)),
        };
        match called {
            Called::Done(result) => answer.send(Ok(in_revision(revision, result))),
            Called::Grown(result) => {
                if self.revision.is_some() {
                    self.outlet.notify("notifications/tools/list_changed", json!({}));
                }
                answer.send(Ok(in_revision(revision, result)));
            }
            Called::Slow(slow) => {
                let (outlet, token) = (self.outlet.clone(), request.meta("progressToken").cloned());
                let progress = move |done, total| {
                    if let Some(token) = &token {
                        let params = json!({"progressToken": token, "progress": done, "total": total});
                        outlet.notify("notifications/progress", params);
                    }
                };
                let id = request.id.clone().unwrap_or_default();
                self.slow_calls.start(
                    &id,
                    move |cancellation| slow.run(cancellation, progress),
                    move |result| answer.send(Ok(in_revision(revision, result))),
                );
            }
        }
    }

    fn start_tool(&mut self, request: &Request) -> Result<(&'static str, Called), RpcError> {
        let revision = self.required_revision(request)?;
        if request.id.as_ref().is_some_and(|id| self.slow_calls.contains(id)) {
            return Err(RpcError::new(INVALID_REQUEST, "Invalid request: \"id\" is in use"));
        }
        let name = request.string("name")?;
        let arguments = match request.params.get("arguments") {
            None => Map::new(),
            Some(Value::Object(arguments)) => arguments.clone(),
            Some(_) => {
                return Err(RpcError::new(INVALID_PARAMS, "Invalid params: \"arguments\" must be an object"));
            }
        };
        match self.tools.call(name, &Arguments(arguments)) {
            Ok(called) => Ok((revision, called)),
            Err(CallError::UnknownTool) => {
                Err(RpcError::new(INVALID_PARAMS, format!("Unknown tool: {name}")))
            }
            Err(CallError::Arguments(reason)) if revision >= FIRST_WITH_ARGUMENT_RESULTS => {
                Ok((revision, Called::Done(error_result(&reason))))
            }
            Err(CallError::Arguments(reason)) => {
                Err(RpcError::new(INVALID_PARAMS, format!("Invalid params: {reason}")))
            }
        }
    }

    fn required_revision(&self, request: &Request) -> Result<&'static str, RpcError> {
        let revision = self.revision_of(request)?;
        revision.ok_or_else(|| RpcError::new(INVALID_REQUEST, "Invalid request: initialize first"))
    }

    fn revision_of(&self, request: &Request) -> Result<Option<&'static str>, RpcError> {
        let Some(named) = request.meta(REVISION_KEY) else {
            return Ok(self.revision);
        };
        match named.as_str().and_then(known) {
            Some(revision) => Ok(Some(revision)),
            None => Err(RpcError {
                code: UNSUPPORTED_PROTOCOL_VERSION,
                message: "Unsupported protocol version".to_owned(),
                data: Some(json!({"requested": named, "supported": REVISIONS})),
            }),
        }
    }
}

fn known(revision: &str) -> Option<&'static str> {
    REVISIONS.into_iter().find(|known| *known == revision)
}

/// The newest revision has every result say that it is complete.
fn in_revision(revision: &str, mut result: Value) -> Value {
    if revision >= FIRST_WITHOUT_INITIALIZE {
        result["resultType"] = "complete".into();
    }
    result
}
