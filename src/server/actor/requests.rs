//! What is asked of a server: by callers, by the health monitor, and by its actor itself.

use std::time::Duration;

use serde_json::{Value, json};

use super::{After, Phase, Server, ServerMessage};
use crate::actor::{Context, ReplyTo, TimerKey};
use crate::dispatcher::Nanos;
use crate::server::call::{CallError, CallKey, CallResult, Request, WhenDown};
use crate::server::client::{Asker, Flight, Purpose, cancelled_line};
use crate::server::json_rpc::Outgoing;
use crate::server::link::Kind;
use crate::server::listing::{Catalog, Next};
use crate::server::metrics::{Measured, RequestOutcome};
use crate::server::status::ServerStatus;
use crate::server::working_set;

/// A request that waits until the server is ready.
pub(super) struct Queued {
    request: Request,
    since: Nanos,
    /// The timer of its deadline.
    timer: TimerKey,
}

impl Server {
    // By callers.

    pub(super) fn call(&mut self, context: &mut Context<'_, Self>, request: Request) {
        if self.phase == Phase::Serving {
            self.send_call(context, request, Duration::ZERO);
        } else if request.options.when_down == WhenDown::Wait && self.comes_up() {
            let timer = context.after(self.limit(&request), ServerMessage::WaitedTooLong(request.key));
            self.queue.push_back(Queued { request, since: context.now(), timer });
        } else {
            request.reply.send(Err(self.down()));
        }
    }

    /// Whether it will serve without anybody's doing, as far as one can know.
    fn comes_up(&self) -> bool {
        let begins = matches!(self.phase, Phase::Starting | Phase::Waiting);
        let goes_on = matches!(self.phase, Phase::Ending(_, After::StartAgain | After::AskPolicy { .. }));
        (begins || goes_on) && !self.last_life
    }

    /// How long a request may take.
    fn limit(&self, request: &Request) -> Duration {
        request.options.timeout.unwrap_or(self.config.settings.request_timeout)
    }

    /// Sends a request, which has waited for so long already.
    fn send_call(&mut self, context: &mut Context<'_, Self>, mut request: Request, waited: Duration) {
        let limit = self.limit(&request);
        let method = request.method.clone();
        let (params, wants_progress) = (request.params.take(), request.options.on_progress.is_some());
        match self.client.request_line(&method, params, wants_progress) {
            Ok(line) => {
                let asker = Asker::Caller(Box::new(request));
                self.send_request(context, line, method, asker, limit, waited);
            }
            Err(error) => request.reply.send(Err(error)),
        }
    }

    pub(super) fn send_queued(&mut self, context: &mut Context<'_, Self>) {
        for Queued { request, since, timer } in std::mem::take(&mut self.queue) {
            context.cancel(timer);
            let waited = Duration::from_nanos(context.now().saturating_sub(since));
            self.send_call(context, request, waited);
        }
    }

    /// It will not be ready without somebody's doing.
    pub(super) fn refuse_queued(&mut self, context: &mut Context<'_, Self>) {
        for Queued { request, timer, .. } in std::mem::take(&mut self.queue) {
            context.cancel(timer);
            request.reply.send(Err(self.down()));
        }
    }

    pub(super) fn waited_too_long(&mut self, key: CallKey) {
        if let Some(Queued { request, .. }) = self.take_queued(key) {
            let limit = self.limit(&request);
            request.reply.send(Err(CallError::TimedOut(limit)));
        }
    }

    fn take_queued(&mut self, key: CallKey) -> Option<Queued> {
        let at = self.queue.iter().position(|queued| queued.request.key == key)?;
        self.queue.remove(at)
    }

    pub(super) fn cancel(&mut self, context: &mut Context<'_, Self>, key: CallKey) {
        if let Some(Queued { request, timer, .. }) = self.take_queued(key) {
            context.cancel(timer);
            request.reply.send(Err(CallError::Cancelled));
        } else if let Some((id, flight)) = self.client.take_call(key) {
            self.give_up(id, "the caller does not wait any more");
            self.land(context, flight, Err(CallError::Cancelled));
        }
    }

    pub(super) fn notify(&mut self, method: &str, params: Option<&Value>) {
        if self.phase == Phase::Serving {
            self.send_unanswered(Outgoing::Notification { method, params }.to_line());
        }
    }

    // By the actor itself.

    pub(super) fn ask(
        &mut self,
        context: &mut Context<'_, Self>,
        method: &str,
        params: Option<Value>,
        purpose: Purpose,
    ) {
        let settings = &self.config.settings;
        let limit = match &purpose {
            // The timer of the start is first, as the handshake is a part of that.
            Purpose::Initialize => settings.start_timeout,
            Purpose::Ping(_) => settings.health_timeout,
            Purpose::List(_) => settings.request_timeout,
        };
        // Our own requests are valid.
        if let Ok(line) = self.client.request_line(method, params, false) {
            let asker = Asker::Own(purpose);
            self.send_request(context, line, method.to_owned(), asker, limit, Duration::ZERO);
        }
    }

    /// Answers whether the server is well, for the health monitor and those who do not want to wait for that.
    pub(super) fn check(&mut self, context: &mut Context<'_, Self>, reply: ReplyTo<Result<(), CallError>>) {
        if self.phase != Phase::Serving {
            return reply.send(Err(self.down()));
        }
        if let Some(limit) = self.config.settings.working_set_limit
            && let Some(identity) = &self.identity
            && let Some(used) = working_set::of_tree(identity.guardian.pid)
            && used > limit
        {
            let why = format!("its processes use {used} bytes of memory; {limit} are allowed");
            self.measure(Measured::Unhealthy);
            self.become_(ServerStatus::Unhealthy, &why);
            reply.send(Err(CallError::ConnectionLost(why.clone())));
            return self.fail(context, why);
        }
        self.ask(context, "ping", None, Purpose::Ping(reply));
    }

    /// A list of what the server offers is not known, or has changed.
    pub(super) fn renew_list(&mut self, context: &mut Context<'_, Self>, catalog: Catalog) {
        if self.listings[catalog as usize].renew() {
            self.ask(context, catalog.list_method(), None, Purpose::List(catalog));
        }
    }

    fn listed(&mut self, context: &mut Context<'_, Self>, catalog: Catalog, result: CallResult) {
        if self.phase != Phase::Serving {
            return;
        }
        let page = result.unwrap_or_else(|error| {
            tracing::warn!(server = %self.name, %error, "its {} are not known", catalog.key());
            Value::Null
        });
        match self.listings[catalog as usize].take(&page) {
            Next::Ask(cursor) => {
                let params = cursor.map(|cursor| json!({ "cursor": cursor }));
                self.ask(context, catalog.list_method(), params, Purpose::List(catalog));
            }
            Next::Known(names) => self.change(|info| *info.names_of(catalog) = names),
        }
    }

    // On their way.

    fn send_request(
        &mut self,
        context: &mut Context<'_, Self>,
        line: String,
        method: String,
        asker: Asker,
        limit: Duration,
        waited: Duration,
    ) {
        let id = self.client.next_id();
        let deadline = ServerMessage::Deadline { life: self.life, id };
        let deadline = context.after(limit.saturating_sub(waited), deadline);
        let kind = match &asker {
            Asker::Own(Purpose::Ping(_)) => Kind::Check(id),
            _ => Kind::Request(id),
        };
        self.client.sent(Flight { asker, method, sent_at: context.now(), limit, deadline });
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
    pub(super) fn send_unanswered(&mut self, line: String) {
        if let Err(waiting) = self.send_line(line, Kind::Notice) {
            tracing::debug!(server = %self.name, waiting, "it does not read its input");
        }
    }

    fn count_in_flight(&self) {
        let count = self.client.in_flight();
        self.entry.update(|info| info.in_flight = count);
    }

    /// A request has its outcome.
    pub(super) fn land(&mut self, context: &mut Context<'_, Self>, flight: Flight, result: CallResult) {
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
            Asker::Own(Purpose::Ping(reply)) => reply.send(match result {
                // An error is an answer too: older servers do not know `ping`.
                Ok(_) | Err(CallError::Rpc(_)) => {
                    self.entry.update(|info| info.last_ping = Some(took));
                    self.measure(Measured::Healthy(took));
                    Ok(())
                }
                Err(error) => {
                    self.measure(Measured::Unhealthy);
                    Err(error)
                }
            }),
            Asker::Own(Purpose::List(catalog)) => self.listed(context, catalog, result),
        }
    }

    /// Nobody waits for an answer any more; the server is told.
    fn give_up(&mut self, id: i64, why: &str) {
        if let Some(link) = &mut self.link {
            link.forget(id);
        }
        self.send_unanswered(cancelled_line(id, why));
    }

    pub(super) fn deadline(&mut self, context: &mut Context<'_, Self>, id: i64) {
        let Some(flight) = self.client.take_number(id) else { return };
        if !matches!(flight.asker, Asker::Own(Purpose::Initialize)) {
            self.give_up(id, "it took too long");
        }
        let limit = flight.limit;
        self.land(context, flight, Err(CallError::TimedOut(limit)));
    }

    /// The connection ends, and with it all requests.
    pub(super) fn fail_flights(&mut self, context: &mut Context<'_, Self>, why: &str) {
        for flight in self.client.take_all() {
            self.land(context, flight, Err(CallError::ConnectionLost(why.to_owned())));
        }
    }
}
