//! A small MCP server over streamable HTTP, in this process, that a test can have do anything else instead.

use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

use super::http_request::HttpRequest;

const LONG: Duration = Duration::from_secs(60);

/// What came.
#[derive(Debug, Clone)]
pub struct Request {
    pub verb: String,
    /// Null if there was none.
    pub body: Value,
    http: HttpRequest,
}

impl Request {
    fn new(http: HttpRequest) -> Request {
        Request {
            verb: http.verb.clone(),
            body: serde_json::from_slice(&http.body).unwrap_or_default(),
            http,
        }
    }

    /// The method of the message.
    pub fn method(&self) -> &str {
        self.body["method"].as_str().unwrap_or_default()
    }

    /// The header of this name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.http.header(name)
    }
}

/// A request that is to be answered. Dropped, it has the connection closed.
pub struct Exchange {
    pub request: Request,
    stream: Arc<TcpStream>,
    stage: Arc<Stage>,
}

impl Exchange {
    /// Does what a server of good manners does.
    pub fn serve(self) {
        let Request { verb, body, .. } = &self.request;
        let session = self.request.header("mcp-session-id").map(str::to_owned);
        if self.request.method() == "initialize" {
            let number = self.stage.sessions.fetch_add(1, Ordering::SeqCst) + 1;
            let result = json!({
                "protocolVersion": "2025-06-18",
                "capabilities": { "tools": {} },
                "serverInfo": { "name": "small", "version": "1" },
            });
            let answer = json!({ "jsonrpc": "2.0", "id": body["id"], "result": result });
            let headers = format!("Content-Type: application/json\r\nMcp-Session-Id: session-{number}\r\n");
            return self.respond("200 OK", &headers, &answer.to_string());
        }
        let current = format!("session-{}", self.stage.sessions.load(Ordering::SeqCst));
        if session.as_deref() != Some(current.as_str()) {
            return self.refuse("404 Not Found", "no such session");
        }
        match verb.as_str() {
            "POST" if body["id"].is_null() || self.request.method().is_empty() => self.accept(),
            "POST" => {
                let result = match self.request.method() {
                    "tools/list" => json!({ "tools": [{ "name": "echo" }] }),
                    "ping" => json!({}),
                    _ => body["params"].clone(),
                };
                self.answer(result);
            }
            "GET" => self.refuse("405 Method Not Allowed", ""),
            _ => self.respond("200 OK", "", ""),
        }
    }

    /// Answers with a result, as JSON.
    pub fn answer(self, result: Value) {
        let message = json!({ "jsonrpc": "2.0", "id": self.request.body["id"], "result": result });
        self.say("application/json", &message.to_string());
    }

    pub fn accept(self) {
        self.respond("202 Accepted", "", "");
    }

    pub fn refuse(self, status: &str, text: &str) {
        self.respond(status, "Content-Type: text/plain\r\n", text);
    }

    /// Answers with a body of this type.
    pub fn say(self, kind: &str, body: &str) {
        self.respond("200 OK", &format!("Content-Type: {kind}\r\n"), body);
    }

    pub fn respond(self, status: &str, headers: &str, body: &str) {
        let length = body.len();
        self.write(&format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n{body}"));
        self.stage.goes_on.store(true, Ordering::SeqCst);
    }

    /// Begins a stream of events; it ends when the exchange is dropped.
    pub fn begin_events(&self) {
        self.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n");
    }

    /// Sends an event that is a message.
    pub fn event(&self, message: &Value) {
        self.write(&format!("event: message\ndata: {message}\n\n"));
    }

    /// Sends the event that is the result.
    pub fn result_event(&self, result: Value) {
        self.event(&json!({ "jsonrpc": "2.0", "id": self.request.body["id"], "result": result }));
    }

    /// Writes as it is. That the other side has gone shows elsewhere.
    pub fn write(&self, text: &str) {
        let mut stream = &*self.stream;
        let _ = stream.write_all(text.as_bytes());
    }

    /// Does not answer, until the other side has gone.
    pub fn hold(self) {
        let mut stream = &*self.stream;
        let _ = stream.read(&mut [0]);
    }
}

/// What all connections of one server share; `goes_on` is its connection's own.
struct Stage {
    sessions: Arc<AtomicUsize>,
    goes_on: AtomicBool,
}

/// What came so far, in order.
#[derive(Default)]
struct Visits {
    requests: Mutex<Vec<Request>>,
    grown: Condvar,
}

/// The server. Dropped, it is gone, and all its connections with it.
pub struct HttpServer {
    pub address: SocketAddr,
    visits: Arc<Visits>,
    connections: Arc<Mutex<Vec<Arc<TcpStream>>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl HttpServer {
    /// A server that does with each exchange what `handle` says.
    pub fn start(handle: impl Fn(Exchange) + Send + Sync + 'static) -> HttpServer {
        HttpServer::start_at(([127, 0, 0, 1], 0).into(), handle)
    }

    pub fn start_at(address: SocketAddr, handle: impl Fn(Exchange) + Send + Sync + 'static) -> HttpServer {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (visits, connections) = (Arc::new(Visits::default()), Arc::new(Mutex::new(Vec::new())));
        let is_over = Arc::new(AtomicBool::new(false));
        let (seen, open, over) = (visits.clone(), connections.clone(), is_over.clone());
        let thread = thread::spawn(move || {
            let (handle, sessions) = (Arc::new(handle), Arc::new(AtomicUsize::new(0)));
            let mut threads = Vec::new();
            loop {
                let (stream, _) = listener.accept().unwrap();
                if over.load(Ordering::SeqCst) {
                    break;
                }
                let stream = Arc::new(stream);
                open.lock().unwrap().push(stream.clone());
                let (handle, seen) = (handle.clone(), seen.clone());
                let stage = Arc::new(Stage { sessions: sessions.clone(), goes_on: AtomicBool::new(false) });
                threads.push(thread::spawn(move || serve(&stream, &stage, &seen, &*handle)));
            }
            drop(listener);
            for stream in open.lock().unwrap().iter() {
                let _ = stream.shutdown(Shutdown::Both);
            }
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        HttpServer { address, visits, connections, is_over, thread: Some(thread) }
    }

    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// What came so far.
    pub fn requests(&self) -> Vec<Request> {
        self.visits.requests.lock().unwrap().clone()
    }

    /// Waits for a request that `is_it`.
    #[track_caller]
    pub fn until(&self, is_it: impl Fn(&Request) -> bool) -> Request {
        let requests = self.visits.requests.lock().unwrap();
        let (requests, _) = self
            .visits
            .grown
            .wait_timeout_while(requests, LONG, |requests| !requests.iter().any(&is_it))
            .unwrap();
        requests.iter().find(|request| is_it(request)).cloned().expect("it never came")
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread.
        drop(TcpStream::connect(self.address));
        let ended = self.thread.take().unwrap().join();
        self.connections.lock().unwrap().clear();
        assert!(ended.is_ok() || thread::panicking(), "a handler panicked");
    }
}

fn serve(stream: &Arc<TcpStream>, stage: &Arc<Stage>, visits: &Visits, handle: &dyn Fn(Exchange)) {
    let mut input = BufReader::new(&**stream);
    while let Ok(Some(request)) = HttpRequest::read(&mut input) {
        let request = Request::new(request);
        visits.requests.lock().unwrap().push(request.clone());
        visits.grown.notify_all();
        stage.goes_on.store(false, Ordering::SeqCst);
        handle(Exchange { request, stream: stream.clone(), stage: stage.clone() });
        if !stage.goes_on.load(Ordering::SeqCst) {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}
