//! Where a server is, what every request to it carries, and how long things may take.

use std::time::Duration;

use ureq::http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use ureq::http::{Method, Request, Response, Uri};
use ureq::tls::TlsConfig;
use ureq::{Agent, AsSendBody, Body};

use super::failure::Failure;
use super::trust;
use crate::server::config::{Settings, origin};

pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// A connection that is not there after this will not come. It is part of the start, should that be shorter.
const LONGEST_CONNECT: Duration = Duration::from_secs(10);

/// What the server told us in the handshake, and wants to hear with every later request.
#[derive(Debug, Clone, Default)]
pub(super) struct Session {
    pub(super) id: Option<HeaderValue>,
    pub(super) revision: Option<HeaderValue>,
}

/// A server's URL, with all that requests to it have in common.
pub(super) struct Endpoint {
    url: Uri,
    /// The URL without what may be secret.
    pub(super) origin: String,
    headers: HeaderMap,
    connect_limit: Duration,
    /// For an exchange that nobody waits for.
    pub(super) notice_limit: Duration,
    pub(super) farewell_limit: Duration,
    pub(super) max_message_bytes: usize,
}

impl Endpoint {
    /// Says what is wrong with the URL or a header.
    pub(super) fn new(
        url: &str,
        headers: &[(String, String)],
        settings: &Settings,
    ) -> Result<Endpoint, String> {
        let origin = origin(url);
        let uri = url.parse().map_err(|error| format!("its URL, {origin}, is not one: {error}"))?;
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let key = HeaderName::from_bytes(name.as_bytes());
            let key = key.map_err(|_| format!("{name:?} is no name of an HTTP header"))?;
            let mut value = HeaderValue::from_bytes(value.as_bytes())
                .map_err(|_| format!("the value of its header {name} is not allowed in HTTP"))?;
            value.set_sensitive(true);
            map.append(key, value);
        }
        Ok(Endpoint {
            url: uri,
            origin,
            headers: map,
            connect_limit: settings.start_timeout.min(LONGEST_CONNECT),
            notice_limit: settings.request_timeout,
            farewell_limit: settings.stop_timeout,
            max_message_bytes: settings.max_message_bytes,
        })
    }

    /// A client with a connection of its own, that ends no exchange for the time it takes. Reads files, so not for
    /// a loop.
    pub(super) fn agent(&self) -> Result<Agent, Failure> {
        let roots = trust::authorities().map_err(Failure::Server)?;
        let config = Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .http_status_as_error(false)
            // Another host is not to see the headers, and another URL belongs into the configuration.
            .max_redirects(0)
            .user_agent(concat!("mcp-event/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(self.connect_limit))
            .timeout_connect(Some(self.connect_limit))
            .max_idle_connections(1)
            .build();
        Ok(config.new_agent())
    }

    /// Sends a message; `limit` bounds the whole exchange.
    pub(super) fn post(
        &self,
        agent: &Agent,
        session: &Session,
        message: &str,
        limit: Option<Duration>,
    ) -> Result<Response<Body>, Failure> {
        let mut request = self.request(Method::POST, session, message.trim_end());
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        self.run(agent, request, limit)
    }

    /// Opens a stream of the server's messages: its own, or after an event of this id the one that had it.
    pub(super) fn get(
        &self,
        agent: &Agent,
        session: &Session,
        last_event: Option<&str>,
    ) -> Result<Response<Body>, Failure> {
        let mut request = self.request(Method::GET, session, ());
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(id) = last_event.and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert(LAST_EVENT_ID, id);
        }
        self.run(agent, request, None)
    }

    /// Ends the session.
    pub(super) fn delete(&self, agent: &Agent, session: &Session) -> Result<Response<Body>, Failure> {
        self.run(agent, self.request(Method::DELETE, session, ()), Some(self.farewell_limit))
    }

    fn request<B>(&self, method: Method, session: &Session, body: B) -> Request<B> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        for (name, value) in [(SESSION_ID, &session.id), (PROTOCOL_VERSION, &session.revision)] {
            if let Some(value) = value {
                request.headers_mut().insert(name, value.clone());
            }
        }
        request
    }

    fn run<B: AsSendBody>(
        &self,
        agent: &Agent,
        request: Request<B>,
        limit: Option<Duration>,
    ) -> Result<Response<Body>, Failure> {
        let response = match limit {
            None => agent.run(request),
            Some(limit) => {
                let request = agent.configure_request(request).timeout_global(Some(limit)).build();
                agent.run(request)
            }
        };
        response.map_err(|error| Failure::new(&self.origin, error))
    }
}
