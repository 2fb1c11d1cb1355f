//! A client that fetches pages on a plain socket, while its own thread runs the loop that serves them.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use mcp_event::{Dispatcher, RunType};

/// What came back.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    /// Panics at whatever is no whole response.
    pub fn new(bytes: &[u8]) -> Response {
        let text = std::str::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {text:?}"));
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().strip_prefix("HTTP/1.1 ").unwrap();
        let fields = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        });
        Response { status: status[..3].parse().unwrap(), fields: fields.collect(), body: body.to_owned() }
    }

    #[track_caller]
    pub fn field(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(known, _)| known == name);
        &found.unwrap_or_else(|| panic!("no {name} in {:?}", self.fields)).1
    }
}

/// A connection to an endpoint.
pub struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

/// So often is a loop run for what must come at once; a test that fails does not hang.
const PATIENCE: usize = 100_000;

impl Client {
    pub fn new(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nonblocking(true).unwrap();
        Client { stream, received: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Whether the other side has closed; takes what has come until then.
    fn is_closed(&mut self) -> bool {
        let mut buffer = [0; 64 << 10];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return true,
                Ok(length) => self.received.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return true,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Runs the loop until the other side closes, and gives all that it sent.
    #[track_caller]
    pub fn finish(&mut self, dispatcher: &Dispatcher) -> Vec<u8> {
        for _ in 0..PATIENCE {
            dispatcher.run(RunType::NonBlock).unwrap();
            if self.is_closed() {
                return std::mem::take(&mut self.received);
            }
        }
        panic!("the connection stays open; received: {:?}", String::from_utf8_lossy(&self.received));
    }

    #[track_caller]
    pub fn response(&mut self, dispatcher: &Dispatcher) -> Response {
        Response::new(&self.finish(dispatcher))
    }
}

/// One request, and its response.
#[track_caller]
pub fn fetch(dispatcher: &Dispatcher, address: SocketAddr, request: impl AsRef<[u8]>) -> Response {
    let mut client = Client::new(address);
    client.send(request);
    client.response(dispatcher)
}
