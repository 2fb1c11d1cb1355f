//! HTTP requests, read from a connection. Bodies have a known length.

use std::io::{self, BufRead, Read};

/// A request.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    pub verb: String,
    /// Their names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// Reads the next request; `None` if the connection ends before it does.
    pub fn read(input: &mut impl BufRead) -> io::Result<Option<HttpRequest>> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if input.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let mut lines = lines.iter();
        let verb = lines.next().and_then(|line| line.split(' ').next()).unwrap_or_default().to_owned();
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers =
            headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
        let mut request = HttpRequest { verb, headers, body: Vec::new() };
        let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        input.by_ref().take(length).read_to_end(&mut request.body)?;
        Ok(Some(request).filter(|request| request.body.len() as u64 == length))
    }

    /// The header of this name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}
