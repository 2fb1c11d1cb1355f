//! As much of HTTP/1.1 as a page needs that is fetched by programs: one request a connection, without a body.

use std::io;
use std::net::{Shutdown, TcpStream};

use mcp_event::task::AsyncFd;

/// How long a request may be.
const MOST_BYTES: usize = 8 << 10;

/// The first line of a request; the others do not matter to us.
pub struct Request {
    pub method: String,
    /// Without what follows a question mark.
    pub path: String,
}

pub struct Response {
    /// Number and words.
    pub status: &'static str,
    /// More header fields, each with its end.
    pub fields: &'static str,
    pub content_type: &'static str,
    pub body: String,
}

impl Response {
    /// A short text for people.
    pub fn text(status: &'static str, body: &str) -> Response {
        Response { status, fields: "", content_type: "text/plain; charset=utf-8", body: format!("{body}\n") }
    }

    /// To be sent; to a request for the head alone, without the body.
    pub fn encode(&self, head_only: bool) -> String {
        let Response { status, fields, content_type, body } = self;
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\
             {fields}Connection: close\r\n\r\n{}",
            if head_only { "" } else { body }
        )
    }
}

/// Reads a request; when it is none, says so in a response.
pub async fn read_request(stream: &AsyncFd<TcpStream>) -> io::Result<Result<Request, Response>> {
    let mut text = Vec::new();
    let mut buffer = [0; 1024];
    while !text.windows(4).any(|end| end == b"\r\n\r\n") {
        if text.len() > MOST_BYTES {
            return Ok(Err(Response::text(
                "431 Request Header Fields Too Large",
                "The request is too long.",
            )));
        }
        match stream.read(&mut buffer).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => text.extend_from_slice(&buffer[..length]),
        }
    }
    Ok(parse(&text).ok_or_else(|| Response::text("400 Bad Request", "That is no HTTP request.")))
}

/// Sends a response, and waits until the other side has closed: a connection that we close with bytes of it unread
/// is reset, and the response may be lost.
pub async fn send(stream: &AsyncFd<TcpStream>, response: &[u8]) -> io::Result<()> {
    stream.write_all(response).await?;
    stream.get_ref().shutdown(Shutdown::Write)?;
    let mut buffer = [0; 1024];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}

fn parse(text: &[u8]) -> Option<Request> {
    let line = text.split(|byte| *byte == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    if !version.starts_with("HTTP/1.") || words.next().is_some() {
        return None;
    }
    let path = target.split('?').next()?;
    Some(Request { method: method.to_owned(), path: path.to_owned() })
}
