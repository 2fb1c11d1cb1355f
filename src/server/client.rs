//! The requests that wait for a server's answer: their ids, their deadlines, whom to tell.
//!
//! No input or output here: it makes lines to send, and is given messages that came.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::call::{CallError, CallKey, Progress, Request};
use super::json_rpc::{Id, Outgoing, RpcError};
use super::listing::Catalog;
use crate::actor::{ReplyTo, TimerKey};
use crate::dispatcher::Nanos;
use crate::dispatcher::closure::guarded;

/// Who waits for an answer.
pub(crate) enum Asker {
    /// A caller.
    Caller(Box<Request>),
    /// The server's actor itself, for this.
    Own(Purpose),
}

/// What the server's actor asks for itself.
pub(crate) enum Purpose {
    Initialize,
    /// A health check; who wants to know.
    Ping(ReplyTo<Result<(), CallError>>),
    /// A page of what it offers.
    List(Catalog),
}

/// A request that was sent.
pub(crate) struct Flight {
    pub(crate) asker: Asker,
    pub(crate) method: String,
    pub(crate) sent_at: Nanos,
    /// How long it may take.
    pub(crate) limit: Duration,
    /// The timer of its deadline.
    pub(crate) deadline: TimerKey,
}

/// The requests of one connection.
pub(crate) struct Client {
    next_id: i64,
    flights: HashMap<i64, Flight>,
    ids: HashMap<CallKey, i64>,
}

impl Client {
    pub(crate) fn new() -> Client {
        Client { next_id: 1, flights: HashMap::new(), ids: HashMap::new() }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// The id that the next request gets.
    pub(crate) fn next_id(&self) -> i64 {
        self.next_id
    }

    /// The line of the request that [`Client::sent`] then enters.
    pub(crate) fn request_line(
        &self,
        method: &str,
        params: Option<Value>,
        wants_progress: bool,
    ) -> Result<String, CallError> {
        if method.is_empty() {
            return Err(CallError::InvalidRequest("the method of a request must not be empty".into()));
        }
        let id = Id::Number(self.next_id);
        let params = if wants_progress { Some(with_progress_token(params, self.next_id)?) } else { params };
        if !params.as_ref().is_none_or(|params| params.is_object() || params.is_array()) {
            return Err(CallError::InvalidRequest(
                "the parameters of a request must be an object or an array".into(),
            ));
        }
        Ok(Outgoing::Request { id: &id, method, params: params.as_ref() }.to_line())
    }

    /// The request of the next id was sent.
    pub(crate) fn sent(&mut self, flight: Flight) {
        if let Asker::Caller(request) = &flight.asker {
            self.ids.insert(request.key, self.next_id);
        }
        self.flights.insert(self.next_id, flight);
        self.next_id += 1;
    }

    /// Takes out the request that an answer with `id` is for.
    pub(crate) fn take(&mut self, id: &Id) -> Option<Flight> {
        self.take_number(id.number()?)
    }

    pub(crate) fn take_number(&mut self, id: i64) -> Option<Flight> {
        let flight = self.flights.remove(&id)?;
        if let Asker::Caller(request) = &flight.asker {
            self.ids.remove(&request.key);
        }
        Some(flight)
    }

    /// Takes out the request of a caller.
    pub(crate) fn take_call(&mut self, key: CallKey) -> Option<(i64, Flight)> {
        let id = *self.ids.get(&key)?;
        Some((id, self.take_number(id)?))
    }

    /// Takes out all.
    pub(crate) fn take_all(&mut self) -> Vec<Flight> {
        self.ids.clear();
        let mut all: Vec<_> = self.flights.drain().collect();
        all.sort_by_key(|(id, _)| *id);
        all.into_iter().map(|(_, flight)| flight).collect()
    }

    /// Tells the caller whom a `notifications/progress` is for. False if there is none.
    pub(crate) fn progress(&mut self, params: Option<&Value>) -> bool {
        let Some(params) = params else { return false };
        let token = &params["progressToken"];
        let id = token.as_i64().or_else(|| token.as_str()?.parse().ok());
        let flight = id.and_then(|id| self.flights.get_mut(&id));
        let (Some(Flight { asker: Asker::Caller(request), .. }), Some(progress)) =
            (flight, params["progress"].as_f64())
        else {
            return false;
        };
        let Some(hook) = &mut request.options.on_progress else { return false };
        let total = params["total"].as_f64();
        let message = params["message"].as_str().map(str::to_owned);
        if let Err(failure) = guarded(|| hook(Progress { progress, total, message })) {
            tracing::error!("a hook for the progress of a request: {}", failure.describe());
        }
        true
    }
}

/// The line that tells a server that nobody waits for an answer any more.
pub(crate) fn cancelled_line(id: i64, reason: &str) -> String {
    let params = json!({ "requestId": id, "reason": reason });
    Outgoing::Notification { method: "notifications/cancelled", params: Some(&params) }.to_line()
}

/// The line that answers a request of the server's.
pub(crate) fn answer_line(id: &Id, method: &str) -> String {
    if method == "ping" {
        return Outgoing::Response { id, outcome: Ok(&json!({})) }.to_line();
    }
    let error = RpcError {
        code: RpcError::METHOD_NOT_FOUND,
        message: format!("this client offers no {method}"),
        data: None,
    };
    Outgoing::Response { id, outcome: Err(&error) }.to_line()
}

fn with_progress_token(params: Option<Value>, token: i64) -> Result<Value, CallError> {
    let mut params = match params {
        None => Map::new(),
        Some(Value::Object(params)) => params,
        Some(_) => {
            return Err(CallError::InvalidRequest(
                "a request that asks for progress needs an object for its parameters".into(),
            ));
        }
    };
    let meta = params.entry("_meta").or_insert_with(|| json!({}));
    match meta {
        Value::Object(meta) => {
            meta.insert("progressToken".into(), token.into());
        }
        _ => return Err(CallError::InvalidRequest("the _meta of a request must be an object".into())),
    }
    Ok(Value::Object(params))
}
