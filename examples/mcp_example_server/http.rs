//! The server over streamable HTTP: one session for each `initialize`, one answer to each POST. An answer that is
//! not the first thing said goes out as a stream of events.

use std::{
    collections::HashMap,
    io::{self, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    process,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
};

use super::http_request::HttpRequest;
use super::json_rpc;
use super::outlet::Outlet;
use super::session::Session;

type SharedSession = Arc<Mutex<Session>>;

struct Http<F> {
    make_session: F,
    outlet: Arc<Outlet>,
    sessions: Mutex<Sessions>,
}

#[derive(Default)]
struct Sessions {
    made: u64,
    open: HashMap<String, SharedSession>,
}

/// Serves until the process is ended. `outlet` is the model of those that answers leave through.
pub fn serve(
    name: &str,
    address: SocketAddr,
    outlet: Arc<Outlet>,
    make_session: impl Fn() -> Session + Send + Sync + 'static,
) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    eprintln!("{name}: listening on http://{}/mcp", listener.local_addr()?);
    let http = Arc::new(Http { make_session, outlet, sessions: Mutex::default() });
    for stream in listener.incoming() {
        let (stream, http) = (stream?, http.clone());
        // A client that goes away is no news.
        thread::spawn(move || drop(http.serve_connection(&stream)));
    }
    Ok(())
}

impl<F: Fn() -> Session> Http<F> {
    fn serve_connection(&self, stream: &TcpStream) -> io::Result<()> {
        let mut input = BufReader::new(stream);
        while let Some(request) = HttpRequest::read(&mut input)? {
            if !self.serve_request(&request, stream)? {
                return stream.shutdown(Shutdown::Both);
            }
        }
        Ok(())
    }

    /// False when the connection is to end.
    fn serve_request(&self, request: &HttpRequest, stream: &TcpStream) -> io::Result<bool> {
        // No page in a browser is a client of ours.
        if request.header("origin").is_some() {
            return respond(stream, "403 Forbidden", "", b"");
        }
        let named = request.header("mcp-session-id");
        let known = named.and_then(|id| self.sessions().open.get(id).cloned());
        match (request.verb.as_str(), known) {
            ("POST", Some(session)) => self.answer(&session, &request.body, "", stream),
            ("POST", None) if named.is_none() && is_initialize(&request.body) => {
                let (id, session) = self.open_session();
                self.answer(&session, &request.body, &format!("Mcp-Session-Id: {id}\r\n"), stream)
            }
            ("DELETE", Some(_)) => {
                self.sessions().open.remove(named.unwrap_or_default());
                respond(stream, "200 OK", "", b"")
            }
            ("POST" | "DELETE", None) if named.is_some() => {
                respond(stream, "404 Not Found", "", b"no such session")
            }
            ("POST" | "DELETE", None) => respond(stream, "400 Bad Request", "", b"initialize first"),
            _ => respond(stream, "405 Method Not Allowed", "", b""),
        }
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_session(&self) -> (String, SharedSession) {
        let session = Arc::new(Mutex::new((self.make_session)()));
        let mut sessions = self.sessions();
        sessions.made += 1;
        let id = format!("{}-{}", process::id(), sessions.made);
        sessions.open.insert(id.clone(), session.clone());
        (id, session)
    }

    /// Has the session handle a message, and sends what it says to it.
    fn answer(
        &self,
        session: &SharedSession,
        body: &[u8],
        headers: &str,
        mut stream: &TcpStream,
    ) -> io::Result<bool> {
        let (sender, lines) = mpsc::channel();
        let outlet = Arc::new(self.outlet.onto(sender));
        session.lock().unwrap_or_else(PoisonError::into_inner).receive_from(body, outlet);
        let message = json_rpc::parse(body).unwrap_or_default();
        let Ok(first) = lines.recv() else {
            if message.get("method").is_none() || message.get("id").is_none() {
                return respond(stream, "202 Accepted", headers, b"");
            }
            // Told not to answer: leaves the client to itself until it goes.
            return stream.read(&mut [0]).map(|_| false);
        };
        let is_answer = json_rpc::parse(&first).is_ok_and(|first| json_rpc::is_response(&first));
        if is_answer {
            return respond(
                stream,
                "200 OK",
                &format!("Content-Type: application/json\r\n{headers}"),
                &first,
            );
        }
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{headers}\r\n")?;
        for line in std::iter::once(first).chain(lines) {
            stream.write_all(&[b"data: ", line.trim_ascii_end(), b"\n\n"].concat())?;
        }
        Ok(false)
    }
}

fn is_initialize(body: &[u8]) -> bool {
    json_rpc::parse(body)
        .is_ok_and(|message| message.get("method").is_some_and(|method| method == "initialize"))
}

fn respond(mut stream: &TcpStream, status: &str, headers: &str, body: &[u8]) -> io::Result<bool> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat())?;
    Ok(true)
}
