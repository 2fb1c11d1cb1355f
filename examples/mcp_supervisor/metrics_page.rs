//! The figures of the servers, for Prometheus to fetch: `GET /metrics`.

use std::error::Error;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use mcp_event::Handle;
use mcp_event::server::{MetricsSnapshot, Servers};
use mcp_event::task::AsyncFd;

use super::http::{self, Request, Response};

/// How many may be served at a time; who comes in excess is turned away.
const GUESTS: usize = 64;
/// How long the request may take to come, and the response to go.
const PATIENCE: Duration = Duration::from_secs(5);
/// After a guest could not be let in, for want of file descriptors, say.
const PAUSE: Duration = Duration::from_millis(100);

/// Listens at an address such as `127.0.0.1:9464`.
pub fn bind(address: &str) -> Result<TcpListener, String> {
    TcpListener::bind(address).map_err(|error| format!("serving the metrics at {address}: {error}"))
}

/// Serves whoever connects, on the loop of `dispatcher`, for as long as that runs.
pub fn serve(dispatcher: &Handle, listener: TcpListener, servers: Servers) -> Result<(), Box<dyn Error>> {
    let listener = dispatcher.watch(listener)?;
    dispatcher.spawn(let_in(dispatcher.clone(), listener, servers))?;
    Ok(())
}

async fn let_in(dispatcher: Handle, listener: AsyncFd<TcpListener>, servers: Servers) {
    let guests = Arc::new(());
    loop {
        let stream = match listener.read_with(TcpListener::accept).await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the metrics have a guest who cannot be let in");
                dispatcher.sleep(PAUSE).await;
                continue;
            }
        };
        let place = guests.clone();
        if Arc::strong_count(&place) > 1 + GUESTS {
            continue;
        }
        let (host, servers) = (dispatcher.clone(), servers.clone());
        let visit = async move {
            if let Err(error) = receive(&host, stream, &servers).await {
                tracing::debug!(%error, "a guest of the metrics has left early");
            }
            drop(place);
        };
        if dispatcher.spawn(visit).is_err() {
            return;
        }
    }
}

async fn receive(dispatcher: &Handle, stream: TcpStream, servers: &Servers) -> io::Result<()> {
    let stream = dispatcher.watch(stream)?;
    let (response, head_only) = match dispatcher.timeout(PATIENCE, http::read_request(&stream)).await {
        Ok(read) => match read? {
            Ok(request) => (answer(&request, servers), request.method == "HEAD"),
            Err(refusal) => (refusal, false),
        },
        Err(_elapsed) => (Response::text("408 Request Timeout", "The request took too long."), false),
    };
    let response = response.encode(head_only);
    dispatcher.timeout(PATIENCE, http::send(&stream, response.as_bytes())).await?
}

fn answer(request: &Request, servers: &Servers) -> Response {
    if request.path != "/metrics" {
        return Response::text("404 Not Found", "The metrics are at /metrics.");
    }
    match request.method.as_str() {
        "GET" | "HEAD" => Response {
            status: "200 OK",
            fields: "",
            content_type: MetricsSnapshot::PROMETHEUS_CONTENT_TYPE,
            body: servers.prometheus(),
        },
        _ => Response {
            fields: "Allow: GET, HEAD\r\n",
            ..Response::text("405 Method Not Allowed", "The metrics can be read, and nothing else.")
        },
    }
}
